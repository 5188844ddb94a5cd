"""Processor time of warm turns, side by side with LangGraph's own: the same graph with a saver in memory.

Time of this process, all of its threads: the engine runs in another one. A thread gets to the turn that is measured by
appending to it what turns would have; each turn has rows of its own, as if it had been run.
"""

import asyncio
import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from statistics import median
from threading import local
from typing import Any
from unittest import mock

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langgraph.checkpoint.base import create_checkpoint
from langgraph.checkpoint.memory import InMemorySaver

from chatkeep import ids
from chatkeep.checkpointer import DynamoDBSaver, StagedSaver, strict_serializer
from tests.bench.checkpoint_graphs import ANSWER_BYTES, QUESTION_BYTES, text
from tests.bench.remembering import Cached

MEASURED, SMOKE = (10, 300, 1_000), (5, 30)
WINDOW, SMOKE_WINDOW = 20, 4
"""Turns around each number, half of them before it."""
SESSIONS = 2
"""Each goes through the window, one after the other."""
MOST_OVER_FLOOR = 1.3
SAVER = ("newest", "get_tuple", "put", "put_writes", "get_delta_channel_history", "writes", "committed")
Numbers = dict[str, float]


@dataclass
class Clock:
    """Seconds of processor time in a saver's methods, without those in the client's requests."""

    seconds: float = 0.0
    _inside: local = field(default_factory=local)

    def around(self, method: Callable[..., Any], sign: int = 1) -> Callable[..., Any]:
        """`method`, counted once where it calls others that are counted as well."""

        @wraps(method)
        def timed(*arguments: Any, **options: Any) -> Any:
            if getattr(self._inside, "sign", -1) == sign:
                return method(*arguments, **options)
            before, began = getattr(self._inside, "sign", -1), time.thread_time()
            self._inside.sign = sign
            try:
                return method(*arguments, **options)
            finally:
                self.seconds += sign * (time.thread_time() - began)
                self._inside.sign = before

        return timed

    @contextmanager
    def on(self, kind: type[Any], client: Any = None) -> Iterator[None]:
        """Count the calls of this kind of saver, which sends its requests by `client`."""
        names = {name: self.around(getattr(kind, name)) for name in SAVER if hasattr(kind, name)}
        with mock.patch.multiple(kind, **names):
            if client is None:
                yield
                return
            with mock.patch.object(client, "_make_api_call", self.around(client._make_api_call, -1)):
                yield


@dataclass
class Floor:
    """The graph with a saver in memory."""

    make: Callable[[Any], Any]

    def __post_init__(self) -> None:
        self.saver = InMemorySaver(serde=strict_serializer())
        self.graph = self.make(self.saver)
        self.config: Any = {"configurable": {"thread_id": ids.new()}}
        self.loop = asyncio.new_event_loop()
        self.turn()

    def grow(self, turns: int) -> None:
        state = self.graph.get_state(self.config).values["messages"]
        new = [one for _ in range(turns - len(state) // 2) for one in said_and_answered()]
        self.graph.update_state(self.config, {"messages": new}, as_node="answer")

    def turn(self) -> None:
        said = {"messages": [HumanMessage(text(QUESTION_BYTES))]}
        self.loop.run_until_complete(self.graph.ainvoke(said, self.config, durability="exit"))


def said_and_answered() -> list[BaseMessage]:
    return [HumanMessage(text(QUESTION_BYTES), id=ids.new()), AIMessage(text(ANSWER_BYTES), id=ids.new())]


def grow(saver: DynamoDBSaver, thread_id: str, turns: int) -> None:
    """Append to a thread that has had a turn, so that it has so many."""
    fast = DynamoDBSaver(saver.table_name, saver.client, serde=Cached(strict_serializer()), require_head_parent=True)
    found: Any = fast.get_tuple({"configurable": {"thread_id": thread_id}})
    config, checkpoint = found.config, found.checkpoint
    messages = checkpoint["channel_values"]["messages"]
    for _ in range(turns - len(messages) // 2):
        messages += said_and_answered()
        new = {"messages": fast.get_next_version(checkpoint["channel_versions"]["messages"], None)}
        checkpoint = create_checkpoint(checkpoint, None, found.metadata["step"])
        checkpoint["channel_versions"] = {**checkpoint["channel_versions"], **new}
        config = fast.put(config, checkpoint, found.metadata, new)


def measured(turn: Callable[[], None], kind: type[Any], client: Any = None) -> Numbers:
    """Milliseconds of a turn, and those in the saver among them."""
    clock = Clock()
    with clock.on(kind, client):
        began = time.process_time()
        turn()
        return {"total": (time.process_time() - began) * 1000, "saver": clock.seconds * 1000}


def rows(make_ours: Callable[[], Any], make_graph: Callable[[Any], Any], *, smoke: bool) -> list[Numbers]:
    """A row for each of the turns, the shortest thread first."""
    numbers, window = (SMOKE, SMOKE_WINDOW) if smoke else (MEASURED, WINDOW)
    return [at_turn(number, window, make_ours, make_graph) for number in numbers]


def at_turn(number: int, window: int, make_ours: Callable[[], Any], make_graph: Callable[[Any], Any]) -> Numbers:
    """Medians around one turn."""
    ours: list[Numbers] = []
    floor: list[Numbers] = []
    for _ in range(SESSIONS):
        mine, theirs = make_ours(), Floor(make_graph)
        mine.turn()
        earlier = max(2, number - window // 2) - 2
        grow(mine.tools.saver, mine.session_id, earlier)
        theirs.grow(earlier)
        mine.turn()
        theirs.turn()
        gc.collect()
        gc.freeze()  # what the benchmark itself holds is walked in neither's time
        for _ in range(window):
            ours.append(measured(mine.turn, StagedSaver, mine.tools.saver.client))
            floor.append(measured(theirs.turn, InMemorySaver))
    return shares(number, middle(ours), middle(floor))


def middle(found: list[Numbers]) -> Numbers:
    return {name: median(one[name] for one in found) for name in found[0]}


def shares(number: int, ours: Numbers, floor: Numbers) -> Numbers:
    """The floor, what our saver takes more than the one in memory, and the rest; together they are the total."""
    saver = ours["saver"] - floor["saver"]
    found = {"floor": floor["total"], "saver": saver, "rest": ours["total"] - floor["total"] - saver}
    rounded = {name: round(value, 1) for name, value in {**found, "total": ours["total"]}.items()}
    return {"turn": number, **rounded, "ratio": round(ours["total"] / floor["total"], 2)}


def over(found: list[Numbers]) -> list[Numbers]:
    """The rows over the limit: `MOST_OVER_FLOOR` times their floor, plus the overhead of the shortest thread."""
    overhead = found[0]["total"] - found[0]["floor"]
    return [row for row in found if row["total"] > MOST_OVER_FLOOR * row["floor"] + overhead]


def markdown(found: dict[str, list[Numbers]]) -> str:
    """The table of the manual of turns: milliseconds of processor time by turn."""
    shown = ("floor", "saver", "rest", "total", "ratio")
    lines = [f"| turn | | {' | '.join(shown)} |", f"|---:|---|{'---:|' * len(shown)}"]
    numbered = sorted(((row, name) for name, own in found.items() for row in own), key=lambda one: one[0]["turn"])
    for row, name in numbered:
        lines.append(f"| {row['turn']:,} | {name} | {' | '.join(str(row[column]) for column in shown)} |")
    return "\n".join(lines)
