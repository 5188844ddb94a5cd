"""The room in one answer of a function, and the cuts of a message that takes more."""

from itertools import accumulate
from typing import Any, TypeVar

from pydantic import BaseModel

from chatkeep.text import serialised

ROOM_BYTES = 5 * 1024 * 1024
"""The room for all entries of an answer; the rest of Lambda's 6 MB is for the body around them:
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

Entry = TypeVar("Entry", bound=BaseModel)
ToolCalls = list[dict[str, Any]]


def size(value: Any) -> int:
    """The bytes that `value` takes in the body of a function's result, which is JSON in a string of JSON."""
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    text = serialised(serialised(plain))
    # simplejson, with which Lambda's Python runtime writes results, escapes these two in some versions.
    escaped = text.count("\u2028") + text.count("\u2029")
    return len(text.encode(errors="surrogatepass")) - len('""') + 3 * escaped


def first(entries: list[Entry]) -> list[Entry]:
    """As many of the first entries as fit into one answer; the first one must."""
    taken = accumulate(size(one) for one in entries)
    return entries[: sum(so_far <= ROOM_BYTES for so_far in taken)]


def beginning(text: str, room: int) -> str:
    """As many of the first characters of `text` as take at most `room` bytes."""
    quotes = size("")
    end, left, step = 0, room - quotes, 1 << 16
    while step and end < len(text):
        taken = size(text[end : end + step]) - quotes
        if taken <= left:
            end, left = end + step, left - taken
        else:
            step //= 2
    return text[:end]


def lighter(calls: ToolCalls, room: int) -> ToolCalls:
    """Tool calls that take at most `room` bytes: the longest arguments are left out first, then the last calls.

    A call without its arguments has `args: {}` and `truncated: true`.
    """
    kept, excess = list(calls), size(calls) - room
    sizes = [size(call) for call in calls] if excess > 0 else []
    for number in sorted(range(len(sizes)), key=sizes.__getitem__, reverse=True):
        without = {**calls[number], "args": {}, "truncated": True}
        if excess > 0 and (saved := sizes[number] - size(without)) > 0:
            kept[number], excess = without, excess - saved
    while kept and excess > 0:
        excess -= size(kept.pop())
    return kept
