"""Threads written by hand, checkpoint by checkpoint, for tests of the saver."""

import random
from typing import Any

from chatkeep.checkpointer import DynamoDBSaver

TABLE = "chatkeep-CheckpointsTable"


def noise(length: int) -> str:
    return random.randbytes(length // 2 + 1).hex()[:length]


class Thread:
    """A thread written by hand, checkpoint by checkpoint."""

    def __init__(self, saver: DynamoDBSaver, thread_id: str, namespace: str = "") -> None:
        self.saver, self.thread_id, self.namespace = saver, thread_id, namespace
        self.count = 0

    def at(self, checkpoint_id: str | None = None) -> Any:
        names = {"thread_id": self.thread_id, "checkpoint_ns": self.namespace, "checkpoint_id": checkpoint_id}
        return {"configurable": {name: value for name, value in names.items() if value is not None}}

    def put(
        self,
        values: dict[str, Any],
        parent: str | None = None,
        unchanged: dict[str, int] | None = None,
        **metadata: Any,
    ) -> str:
        """A checkpoint with these values, all of them new; `unchanged` has the versions of further channels."""
        self.count += 1
        new = dict.fromkeys(values, self.count)
        checkpoint: Any = {
            "v": 4,
            "id": f"{self.count:06d}",
            "ts": "now",
            "channel_values": {name: value for name, value in values.items() if value is not ...},
            "channel_versions": {**(unchanged or {}), **new},
            "versions_seen": {},
            "updated_channels": None,
        }
        self.saver.put(self.at(parent), checkpoint, {"step": self.count, **metadata}, new)
        return str(checkpoint["id"])

    def values(self, checkpoint_id: str | None = None) -> dict[str, Any]:
        found = self.saver.get_tuple(self.at(checkpoint_id))
        assert found
        return found.checkpoint["channel_values"]

    def items(self, prefix: str) -> list[dict[str, Any]]:
        found = self.saver.client.query(
            TableName=self.saver.table_name,
            KeyConditionExpression="pk = :thread AND begins_with(sk, :prefix)",
            ExpressionAttributeValues={":thread": {"S": self.thread_id}, ":prefix": {"S": prefix}},
        )
        return list(found["Items"])


def another(thread: Thread, **options: Any) -> Thread:
    """The same thread in another process."""
    saver = DynamoDBSaver(thread.saver.table_name, thread.saver.client, **options)
    again = Thread(saver, thread.thread_id, thread.namespace)
    again.count = thread.count
    return again
