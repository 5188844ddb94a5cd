"""Cost of checkpoints, side by side with langgraph-checkpoint-aws: `python -m tests.bench.checkpoints`."""

import argparse
import json
import logging
import os
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

import boto3
from botocore.config import Config
from langchain_core.messages import BaseMessage
from langgraph.checkpoint.base import CheckpointTuple, copy_checkpoint
from moto import mock_aws

from chatkeep.checkpointer import DynamoDBSaver
from tests.bench.checkpoint_graphs import GRAPHS, QUESTION_BYTES, text
from tests.bench.checkpoint_report import CACHED, OURS, PEER, print_table, requirements, save_plot
from tests.bench.meter import Meter, Usage
from tests.engines import Engine, start_engine

FOLDER = Path(__file__).parent
COMPARED_TURNS, PEER_TURNS = 210, 300
LOADED_TURN = 1_000
DELETED_TURNS = 100
WINDOW = 100
CACHE_BYTES = 64_000_000


class Cached:
    """The serializer, which does each message once: the graphs here never change one but to give it an id."""

    def __init__(self, serde: Any) -> None:
        self._serde = serde
        self._frames: dict[tuple[int, str | None], tuple[Any, tuple[str, bytes]]] = {}
        self._messages: dict[bytes, Any] = {}

    def dumps_typed(self, value: Any) -> tuple[str, bytes]:
        if not isinstance(value, BaseMessage):
            return self._serde.dumps_typed(value)  # type: ignore[no-any-return]
        key = (id(value), value.id)
        if key not in self._frames:
            self._frames[key] = (value, self._serde.dumps_typed(value))
        return self._frames[key][1]

    def loads_typed(self, frame: tuple[str, bytes]) -> Any:
        if frame[1] in self._messages:
            return self._messages[frame[1]]
        value = self._serde.loads_typed(frame)
        if isinstance(value, BaseMessage):
            self._messages[frame[1]] = value
        return value


