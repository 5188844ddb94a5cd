"""The content of messages: text, or a list of blocks of many kinds."""

from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from chatkeep.text import valid
from chatkeep.turns.encodable import storable

Block = str | dict[str, Any]
Content = str | list[Block]

REASONING = {"reasoning", "reasoning_content", "thinking", "redacted_thinking"}
CALLS = {"tool_use", "tool_call", "tool_call_chunk", "input_json_delta", "invalid_tool_call", "function_call"}


def has_words(content: Content) -> bool:
    """Whether there is anything but white space, reasoning and tool calls: words, or an image."""
    if isinstance(content, str):
        return bool(content.strip())
    return any(_tells(block) for block in content)


def cleaned(message: BaseMessage) -> BaseMessage:
    """`message` with valid text, without blank blocks, and without the blocks that repeat an answer's tool calls.

    Blank text becomes empty. The same message where there is nothing to clean.
    """
    content = message.content
    if isinstance(content, str):
        clean: Content = valid(content) if content.strip() else ""
        return message if clean is content or clean == content else message.model_copy(update={"content": clean})
    blocks = [storable(block) for block in content if not _is_blank(block)]
    if isinstance(message, AIMessage):
        blocks = [block for block in blocks if _kind(block) not in CALLS]
        if not message.tool_calls and not any(map(_tells, blocks)):
            blocks = []  # reasoning alone is not an answer that can be sent again
    return message.model_copy(update={"content": blocks or ""})


def together(first: Content, second: Content) -> Content:
    """One content of two: texts as paragraphs, else all blocks."""
    if isinstance(first, str) and isinstance(second, str):
        return "\n\n".join(one for one in (first, second) if one)
    return [*_blocks(first), *_blocks(second)]


def _blocks(content: Content) -> list[Block]:
    return ([{"type": "text", "text": content}] if content else []) if isinstance(content, str) else content


def _kind(block: Block) -> str:
    return "text" if isinstance(block, str) else str(block.get("type", ""))


def _is_blank(block: Block) -> bool:
    text = block if isinstance(block, str) else block.get("text")
    return _kind(block) == "text" and not str(text or "").strip()


def _tells(block: Block) -> bool:
    return not _is_blank(block) and _kind(block) not in REASONING | CALLS
