"""The steps of a turn as its events come: one per model call, with its open blocks and its tool calls."""

from collections import Counter
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Block:
    """A text or reasoning under way; `kind` is which."""

    kind: str
    message_id: str
    id: str


class Steps:
    """A message that is heard for the first time begins a step.

    The pieces of one whose step is over, because two models speak at once, go into another block within the step that
    is under way.
    """

    def __init__(self) -> None:
        self._is_open = False
        self._begun: set[str] = set()
        self._blocks: dict[tuple[str, str], Block] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._calls: Counter[str] = Counter()
        self._open_calls: dict[str, str] = {}

    def is_new(self, message_id: str) -> bool:
        """Whether nothing of the message has been heard, so that a step has to begin."""
        return message_id not in self._begun

    def begin(self, message_id: str) -> None:
        """Begin a step with a message; the former step has ended."""
        self._is_open = True
        self._begun.add(message_id)

    def end(self) -> bool:
        """End the step, and say whether there was one. Its blocks have ended."""
        was_open, self._is_open = self._is_open, False
        return was_open

    def hear(self, kind: str, message_id: str) -> tuple[list[Block], Block, bool]:
        """The blocks that a piece ends, the block that it belongs to, and whether that is new."""
        ended = self.end_reasoning() if kind == "text" else []
        place = (kind, message_id)
        if place in self._blocks:
            return ended, self._blocks[place], False
        self._counts[place] += 1
        self._blocks[place] = block = Block(kind, message_id, _name(kind, message_id, self._counts[place]))
        return ended, block, True

    def end_reasoning(self) -> list[Block]:
        """The blocks of reasoning, which end with the first word or call that follows."""
        return self._end([one for one in self._blocks.values() if one.kind == "reasoning"])

    def end_blocks(self) -> list[Block]:
        return self._end(list(self._blocks.values()))

    def _end(self, blocks: list[Block]) -> list[Block]:
        for one in blocks:
            del self._blocks[one.kind, one.message_id]
        return blocks

    def call(self, data: dict[str, Any]) -> tuple[str, bool]:
        """The id of a call that a message makes, and whether an open call has it already.

        A call without an id of its own is known by its place.
        """
        message_id = data["message_id"]
        self._calls[message_id] += 1
        call_id = data["tool_call_id"] or f"{message_id}-{self._calls[message_id]}"
        again = call_id in self._open_calls
        self._open_calls[call_id] = message_id
        return call_id, again

    def answer(self, call_id: str | None) -> str | None:
        """Take a call's result, and give the id of the message that made the call, None where no call waits for it."""
        return self._open_calls.pop(call_id, None) if call_id else None

    def unanswered(self) -> list[str]:
        """The calls without a result, which are over with the turn."""
        calls = list(self._open_calls)
        self._open_calls.clear()
        return calls


def _name(kind: str, message_id: str, number: int) -> str:
    name = message_id if kind == "text" else f"reasoning-{message_id}"
    return name if number == 1 else f"{name}-{number}"
