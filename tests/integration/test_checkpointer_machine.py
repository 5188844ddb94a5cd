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

from chatkeep.checkpointer import DynamoDBSaver, strict_serializer
from chatkeep.errors import BrokenThreadError

INTEGERS = st.integers(-(2**63), 2**63 - 1)  # what LangGraph's own serializer takes
NAMESPACES = ["", "child:1"]
TASKS = ["task-1", "task-2", "task-10"]
texts = st.integers(1, 900).map(lambda length: os.urandom(length).hex()[:length])
channels_of_writes = st.sampled_from(["messages", "delta", "a", ERROR, INTERRUPT, RESUME])
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


def comparable(found: CheckpointTuple | None, *, parents: bool) -> Any:
    if found is None:
        return None
    parent = found.parent_config["configurable"]["checkpoint_id"] if found.parent_config and parents else None
    return found.checkpoint, found.metadata, parent, found.pending_writes


class Savers(RuleBasedStateMachine):
    client: Any = None
    table = ""

    @initialize()
    def start(self) -> None:
        self.ours = DynamoDBSaver(self.table, self.client)
        self.memory = InMemorySaver(serde=strict_serializer())
        self.count = 0
        self.prefix = os.urandom(6).hex()
        self.threads = [f"{self.prefix}-thread"]
        self.incomplete: set[str] = set()  # threads whose ancestors were pruned or deleted

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
        delta=st.sampled_from(["nothing", "write", "snapshot"]),
        run=st.sampled_from(["run-1", "run-2", None]),
        branch=st.integers(0, 4),
    )
    def put(
        self,
        data: st.DataObject,
        namespace: str,
        edits: list[str],
        text: str,
        value: Any,
        delta: str,
        run: str | None,
        branch: int,
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
        messages = values.get("messages", [])
        for edit in edits:
            messages = edited(messages, edit, text)
        if edits:
            values["messages"], new["messages"] = messages, self.count
        if value is not None:
            values["a"], new["a"] = value, self.count
        elif "a" in values and branch == 1:
            del values["a"]
            new["a"] = self.count
        if delta == "snapshot":
            values["delta"] = _DeltaSnapshot(messages)
        if delta != "nothing":
            new["delta"] = self.count
        metadata: dict[str, Any] = {"source": "loop", "step": self.count, "parents": {}}
        if "delta" in {**versions, **new} and delta != "snapshot":
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
        for saver in (self.memory, self.ours):
            saver.put(config, copy.deepcopy(checkpoint), metadata, new)

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
        """Another process knows nothing of what this one has read or written."""
        self.ours = DynamoDBSaver(self.table, self.client)

    @rule(data=st.data(), namespace=st.sampled_from(NAMESPACES))
    def history_is_the_same_or_an_error(self, data: st.DataObject, namespace: str) -> None:
        thread = data.draw(st.sampled_from(self.threads))
        ids = self.ids(thread, namespace)
        if not ids:
            return
        config: Any = self.config(thread, namespace, data.draw(st.sampled_from(ids)))
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
        max_examples=int(os.environ.get("CHATKEEP_EXAMPLES", "25")),
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )

    @pytest.fixture(autouse=True)
    def _client(self, dynamodb: Any, own_table: str) -> None:
        Savers.client, Savers.table = dynamodb, own_table
