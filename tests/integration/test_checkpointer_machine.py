"""DynamoDBSaver against LangGraph's own InMemorySaver, over random histories of everything a saver is asked to do."""

import copy
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from langgraph.checkpoint.base import CheckpointTuple
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.types import ERROR, INTERRUPT, RESUME, _DeltaSnapshot
from langgraph.types import Send

from chatkeep.checkpointer import DynamoDBSaver, StagedSaver, StagedWrites, strict_serializer
from chatkeep.errors import BrokenThreadError
from tests.checkpoint_threads import TABLE

INTEGERS = st.integers(-(2**63), 2**63 - 1)  # what LangGraph's own serializer takes
NAMESPACES = ["", "child:task-1"]  # what task-1 writes to the outer one shares rows with the inner one
TASKS = ["task-1", "task-2", "task-10"]
texts = st.integers(1, 900).map(lambda length: os.urandom(length).hex()[:length])
channels_of_writes = st.sampled_from(["messages", "delta", "a", ERROR, INTERRUPT, RESUME])
tasks_and_writes = st.dictionaries(
    st.sampled_from(TASKS), st.lists(st.tuples(channels_of_writes, texts), min_size=1, max_size=5), max_size=3
)
edits = st.lists(
    st.sampled_from(
        ["append", "append_many", "trim", "change_last", "change_first", "remove_amid", "reverse", "clear"]
    ),
    max_size=3,
)


