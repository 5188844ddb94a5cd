"""A conversation as every endpoint takes it.

Templates of open models want the roles to alternate, some endpoints refuse blank text, and all want a tool call to be
answered right away. A session may have gone through turns without words, calls that were cut off, and results of calls
that nobody made. The prompt is put right here; the thread and the transcript stay true to the facts.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from chatkeep.agent.models.content import Content, cleaned, has_words, together
from chatkeep.turns.encodable import as_json, storable

NO_WORDS = "…"
"""Stands for a message that has to be there and has no words."""
NO_RESULT = "(no result)"
NOT_ANSWERED = "The call was stopped before it gave a result."
MERGED = {"system", "human", "ai"}
NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
"""Names, and ids of calls, that each takes: https://platform.openai.com/docs/api-reference/chat/create,
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolUseBlock.html"""


def admissible(messages: Sequence[BaseMessage], *, tools: bool) -> list[BaseMessage]:
    """`messages` with one system message at most, then the user's and the model's in turn, none of them blank, and each
    tool call answered once, right after it was made. Without `tools` no calls are sent. Never raises.
    """
    system = [cleaned(one) for one in messages if isinstance(one, SystemMessage) and has_words(one.content)]
    rest = [one for one in messages if not isinstance(one, SystemMessage)]
    said = _worded(_answered(rest) if tools else _without_calls(rest))
    return [*_merged(system), *_merged(said)]


def _without_calls(messages: Sequence[BaseMessage]) -> Iterator[BaseMessage]:
    return (_with_calls(one, []) for one in messages if not isinstance(one, ToolMessage))


def _answered(messages: Sequence[BaseMessage]) -> Iterator[BaseMessage]:
    """Each call with its result after it; results of calls that nobody made are left out."""
    for place, one in enumerate(messages):
        if isinstance(one, ToolMessage):
            continue  # it comes with the call that it answers
        calls = {}
        if isinstance(one, AIMessage) and one.tool_calls:
            calls = {str(call["id"]): call for call in one.tool_calls if call["id"] and call["name"]}
        yield _with_calls(one, [_sent(call) for call in calls.values()])
        results = _results(messages, place + 1) if calls else {}
        for call_id in calls:
            yield _result(call_id, results.get(call_id))


def _results(messages: Sequence[BaseMessage], start: int) -> dict[str, ToolMessage]:
    """The first result for each call from `start` to the model's next answer."""
    found: dict[str, ToolMessage] = {}
    for place in range(start, len(messages)):
        one = messages[place]
        if isinstance(one, AIMessage):
            break
        if isinstance(one, ToolMessage):
            found.setdefault(one.tool_call_id, one)
    return found


def _result(call_id: str, result: ToolMessage | None) -> ToolMessage:
    if result is None:
        return ToolMessage(NOT_ANSWERED, tool_call_id=_name(call_id), status="error")
    content = storable(result.content) if has_words(result.content) else NO_RESULT
    return result.model_copy(update={"content": content, "tool_call_id": _name(call_id)})


def _sent(call: Any) -> dict[str, Any]:
    arguments = call["args"] if isinstance(call["args"], dict) else {}
    return {"type": "tool_call", "id": _name(call["id"]), "name": _name(call["name"]), "args": as_json(arguments)}


def _name(name: str) -> str:
    """`name` where providers take it as it is, else a digest: the same name gives the same one."""
    if NAME.fullmatch(name):
        return name
    return "x_" + hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:24]


def _with_calls(message: BaseMessage, calls: list[dict[str, Any]]) -> BaseMessage:
    """`message` with clean content, and of tool calls with these alone."""
    clean = cleaned(message)
    if not isinstance(clean, AIMessage):
        return clean
    if not (calls or clean.tool_calls or clean.invalid_tool_calls or clean.additional_kwargs):
        return clean
    # Calls that could not be read lie in the additional arguments too.
    return clean.model_copy(update={"tool_calls": calls, "invalid_tool_calls": [], "additional_kwargs": {}})


def _worded(messages: Iterator[BaseMessage]) -> Iterator[BaseMessage]:
    """Without the answers that have no words, unless the result of a tool comes before; a message that has to be there
    gets words where it has none."""
    before: BaseMessage | None = None
    for one in messages:
        if isinstance(one, AIMessage) and not one.tool_calls and not has_words(one.content):
            if not isinstance(before, ToolMessage):
                continue
            one = _with_content(one, NO_WORDS)
        elif isinstance(one, HumanMessage) and not has_words(one.content):
            one = _with_content(one, NO_WORDS)
        if before is None and not isinstance(one, HumanMessage):
            yield HumanMessage(NO_WORDS)
        elif isinstance(before, ToolMessage) and isinstance(one, HumanMessage):
            yield AIMessage(NO_WORDS)
        yield one
        before = one
    if before is None:
        yield HumanMessage(NO_WORDS)


def _with_content(message: BaseMessage, content: Content) -> BaseMessage:
    return message.model_copy(update={"content": content})


def _merged(messages: Iterator[BaseMessage] | Sequence[BaseMessage]) -> list[BaseMessage]:
    """Neighbours of one role as one message; but for results, and for calls, whose results come between."""
    merged: list[BaseMessage] = []
    for one in messages:
        last = merged[-1] if merged else None
        alike = last is not None and last.type == one.type and one.type in MERGED
        if last is None or not alike or getattr(last, "tool_calls", None):
            merged.append(one)
        else:
            merged[-1] = _with_content(one, together(last.content, one.content))
    return merged
