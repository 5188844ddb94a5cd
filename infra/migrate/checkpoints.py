"""Moves threads of langgraph-checkpoint-aws to CheckpointsTable: read with it, written with ours, compared."""

import argparse
import sys
from collections.abc import Iterator
from typing import Any

import boto3
from langgraph.checkpoint.base import WRITES_IDX_MAP, BaseCheckpointSaver, CheckpointTuple

from chatkeep.checkpointer import DynamoDBSaver
from chatkeep.errors import BrokenThreadError

_THREAD = "CHECKPOINT_"  # how langgraph-checkpoint-aws begins the partition key of a thread


def migrate_thread(source: BaseCheckpointSaver[Any], target: DynamoDBSaver, thread_id: str) -> int:
    """Write each checkpoint of a thread to `target`, oldest first. Returns their number.

    The source is only read. Items already in the target stay, so an interrupted migration can be repeated.
    Raises BrokenThreadError for a checkpoint that reads differently afterwards.
    """
    versions: dict[tuple[str, str], dict[str, Any]] = {}
    places = sorted(_places(source, thread_id), key=lambda place: place[1])
    for namespace, checkpoint_id in places:
        config = _config(thread_id, namespace, checkpoint_id)
        found = source.get_tuple(config)
        if found is None:
            raise BrokenThreadError(f"checkpoint {checkpoint_id} of thread {thread_id} is listed but cannot be read")
        versions[namespace, checkpoint_id] = dict(found.checkpoint["channel_versions"])
        if target.get_tuple(config) is None:
            parent_id = _parent(found)
            known = versions.get((namespace, parent_id or ""), {})
            new = {c: v for c, v in found.checkpoint["channel_versions"].items() if known.get(c) != v}
            target.put(_config(thread_id, namespace, parent_id), found.checkpoint, found.metadata, new)
        for task_id, writes in _writes(found).items():
            regular = [write for write in in_order(writes) if write[0] not in WRITES_IDX_MAP]
            special = [write for write in writes if write[0] in WRITES_IDX_MAP]
            target.put_writes(config, [*regular, *special], task_id)
        _compare(found, target.get_tuple(config))
    return len(places)


def _places(source: BaseCheckpointSaver[Any], thread_id: str) -> set[tuple[str, str]]:
    found = source.list({"configurable": {"thread_id": thread_id}})
    return {(each.config["configurable"].get("checkpoint_ns", ""), each.checkpoint["id"]) for each in found}


def _config(thread_id: str, namespace: str, checkpoint_id: str | None) -> Any:
    names = {"thread_id": thread_id, "checkpoint_ns": namespace, "checkpoint_id": checkpoint_id}
    return {"configurable": {name: value for name, value in names.items() if value is not None}}


def _parent(found: CheckpointTuple) -> str | None:
    return found.parent_config["configurable"]["checkpoint_id"] if found.parent_config else None


def _writes(found: CheckpointTuple) -> dict[str, list[tuple[str, Any]]]:
    """The pending writes of each task, in the saver's order."""
    tasks: dict[str, list[tuple[str, Any]]] = {}
    for task_id, channel, value in found.pending_writes or []:
        tasks.setdefault(task_id, []).append((channel, value))
    return tasks


def in_order(writes: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """A task's writes in their original order: the source sorts their indexes as text, 0, 1, 10, 2."""
    special = sorted((w for w in writes if w[0] in WRITES_IDX_MAP), key=lambda write: WRITES_IDX_MAP[write[0]])
    regular = [write for write in writes if write[0] not in WRITES_IDX_MAP]
    numbered = zip(sorted(range(len(regular)), key=str), regular, strict=True)
    return [*special, *(write for _, write in sorted(numbered, key=lambda each: each[0]))]


def _compare(before: CheckpointTuple, after: CheckpointTuple | None) -> None:
    same = (
        after is not None
        and after.checkpoint == before.checkpoint
        and all(after.metadata.get(name) == value for name, value in before.metadata.items())
        and _parent(after) == _parent(before)
        and _writes(after) == {task_id: in_order(writes) for task_id, writes in _writes(before).items()}
    )
    if not same:
        raise BrokenThreadError(f"checkpoint {before.checkpoint['id']} reads differently after the migration")


def threads(client: Any, table: str) -> Iterator[str]:
    """The threads in a table of langgraph-checkpoint-aws, each once; reads the whole table."""
    seen: set[str] = set()
    pages = client.get_paginator("scan").paginate(
        TableName=table,
        ProjectionExpression="PK",
        FilterExpression="begins_with(PK, :thread)",
        ExpressionAttributeValues={":thread": {"S": _THREAD}},
    )
    for page in pages:
        for item in page["Items"]:
            thread_id = item["PK"]["S"].removeprefix(_THREAD)
            if thread_id not in seen:
                seen.add(thread_id)
                yield thread_id


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m infra.migrate.checkpoints", description=__doc__)
    parser.add_argument("source", help="table that langgraph-checkpoint-aws wrote")
    parser.add_argument("target", help="CheckpointsTable")
    parser.add_argument("--thread", action="append", help="only this thread; may be given more than once")
    parser.add_argument("--endpoint-url", help="a DynamoDB other than the account's")
    options = parser.parse_args(arguments)
    # Needed only for a migration.
    from langgraph_checkpoint_aws import DynamoDBSaver as SourceSaver  # type: ignore[import-untyped]

    client = boto3.client("dynamodb", endpoint_url=options.endpoint_url)
    source = SourceSaver(options.source, endpoint_url=options.endpoint_url)
    target = DynamoDBSaver(options.target, client)
    for thread_id in options.thread or threads(client, options.source):
        count = migrate_thread(source, target, thread_id)
        sys.stdout.write(f"{thread_id}: {count} checkpoints\n")


if __name__ == "__main__":
    main()
