"""Pruning, copying and deleting by run: whole threads at a time, never a payload that a remaining checkpoint needs."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chatkeep.checkpoint_items import keys
from chatkeep.checkpoint_items.requests import Item, pages, put_all
from chatkeep.checkpoint_items.table import PARTITION, PRUNED, RUN, SORT
from chatkeep.checkpointer import finding
from chatkeep.checkpointer.finding import read_headers
from chatkeep.checkpointer.record import Header, decode
from chatkeep.checkpointer.removal import remove
from chatkeep.checkpointer.storage import Storage

_RUNS_A_SCAN = 50


def copy_thread(storage: Storage, from_thread: str, to_thread: str) -> None:
    """Copy all items; a copy that was interrupted may be repeated."""
    headers: list[Item] = []
    request = {
        "TableName": storage.table,
        "KeyConditionExpression": f"{PARTITION} = :thread",
        "ExpressionAttributeValues": {":thread": {"S": keys.partition(from_thread)}},
        "ConsistentRead": True,
    }
    for page in pages(storage.client.query, request):
        copies = [{**item, PARTITION: {"S": keys.partition(to_thread)}} for item in page]
        headers += [item for item in copies if _is_header(item)]
        put_all(storage.client, storage.table, (item for item in copies if not _is_header(item)))
    for item in headers:  # their order is from the oldest to the newest, so that each one has its ancestors
        storage.client.put_item(TableName=storage.table, Item=item)


def _is_header(item: Item) -> bool:
    sort_key = item[SORT]["S"]
    return sort_key.startswith(keys.HEADER + keys.SEPARATOR) and keys.belongs_to(sort_key)[2]


def keep_latest(storage: Storage, thread_id: str) -> None:
    """Keep the head of each namespace, and those ancestors from which its DeltaChannels are rebuilt.

    A subgraph's call goes with the root graph's checkpoint that it started from.
    """
    found = [found for page in finding.pages(storage.client, storage.table, thread_id, None) for found in page]
    headers = read_headers(storage, thread_id, found)
    kept = {id(header) for header in _needed(storage, headers)}
    removed = {(h.namespace, h.checkpoint_id) for h in headers if id(h) not in kept}
    for f, header in zip(found, headers, strict=True):
        if id(header) in kept and (header.namespace, header.parent_id) in removed:
            storage.client.update_item(
                TableName=storage.table,
                Key=keys.primary(thread_id, f.item[SORT]["S"]),
                UpdateExpression=f"SET {PRUNED} = :yes",
                ConditionExpression=f"attribute_exists({PARTITION})",
                ExpressionAttributeValues={":yes": {"BOOL": True}},
            )
    remove(storage, thread_id, list(zip(found, headers, [id(h) in kept for h in headers], strict=True)))


def _needed(storage: Storage, headers: Sequence[Header]) -> Iterator[Header]:
    """Of headers by namespace, newest first: the heads that stay and their ancestors back to the last snapshots."""
    by_place = {(header.namespace, header.checkpoint_id): header for header in headers}
    heads: dict[str, Header] = {}
    for header in headers:
        heads.setdefault(header.namespace, header)
    for head in heads.values():
        _, metadata = decode(storage.codec, head)
        if _is_finished(head, metadata, by_place, heads):
            continue
        yield head
        wanted = set(metadata.get("counters_since_delta_snapshot") or ()) - set(head.entries)
        yield from _history(head, wanted, by_place)


def _is_finished(
    head: Header,
    metadata: Mapping[str, Any],
    by_place: Mapping[tuple[str, str], Header],
    heads: Mapping[str, Header],
) -> bool:
    """Whether a namespace is a subgraph's call that started from another checkpoint than the root graph's head.

    Such a namespace has its task's id after a ":"; that of a subgraph which remembers its calls has none. A root
    checkpoint that is not stored may be yet: a run stores its checkpoints side by side.
    """
    root = (metadata.get("parents") or {}).get("")
    return ":" in head.namespace and ("", root) in by_place and heads[""].checkpoint_id != root


def _history(head: Header, wanted: set[str], by_place: Mapping[tuple[str, str], Header]) -> Iterator[Header]:
    """The ancestors from which these channels of a head are rebuilt; a circle of parents ends where it began."""
    seen = {head.checkpoint_id}
    header: Header | None = head
    while wanted and header and header.parent_id and not header.pruned and header.parent_id not in seen:
        seen.add(header.parent_id)
        header = by_place.get((head.namespace, header.parent_id))
        if header:
            yield header
            wanted = wanted - set(header.entries)


def delete_for_runs(storage: Storage, run_ids: Sequence[str]) -> list[str]:
    """Delete the checkpoints of these runs and the payloads that only they refer to; return their threads."""
    runs = list(dict.fromkeys(run_ids))
    doomed: dict[str, set[str]] = defaultdict(set)
    for start in range(0, len(runs), _RUNS_A_SCAN):
        values = {f":r{number}": {"S": run} for number, run in enumerate(runs[start : start + _RUNS_A_SCAN])}
        request = {
            "TableName": storage.table,
            "FilterExpression": f"{RUN} IN ({', '.join(values)})",
            "ProjectionExpression": f"{PARTITION}, {SORT}",
            "ExpressionAttributeValues": values,
            "ConsistentRead": True,
        }
        for page in pages(storage.client.scan, request):
            for item in page:
                doomed[item[PARTITION]["S"]].add(item[SORT]["S"])
    for thread_id, sort_keys in doomed.items():
        found = [found for page in finding.pages(storage.client, storage.table, thread_id, None) for found in page]
        kept = [found.item[SORT]["S"] not in sort_keys for found in found]
        headers = read_headers(storage, thread_id, found)
        remove(storage, thread_id, list(zip(found, headers, kept, strict=True)))
    return list(doomed)
