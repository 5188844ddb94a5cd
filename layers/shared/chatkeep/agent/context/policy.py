"""What a session wants done when its conversation outgrows its model's context."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from chatkeep.models.session import OnOverflow

EARLY = 0.8
"""The part of the room that messages may take before older ones are summarised, where the session has that on."""
SMALLEST_ROOM = 256
"""Tokens; a limit under twice as many is no limit of a model that can hold a conversation."""


@dataclass(frozen=True)
class Policy:
    """`summarizes_early` is the session's `enable_summarization`, and `on_overflow` what is done without it.

    `limit` tells how many tokens the model reads, of which an answer may take `max_tokens`. At `answer_by`, a moment of
    `time.monotonic`, the turn's time is over.
    """

    model_name: str
    limit: Callable[[], int | None]
    max_tokens: int
    summarizes_early: bool
    on_overflow: OnOverflow
    answer_by: float

    @property
    def summarizes(self) -> bool:
        return self.summarizes_early or self.on_overflow is OnOverflow.SUMMARIZE

    @property
    def refuses(self) -> bool:
        """Whether a conversation that is too long is left to the provider, who refuses it."""
        return not self.summarizes_early and self.on_overflow is OnOverflow.REFUSE

    @property
    def room(self) -> int | None:
        """Tokens for what the model reads; None where its limit is not known."""
        limit = self.limit()
        return None if limit is None else self.room_within(limit)

    def room_within(self, limit: int) -> int:
        """The room where question and answer together may take `limit` tokens, as most endpoints count.

        The answer keeps its `max_tokens`, but not more than half of the whole.
        """
        return max(SMALLEST_ROOM, limit - min(self.max_tokens, limit // 2))

    @property
    def answer_tokens(self) -> int:
        """What an answer may take at most."""
        limit = self.limit()
        return self.max_tokens if limit is None else min(self.max_tokens, limit // 2)

    def threshold(self, room: int) -> int:
        """Tokens from which on something is done."""
        return int(room * EARLY) if self.summarizes_early else room

    def seconds_left(self) -> float:
        return self.answer_by - time.monotonic()
