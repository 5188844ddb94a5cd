"""Messages as they enter a thread from a model or a tool: made such that they can be stored, shown and sent again."""

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

from chatkeep.turns.plain import storable

FIELDS = ("content", "additional_kwargs", "response_metadata", "name")
OF_KIND: dict[type[BaseMessage], tuple[str, ...]] = {
    AIMessage: ("tool_calls", "invalid_tool_calls"),
    ToolMessage: ("artifact",),
}


def mend(message: BaseMessage) -> None:
    """Replace in `message` itself what no storage keeps: halves of surrogate pairs, integers over 64 bits, structures
    that are nested too deeply. Never raises; most messages stay as they are."""
    fields = [*FIELDS, *(name for kind, names in OF_KIND.items() if isinstance(message, kind) for name in names)]
    for name in fields:
        value = getattr(message, name)
        mended = storable(value)
        if not _same(mended, value):
            setattr(message, name, mended)


def mend_within(value: object) -> None:
    """Mend the messages in `value`, at any depth."""
    if isinstance(value, BaseMessage):
        mend(value)
    elif isinstance(value, dict | list | tuple):
        for one in value.values() if isinstance(value, dict) else value:
            mend_within(one)


def _same(mended: object, value: object) -> bool:
    try:
        return bool(mended == value)
    except Exception:  # whatever a tool returns as its artifact may not be comparable
        return False
