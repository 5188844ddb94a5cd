"""This saver's results with one graph, in the turns that the public savers are put to and in thousands more."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import mean
from typing import Any

from chatkeep.checkpointer import DynamoDBSaver
from tests.bench.checkpoint_graphs import GRAPHS
from tests.bench.checkpoint_report import CACHED, OURS
from tests.bench.conversation import Row, Thread, compared, deletion, numbers
from tests.bench.meter import Meter
from tests.bench.peers.savers import client_of
from tests.bench.remembering import Remembering

TURNS = 210
LOADED_TURN = 1_000
WINDOW = 100
CACHE_BYTES = 64_000_000


@dataclass(frozen=True)
class Ours:
    """This saver on the engine at `endpoint`, with a meter on its client."""

    endpoint: str

    def make(self, kind: type[DynamoDBSaver] = DynamoDBSaver, **options: Any) -> tuple[Any, Meter]:
        client = client_of(self.endpoint)
        DynamoDBSaver.create_table(client, "bench-ours")
        return kind("bench-ours", client, **options), Meter(client, client_of(self.endpoint))


def state_bytes(graph: Any, saver: Any, config: Any) -> int:
    return sum(len(saver.serde.dumps_typed(value)[1]) for value in graph.get_state(config).values.values())


def load(ours: Ours, make: Callable[[Any], Any], config: Any) -> Row:
    """The reads with which another process loads the thread, and the size of its state."""
    saver, meter = ours.make()
    graph = make(saver)
    with meter.measure() as usage:
        graph.get_state(config)
    size = state_bytes(graph, saver, config)
    return {**numbers(usage), "state": size, "read_over_state": usage.read / size}


def long_run(ours: Ours, make: Callable[[Any], Any], name: str, turns: int) -> Row:
    """WCU of turns 11 to 110 and of the last hundred, by the same graph on one thread.

    Those between are written at exit; the head is then remembered, as reading it is measured on its own.
    """
    saver, meter = ours.make(Remembering)
    thread = Thread(make(saver), meter, "async")
    first = [thread.turn().wcu for _ in range(10 + WINDOW)][10:]
    loaded: Row = {}
    saver.remembers, thread.durability = name != "DeltaChannel", "exit"
    while thread.turns < turns - WINDOW:
        thread.turn_unmeasured()
        if thread.turns % 500 == 0:
            print(f"  turn {thread.turns} of {turns}", flush=True)
        if thread.turns == min(LOADED_TURN, turns - WINDOW):
            loaded = {"turn": thread.turns, **load(ours, make, thread.config)}
    thread.durability = "async"
    last = [thread.turn().wcu for _ in range(WINDOW)]
    return {
        "first": first,
        "last": last,
        "last_turn": thread.turns,
        "ratio": mean(last) / mean(first),
        "load": loaded,
    }


def results(ours: Ours, name: str, long_turns: int) -> Row:
    """Turns and deletions, without and with its cache, and the long run."""
    make = GRAPHS[name]
    turns: dict[str, Row] = {}
    for durability in ("async", "exit"):
        for label, options in ((OURS, {}), (CACHED, {"cache_bytes": CACHE_BYTES})):
            saver, meter = ours.make(**options)
            thread = Thread(make(saver), meter, durability)
            turns.setdefault(durability, {})[label] = list(compared(label, thread, TURNS))
    saver, meter = ours.make()
    deleted = deletion(saver, Thread(make(saver), meter, "async"))
    return {"turns": turns, "deletion": {OURS: deleted}, "long": long_run(ours, make, name, long_turns)}