def edited(messages: list[str], edit: str, text: str) -> list[str]:
    changed = {
        "append": [*messages, text],
        "append_many": [*messages, *(f"{number} {text}" for number in range(12))],
        "trim": messages[len(messages) // 2 :],
        "change_last": [*messages[:-1], text],
        "change_first": [text, *messages[1:]],
        "remove_amid": messages[: len(messages) // 3] + messages[len(messages) // 3 + 1 :],
        "reverse": messages[::-1],
        "clear": [],
    }
    return changed[edit]


def holding(messages: list[str], how: str) -> Any:
    """A value that is no list but has one in it."""
    values = {
        "input": {"n": 1, "messages": messages, "again": messages[:2]},
        "send": Send("node", {"state": {"messages": messages}, "n": 1}),
        "sends": [Send("node", {"messages": messages[number:]}) for number in range(3)],
        "list": messages,
    }
    return values[how]


def comparable(found: CheckpointTuple | None, *, parents: bool) -> Any:
    if found is None:
        return None
    parent = found.parent_config["configurable"]["checkpoint_id"] if found.parent_config and parents else None
    return found.checkpoint, found.metadata, parent, found.pending_writes


class Savers(RuleBasedStateMachine):
    client: Any = None

    @initialize(cache_bytes=st.sampled_from([0, 10_000, 10_000_000]))
    def start(self, cache_bytes: int) -> None:
        self.cache_bytes = cache_bytes
        self.ours, self.another = self.process(), self.process()
        self.memory = InMemorySaver(serde=strict_serializer())
        self.count = 0
        self.prefix = os.urandom(6).hex()
        self.threads = [f"{self.prefix}-thread"]
        self.incomplete: set[str] = set()  # threads whose ancestors were pruned or deleted

    def process(self) -> DynamoDBSaver:
        return DynamoDBSaver(TABLE, self.client, cache_bytes=self.cache_bytes)

    def teardown(self) -> None:
        for thread in getattr(self, "threads", []):
            self.ours.delete_thread(thread)

    def config(self, thread: str, namespace: str, checkpoint_id: str | None = None) -> dict[str, Any]:
        names = {"thread_id": thread, "checkpoint_ns": namespace, "checkpoint_id": checkpoint_id}
        return {"configurable": {name: value for name, value in names.items() if value is not None}}

    def ids(self, thread: str, namespace: str) -> list[str]:
        return sorted(self.memory.storage.get(thread, {}).get(namespace, {}))

    def next_id(self) -> str:
        self.count += 1
        return f"{self.count:06d}"

    @rule(
        data=st.data(),
        namespace=st.sampled_from(NAMESPACES),
        edits=edits,
        text=texts,
        value=st.none() | INTEGERS | texts | st.binary(max_size=300) | st.dictionaries(texts, texts, max_size=2),
        delta=st.sampled_from(["nothing", "write", "snapshot", "snapshot of messages"]),
        borrowed=st.booleans(),
        how=st.sampled_from([None, "input", "send", "sends"]),
        run=st.sampled_from(["run-1", "run-2", None]),
        branch=st.integers(0, 4),
        staged=st.none() | tasks_and_writes,
    )
    def put(
        self,
        data: st.DataObject,
        namespace: str,
        edits: list[str],
        text: str,
        value: Any,
        delta: str,
        borrowed: bool,
        how: str | None,
        run: str | None,
        branch: int,
        staged: dict[str, list[tuple[str, str]]] | None,
    ) -> None:
        thread = data.draw(st.sampled_from(self.threads))
        ids = self.ids(thread, namespace)
        parent_id = (data.draw(st.sampled_from(ids)) if branch == 0 else ids[-1]) if ids else None
        parent = self.memory.get_tuple(self.config(thread, namespace, parent_id)) if parent_id else None
        before = parent.checkpoint if parent else {"channel_values": {}, "channel_versions": {}}
        values, versions = dict(before["channel_values"]), dict(before["channel_versions"])
        values.pop("delta", None)
        checkpoint_id = self.next_id()
        new: dict[str, Any] = {}
        elsewhere = data.draw(st.sampled_from(NAMESPACES)) if borrowed else namespace
        messages = self.messages(thread, elsewhere) or values.get("messages", [])
        for edit in edits:
            messages = edited(messages, edit, text)
        if edits or borrowed:
            values["messages"], new["messages"] = messages, self.count
        value = value if how is None else holding(messages, how)
        if value is not None:
            values["a"], new["a"] = value, self.count
        elif "a" in values and branch == 1:
            del values["a"]
            new["a"] = self.count
        if delta.startswith("snapshot"):
            values["delta"] = _DeltaSnapshot(self.accumulated(parent) if delta == "snapshot" else messages)
        if delta != "nothing":
            new["delta"] = self.count
        metadata: dict[str, Any] = {"source": "loop", "step": self.count, "parents": {}}
        if "delta" in {**versions, **new} and not delta.startswith("snapshot"):
            metadata["counters_since_delta_snapshot"] = {"delta": (1, 1)}
        if run:
            metadata["run_id"] = f"{self.prefix}-{run}"
        checkpoint: Any = {
            "v": 4,
            "id": checkpoint_id,
            "ts": "now",
            "channel_values": values,
            "channel_versions": {**versions, **new},
            "versions_seen": {"node": new},
            "updated_channels": sorted(new),
        }
        config: Any = self.config(thread, namespace, parent_id)
        staging = self.ours.staged()
        for saver in (self.memory, self.ours if staged is None else staging):
            saver.put(config, copy.deepcopy(checkpoint), metadata, new)  # type: ignore[attr-defined]
        self.store_writes(staging, self.config(thread, namespace, checkpoint_id), staged or {})

    def store_writes(self, staging: StagedSaver, config: Any, tasks: dict[str, list[tuple[str, str]]]) -> None:
        """The writes of these tasks, and whatever was staged before."""
        for task, writes in tasks.items():
            for saver in (self.memory, staging):
                saver.put_writes(config, writes, task)  # type: ignore[attr-defined]
        try:
            self.commit(staging, staging.writes())
        except self.client.exceptions.TransactionCanceledException:  # another branch has taken the keys of its rows
            self.commit(staging, staging.writes(fresh=True))

    def commit(self, staging: StagedSaver, writes: StagedWrites) -> None:
        if members := [*writes.payload, *writes.heads]:
            self.client.transact_write_items(TransactItems=members)
        staging.committed(writes)

    @rule(data=st.data(), namespace=st.sampled_from(NAMESPACES), tasks=tasks_and_writes)
    def stage_writes(self, data: st.DataObject, namespace: str, tasks: dict[str, list[tuple[str, str]]]) -> None:
        """The writes of many tasks to a checkpoint that others write to as well."""
        thread = data.draw(st.sampled_from(self.threads))
        if ids := self.ids(thread, namespace):
            at = self.config(thread, namespace, data.draw(st.sampled_from(ids[-3:])))
            self.store_writes(self.ours.staged(), at, tasks)

    def messages(self, thread: str, namespace: str) -> list[str] | None:
        """The messages at the head of a namespace."""
        head = self.memory.get_tuple(self.config(thread, namespace))
        found: list[str] | None = head.checkpoint["channel_values"].get("messages") if head else None
        return found

    def accumulated(self, parent: CheckpointTuple | None) -> list[Any]:
        """The DeltaChannel after the writes to `parent`, where each of them is a list or an element."""
        if parent is None:
            return []
        history = self.memory.get_delta_channel_history(config=parent.config, channels=["delta"])["delta"]
        seed = parent.checkpoint["channel_values"].get("delta") or history.get("seed")
        value = list(seed.value) if isinstance(seed, _DeltaSnapshot) else []
        written = [] if "delta" in parent.checkpoint["channel_values"] else history["writes"]
        for _, channel, write in [*written, *(parent.pending_writes or [])]:
            if channel == "delta":
                value += write if isinstance(write, list) else [write]
        return value

    @rule(data=st.data(), namespace=st.sampled_from(NAMESPACES), texts=st.lists(texts, min_size=1, max_size=4))
    def add_to_delta(self, data: st.DataObject, namespace: str, texts: list[str]) -> None:
        """A step writes a list of new elements to a DeltaChannel."""
        thread = data.draw(st.sampled_from(self.threads))
        ids = self.ids(thread, namespace)
        if not ids:
            return
        for saver in (self.memory, self.ours):
            saver.put_writes(self.config(thread, namespace, ids[-1]), [("delta", texts)], "task-2")  # type: ignore[arg-type]
        self.same_history(thread, self.config(thread, namespace))

    @rule(
        data=st.data(),
        namespace=st.sampled_from(NAMESPACES),
        how=st.sampled_from(["input", "send", "sends", "list"]),
        edits=edits,
        text=texts,
        task=st.sampled_from(TASKS),
    )
    def hand_back(self, data: st.DataObject, namespace: str, how: str, edits: list[str], text: str, task: str) -> None:
        """A task that writes a list which some namespace has already, as a subgraph does at its end."""
        thread = data.draw(st.sampled_from(self.threads))
        messages = self.messages(thread, data.draw(st.sampled_from(NAMESPACES)))
        ids = self.ids(thread, namespace)
        if messages is None or not ids:
            return
        for edit in edits:
            messages = edited(messages, edit, text)
        config: Any = self.config(thread, namespace, data.draw(st.sampled_from(ids[-2:])))
        for saver in (self.memory, self.ours):
            saver.put_writes(config, [("messages", holding(messages, how)), ("a", text)], task)

    @rule(
        data=st.data(),
        namespace=st.sampled_from(NAMESPACES),
        writes=st.lists(st.tuples(channels_of_writes, texts), max_size=13),
        task=st.sampled_from(TASKS),
        path=st.sampled_from(["", "~a", "~b, c"]),
    )
    def put_writes(
        self, data: st.DataObject, namespace: str, writes: list[tuple[str, str]], task: str, path: str
    ) -> None:
        thread = data.draw(st.sampled_from(self.threads))
        ids = self.ids(thread, namespace)
        if ids:
            config: Any = self.config(thread, namespace, data.draw(st.sampled_from(ids[-3:])))
            for saver in (self.memory, self.ours):
                saver.put_writes(config, writes, task, path)

    @rule(data=st.data())
    def copy_thread(self, data: st.DataObject) -> None:
        source, target = data.draw(st.sampled_from(self.threads)), f"{self.prefix}-{self.next_id()}"
        self.ours.copy_thread(source, target)
        self.memory.storage[target] = copy.deepcopy(self.memory.storage[source])
        for stored in (self.memory.writes, self.memory.blobs):
            for key in [key for key in stored if key[0] == source]:
                stored[(target, *key[1:])] = copy.deepcopy(stored[key])  # type: ignore[index]
        self.threads.append(target)
        self.incomplete |= {target} if source in self.incomplete else set()

    def forget(self, thread: str, namespace: str, checkpoint_id: str) -> None:
        del self.memory.storage[thread][namespace][checkpoint_id]
        self.memory.writes.pop((thread, namespace, checkpoint_id), None)
        self.incomplete.add(thread)

    @rule(data=st.data())
    def prune(self, data: st.DataObject) -> None:
        thread = data.draw(st.sampled_from(self.threads))
        for namespace in NAMESPACES:
            ids = self.ids(thread, namespace)
            kept = set(ids[-1:])
            at = self.memory.get_tuple(self.config(thread, namespace)) if ids else None
            pending = at and "delta" in at.metadata.get("counters_since_delta_snapshot", ())
            while at and pending and "delta" not in at.checkpoint["channel_values"] and at.parent_config:
                at = self.memory.get_tuple(at.parent_config)
                kept |= {at.checkpoint["id"]} if at else set()
            for checkpoint_id in set(ids) - kept:
                self.forget(thread, namespace, checkpoint_id)
        self.ours.prune([thread])

    @rule(run=st.sampled_from(["run-1", "run-2"]))
    def delete_for_runs(self, run: str) -> None:
        run_id = f"{self.prefix}-{run}"
        for thread in self.threads:
            for namespace in NAMESPACES:
                for found in list(self.memory.list(self.config(thread, namespace), filter={"run_id": run_id})):
                    self.forget(thread, namespace, found.checkpoint["id"])
        self.ours.delete_for_runs([run_id])

    @precondition(lambda self: len(self.threads) > 1)
    @rule(data=st.data())
    def delete_thread(self, data: st.DataObject) -> None:
        thread = data.draw(st.sampled_from(self.threads))
        self.ours.delete_thread(thread)
        self.memory.delete_thread(thread)
        self.threads.remove(thread)

    @rule()
    def restart(self) -> None:
        """A new process continues, which remembers nothing of this one."""
        self.ours = self.process()

    @rule()
    def change_places(self) -> None:
        """Another process continues, whose memories may be out of date."""
        self.ours, self.another = self.another, self.ours

    @rule(data=st.data(), namespace=st.sampled_from(NAMESPACES))
    def history_is_the_same_or_an_error(self, data: st.DataObject, namespace: str) -> None:
        thread = data.draw(st.sampled_from(self.threads))
        ids = self.ids(thread, namespace)
        if not ids:
            return
        self.same_history(thread, self.config(thread, namespace, data.draw(st.sampled_from(ids))))

    def same_history(self, thread: str, config: Any) -> None:
        theirs = self.memory.get_delta_channel_history(config=config, channels=["delta", "messages"])
        try:
            ours = self.ours.get_delta_channel_history(config=config, channels=["delta", "messages"])
        except BrokenThreadError:
            assert thread in self.incomplete
        else:
            assert ours == theirs

    @invariant()
    def all_checkpoints_are_the_same(self) -> None:
        for thread in getattr(self, "threads", []):
            parents = thread not in self.incomplete
            for namespace in NAMESPACES:
                config: Any = self.config(thread, namespace)
                theirs = [comparable(found, parents=parents) for found in self.memory.list(config)]
                assert [comparable(found, parents=parents) for found in self.ours.list(config)] == theirs
                head = self.memory.get_tuple(config)
                assert comparable(self.ours.get_tuple(config), parents=parents) == comparable(head, parents=parents)


class TestSavers(Savers.TestCase):  # type: ignore[misc,name-defined]
    settings = settings(
        max_examples=int(os.environ.get("CHATKEEP_EXAMPLES", "6")),
        stateful_step_count=25,
        suppress_health_check=list(HealthCheck),
    )

    @pytest.fixture(autouse=True)
    def _client(self, dynamodb: Any, empty_tables: None) -> None:
        Savers.client = dynamodb
