"""A warm turn does not do more of our own work in a long thread: counted, not timed."""

import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

import chatkeep
from chatkeep.checkpointer import codec
from tests.bench import turn_cpu, turns
from tests.engines import Engine

SHORT, LONG = 15, 150
"""Turns of two messages each."""
MORE_MESSAGES = 2 * (LONG - SHORT)
OURS = str(Path(chatkeep.__file__).parent)


class Work:
    """A count of work: calls of our functions, serializations and hashes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.counts: Counter[str] = Counter()
        for name in ("loads_typed", "dumps_typed"):
            monkeypatch.setattr(JsonPlusSerializer, name, self._counted(name, getattr(JsonPlusSerializer, name)))
        monkeypatch.setattr(codec, "blake2b", self._counted("hashes", codec.blake2b))

    def _counted(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*arguments: Any, **options: Any) -> Any:
            self.counts[name] += 1
            return function(*arguments, **options)

        return counting

    def _on_call(self, frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(OURS):
            self.counts["calls"] += 1

    def of(self, turn: Callable[[], None]) -> Counter[str]:
        self.counts.clear()
        threading.setprofile(self._on_call)  # each turn has threads of its own
        sys.setprofile(self._on_call)
        try:
            turn()
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
        return Counter(self.counts)


def test_a_warm_turn_works_on_a_long_thread_as_on_a_short_one_but_serializes_each_message_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work(monkeypatch)
    short, long = (warm_turn(engine, work, length) for length in (SHORT, LONG))
    for name in ("loads_typed", "dumps_typed"):
        assert long[name] - short[name] == MORE_MESSAGES
    assert long["hashes"] == short["hashes"] > 0
    assert short["calls"] > 500
    assert abs(long["calls"] - short["calls"]) < MORE_MESSAGES / 10


def warm_turn(engine: Engine, work: Work, length: int) -> Counter[str]:
    subject = turns.Ours(engine)
    subject.turn()
    turn_cpu.grow(subject.tools.saver, subject.session_id, length - 2)
    subject.turn()
    return work.of(subject.turn)
