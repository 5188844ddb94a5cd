"""Long messages made short: their beginning and their end stay."""

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, BaseMessageChunk, message_chunk_to_message

from chatkeep.turns import token_estimates

LEFT_OUT = "\n[… {number} characters left out …]\n"
NOTE_TOKENS = 14
MOST_CUTS = 3
"""A text is cut by its characters, of which some have more tokens than others."""
LEAST_TOKENS = 40
"""Of a message that is shortened, with its note."""
DEEPEST = 6
"""Blocks within blocks; no provider has more."""
AS_TEXT = "arguments"
"""In place of a call's arguments where they are many short ones: their JSON, shortened."""
TOO_LITTLE = 1.5
"""Times what it should be: a call whose arguments are still so long has too many of them to shorten each."""


def shortened(messages: Sequence[BaseMessage], room: int) -> list[BaseMessage]:
    """`messages` with the longest of them cut in their middle, all to the same length, so that they take about `room`
    estimated tokens where that can be: their texts, and the arguments of tool calls. Never raises."""
    sizes = [token_estimates.message_tokens(one) for one in messages]
    if sum(sizes) <= room:
        return list(messages)
    wanted = room
    for _ in range(MOST_CUTS):
        cut = _within(messages, sizes, wanted)
        if (over := sum(map(token_estimates.message_tokens, cut)) - room) <= 0:
            break
        wanted -= over
    return cut


def beginning(text: str, most: int) -> str:
    """As much of the beginning of `text` as takes about `most` estimated tokens."""
    taken = token_estimates.tokens(text)
    if taken <= most:
        return text
    return text[: max(1, int(len(text) * most / taken) - 2)].rstrip() + " …"


def _within(messages: Sequence[BaseMessage], sizes: Sequence[int], room: int) -> list[BaseMessage]:
    low, high = LEAST_TOKENS, max(sizes)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if sum(min(size, middle) for size in sizes) <= room else (low, middle - 1)
    return [
        one if size <= low else _cut(one, (low - NOTE_TOKENS) / size) for one, size in zip(messages, sizes, strict=True)
    ]


def _cut(message: BaseMessage, part: float) -> BaseMessage:
    if isinstance(message, BaseMessageChunk):
        message = message_chunk_to_message(message)  # whose calls are not in fragments
    changed: dict[str, Any] = {"content": _content(message.content, part)}
    if isinstance(message, AIMessage):
        changed["tool_calls"] = [{**one, "args": _arguments(one["args"], part)} for one in message.tool_calls]
        changed["invalid_tool_calls"] = [
            {**one, "args": _without_middle(one["args"] or "", part)} for one in message.invalid_tool_calls
        ]
    return message.model_copy(update=changed)


def _content(content: Any, part: float, depth: int = 0) -> Any:
    if isinstance(content, str):
        return _without_middle(content, part)
    if depth == DEEPEST:
        return content
    if isinstance(content, list):
        return [_content(one, part, depth + 1) for one in content]
    if isinstance(content, dict):
        cut = {name: _content(content[name], part, depth + 1) for name in token_estimates.TEXTS if name in content}
        if (data := content.get(token_estimates.DATA)) is not None:
            cut[token_estimates.DATA] = _arguments(data, part) if isinstance(data, Mapping) else _argument(data, part)
        return {**content, **cut}
    return content


def _arguments(arguments: Mapping[str, Any], part: float) -> dict[str, Any]:
    """Those of a call, or other data: an object still, as providers take nothing else."""
    whole = token_estimates.written(arguments)
    cut = {name: _argument(one, part) for name, one in arguments.items()}
    if len(token_estimates.written(cut)) <= TOO_LITTLE * part * len(whole) + len(LEFT_OUT):
        return cut
    return {AS_TEXT: _without_middle(whole, part)}


def _argument(value: Any, part: float) -> Any:
    whole = token_estimates.written(value)
    cut = _without_middle(whole, part)
    return value if cut == whole else cut


def _without_middle(text: str, part: float) -> str:
    """The beginning and the end of `text`, together about so large a `part` of it."""
    half = int(len(text) * part / 2)
    note = LEFT_OUT.format(number=len(text) - 2 * half)
    return text if len(note) + 2 * half >= len(text) else text[:half] + note + text[len(text) - half :]