class Remembering(DynamoDBSaver):
    """Gets a thread long in little time: it serializes a message once, and may answer reads from the last put.

    What it writes is what DynamoDBSaver writes.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.serde = Cached(self.serde)  # type: ignore[assignment]
        self.remembers = False
        self._heads: dict[tuple[str, str], Any] = {}

    def put(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        stored = super().put(config, checkpoint, metadata, new_versions)
        names = stored["configurable"]
        self._heads[names["thread_id"], names["checkpoint_ns"]] = (stored, checkpoint, metadata)
        return stored

    def get_tuple(self, config: Any) -> Any:
        names = config["configurable"]
        head = self._heads.get((names["thread_id"], names.get("checkpoint_ns", "")))
        if not self.remembers or head is None or names.get("checkpoint_id"):
            return super().get_tuple(config)
        stored, checkpoint, metadata = head
        return CheckpointTuple(stored, copy_checkpoint(checkpoint), dict(metadata), None, [])  # type: ignore[arg-type]


@dataclass
class Bench:
    """One engine, with a table for each saver and a meter on each client."""

    engine: Engine
    results: list[dict[str, Any]] = field(default_factory=list)

    def client(self) -> Any:
        return boto3.client("dynamodb", endpoint_url=self.engine.endpoint, config=Config(max_pool_connections=50))

    def ours(self, kind: type[DynamoDBSaver] = DynamoDBSaver, **options: Any) -> tuple[Any, Meter]:
        client = self.client()
        DynamoDBSaver.create_table(client, "bench-ours")
        return kind("bench-ours", client, **options), Meter(client, self.client())

    def peer(self) -> tuple[Any, Meter]:
        from langgraph_checkpoint_aws import DynamoDBSaver as PeerSaver

        saver = PeerSaver("bench-peer", endpoint_url=self.engine.endpoint)
        create_peer_table(saver.client, "bench-peer")
        return saver, Meter(saver.client, self.client())


def create_peer_table(client: Any, name: str) -> None:
    if name in client.list_tables()["TableNames"]:
        return
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("PK", "SK")],
        BillingMode="PAY_PER_REQUEST",
    )
    client.get_waiter("table_exists").wait(TableName=name)


@dataclass
class Thread:
    """Turns of one graph on one thread."""

    graph: Any
    meter: Meter
    durability: Any
    config: Any = field(default_factory=lambda: {"configurable": {"thread_id": str(uuid.uuid4())}})
    turns: int = 0

    def turn(self) -> Usage:
        self.turns += 1
        with self.meter.measure() as usage:
            self.turn_unmeasured()
        return usage

    def turn_unmeasured(self) -> None:
        question = {"messages": [("user", text(QUESTION_BYTES))]}
        self.graph.invoke(question, self.config, durability=self.durability)


def compared(name: str, thread: Thread, most: int) -> Iterator[dict[str, Any]]:
    """A row a turn until the saver fails; its error ends them."""
    for _ in range(most):
        try:
            usage = thread.turn()
        except Exception as error:
            print(f"  {name} is dead at turn {thread.turns}: {type(error).__name__}: {str(error)[:90]}", flush=True)
            yield {"turn": thread.turns, "error": type(error).__name__}
            return
        yield {"turn": thread.turns, **numbers(usage)}


def numbers(usage: Usage) -> dict[str, Any]:
    return {
        "requests": usage.requests,
        "reads": usage.reads,
        "wcu": usage.wcu,
        "rcu": usage.rcu,
        "written": usage.written,
        "read": usage.read,
    }


def state_bytes(graph: Any, saver: Any, config: Any) -> int:
    return sum(len(saver.serde.dumps_typed(value)[1]) for value in graph.get_state(config).values.values())


def load(bench: Bench, make: Callable[[Any], Any], config: Any) -> dict[str, Any]:
    """What another process reads to load the thread, and how large its state is."""
    saver, meter = bench.ours()
    graph = make(saver)
    with meter.measure() as usage:
        graph.get_state(config)
    size = state_bytes(graph, saver, config)
    return {**numbers(usage), "state": size, "read_over_state": usage.read / size}


def deletion(saver: Any, thread: Thread) -> dict[str, Any]:
    for _ in range(DELETED_TURNS):
        thread.turn_unmeasured()
    with thread.meter.measure() as usage:
        saver.delete_thread(thread.config["configurable"]["thread_id"])
    return numbers(usage)


def long_run(bench: Bench, make: Callable[[Any], Any], name: str, turns: int) -> dict[str, Any]:
    """WCU of turns 11 to 110 and of the last hundred, by the same graph on one thread.

    Those between are written at exit; the head is then remembered, as reading it is measured on its own.
    """
    saver, meter = bench.ours(Remembering)
    thread = Thread(make(saver), meter, "async")
    first = [thread.turn().wcu for _ in range(10 + WINDOW)][10:]
    loaded: dict[str, Any] = {}
    saver.remembers, thread.durability = name != "DeltaChannel", "exit"
    while thread.turns < turns - WINDOW:
        thread.turns += 1
        thread.turn_unmeasured()
        if thread.turns % 500 == 0:
            print(f"  turn {thread.turns} of {turns}", flush=True)
        if thread.turns == min(LOADED_TURN, turns - WINDOW):
            loaded = {"turn": thread.turns, **load(bench, make, thread.config)}
    thread.durability = "async"
    last = [thread.turn().wcu for _ in range(WINDOW)]
    return {
        "first": first,
        "last": last,
        "last_turn": thread.turns,
        "ratio": mean(last) / mean(first),
        "load": loaded,
    }


def run(bench: Bench, name: str, turns: int, peer_turns: int) -> dict[str, Any]:
    make = GRAPHS[name]
    result: dict[str, Any] = {"graph": name, "turns": {}}
    for durability in ("async", "exit"):
        saver, meter = bench.ours()
        rows = list(compared(OURS, Thread(make(saver), meter, durability), COMPARED_TURNS))
        peer, peer_meter = bench.peer()
        most = peer_turns if name == "MessagesState" and durability == "async" else min(peer_turns, COMPARED_TURNS)
        theirs = list(compared(PEER, Thread(make(peer), peer_meter, durability), most))
        warm, warm_meter = bench.ours(cache_bytes=CACHE_BYTES)
        cached = list(compared(CACHED, Thread(make(warm), warm_meter, durability), COMPARED_TURNS))
        result["turns"][durability] = {OURS: rows, CACHED: cached, PEER: theirs}
        print(f"  {durability} done", flush=True)
    saver, meter = bench.ours()
    peer, peer_meter = bench.peer()
    result["deletion"] = {
        OURS: deletion(saver, Thread(make(saver), meter, "async")),
        PEER: deletion(peer, Thread(make(peer), peer_meter, "async")),
    }
    result["long"] = long_run(bench, make, name, turns)
    return result


def store(path: Path, engine: str, results: list[dict[str, Any]]) -> None:
    """As JSON, a line a graph."""
    graphs = ",\n".join(json.dumps(result, separators=(",", ":")) for result in results)
    path.write_text(f'{{"engine": {json.dumps(engine)}, "graphs": [\n{graphs}\n]}}\n', encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", default=os.environ.get("CHATKEEP_TEST_ENGINE", "dynoxide"))
    parser.add_argument("--graph", choices=GRAPHS, action="append", help="only this one; may be given more than once")
    parser.add_argument("--turns", type=int, default=5_000, help="length of the long run (default 5,000)")
    parser.add_argument("--peer-turns", type=int, default=PEER_TURNS, help="most turns of the peer (default 300)")
    parser.add_argument("--smoke", action="store_true", help="the plain chat only, and a short one; stores nothing")
    parser.add_argument("--output", type=Path, default=FOLDER / "checkpoints.json")
    options = parser.parse_args()
    if options.smoke:
        options.graph, options.turns, options.peer_turns = ["MessagesState"], 320, 20
        options.output = Path(tempfile.mkdtemp(prefix="chatkeep-")) / "checkpoints.json"
    os.environ |= {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": "us-east-1"}
    logging.getLogger("langgraph").setLevel(logging.ERROR)
    stored = json.loads(options.output.read_text())["graphs"] if options.output.exists() and options.graph else []
    with ExitStack() as stack:
        if options.engine == "moto":
            stack.enter_context(mock_aws())
        engine = start_engine(options.engine)
        stack.callback(engine.end)
        for name in options.graph or GRAPHS:
            print(name, flush=True)
            began = time.monotonic()
            result = run(Bench(engine), name, options.turns, options.peer_turns)
            stored = [*(old for old in stored if old["graph"] != name), result]
            store(options.output, options.engine, stored)
            print(f"  {time.monotonic() - began:.0f} s", flush=True)
    stored.sort(key=lambda each: list(GRAPHS).index(each["graph"]))
    print_table(stored)
    save_plot(stored, options.output.with_suffix(".png"))
    missed = [line for line, holds in requirements(stored) if not holds]
    print("\n".join(["", "missed:", *missed] if missed else ["", "all requirements hold"]))
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
