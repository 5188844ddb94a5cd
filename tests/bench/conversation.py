"""Turns of one graph on one thread, and the measures that every saver is put to."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.bench.checkpoint_graphs import QUESTION_BYTES, text
from tests.bench.meter import Meter, Usage

Row = dict[str, Any]
DELETED_TURNS = 100


@dataclass
class Thread:
    """A graph's thread whose requests a meter counts."""

    graph: Any
    meter: Meter
    durability: Any
    config: Any = field(default_factory=lambda: {"configurable": {"thread_id": str(uuid.uuid4())}})
    turns: int = 0

    def turn(self) -> Usage:
        with self.meter.measure() as usage:
            self.turn_unmeasured()
        return usage

    def turn_unmeasured(self) -> None:
        self.turns += 1
        question = {"messages": [("user", text(QUESTION_BYTES))]}
        self.graph.invoke(question, self.config, durability=self.durability)

    @property
    def messages(self) -> int:
        """The messages that the saver still has."""
        return len(self.graph.get_state(self.config).values["messages"])


def every(turn: int) -> bool:
    return turn > 0


def some(turn: int) -> bool:
    """The first turns and each tenth: enough to draw a curve, at a tenth of the reads of the meter."""
    return turn <= 10 or turn % 10 == 0


def compared(name: str, thread: Thread, most: int, measured: Callable[[int], bool] = every) -> Iterator[Row]:
    """A row per measured turn until the saver fails; its error ends them."""
    for turn in range(1, most + 1):
        try:
            if measured(turn):
                yield {"turn": turn, **numbers(thread.turn())}
            else:
                thread.turn_unmeasured()
        except Exception as error:
            print(f"  {name} is dead at turn {turn}: {type(error).__name__}: {str(error)[:90]}", flush=True)
            yield {"turn": turn, "error": type(error).__name__}
            return


def numbers(usage: Usage) -> Row:
    return {
        "requests": usage.requests,
        "reads": usage.reads,
        "wcu": usage.wcu,
        "rcu": usage.rcu,
        "written": usage.written,
        "read": usage.read,
    }


def deletion(saver: Any, thread: Thread) -> Row:
    """The cost of deleting a thread of a hundred turns, or the error where the saver cannot."""
    for _ in range(DELETED_TURNS):
        thread.turn_unmeasured()
    try:
        with thread.meter.measure() as usage:
            saver.delete_thread(thread.config["configurable"]["thread_id"])
    except Exception as error:
        return {"error": type(error).__name__}
    return numbers(usage)
