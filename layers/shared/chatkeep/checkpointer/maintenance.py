"""Pruning, copying and deleting by run: whole threads at a time, never a payload that a remaining checkpoint needs."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from chatkeep.checkpoint_items import keys
from chatkeep.checkpoint_items.requests import Item, delete_all, key, pages, put_all, query
from chatkeep.checkpoint_items.table import PARTITION, PRUNED, RUN, SORT
from chatkeep.checkpointer import finding
from chatkeep.checkpointer.finding import CheckpointItems, read_headers, read_writes
from chatkeep.checkpointer.header import Header, Ref, decode
from chatkeep.checkpointer.payloads import wanted_entry
from chatkeep.checkpointer.storage import Storage

_RUNS_A_SCAN = 50
_UNKNOWN_END = 10**9  # of the last row that was read


@dataclass
class References:
    """Keys of values, and references to rows by their generation: of all namespaces, as these share rows."""

    blobs: set[str] = field(default_factory=set)
    rows: dict[str, set[Ref]] = field(default_factory=lambda: defaultdict(set))

    def add_rows(self, refs: Iterable[Ref]) -> None:
        for ref in refs:
            self.rows[ref.generation].add(ref)


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
    """Keep the head of each namespace, and of its ancestors what its DeltaChannels are rebuilt from."""
    found = [found for page in finding.pages(storage.client, storage.table, thread_id, None) for found in page]
    headers = read_headers(storage, thread_id, found)
    kept = {id(header) for header in _needed(storage, headers)}
    removed = {(h.namespace, h.checkpoint_id) for h in headers if id(h) not in kept}
    for f, header in zip(found, headers, strict=True):
        if id(header) in kept and (header.namespace, header.parent_id) in removed:
            storage.client.update_item(
                TableName=storage.table,
                Key=key(thread_id, f.item[SORT]["S"]),
                UpdateExpression=f"SET {PRUNED} = :yes",
                ConditionExpression=f"attribute_exists({PARTITION})",
                ExpressionAttributeValues={":yes": {"BOOL": True}},
            )
    _remove(storage, thread_id, list(zip(found, headers, [id(h) in kept for h in headers], strict=True)))


def _needed(storage: Storage, headers: Sequence[Header]) -> Iterator[Header]:
    """Of headers by namespace, newest first: the heads and their ancestors back to the last snapshots."""
    by_place = {(header.namespace, header.checkpoint_id): header for header in headers}
    seen: set[str] = set()
    for head in headers:
        if head.namespace in seen:
            continue
        seen.add(head.namespace)
        yield head
        _, metadata = decode(storage.codec, head)
        wanted = set(metadata.get("counters_since_delta_snapshot") or ()) - set(head.entries)
        header: Header | None = head
        while wanted and header and header.parent_id and not header.pruned:
            header = by_place.get((head.namespace, header.parent_id))
            if header:
                yield header
                wanted -= set(header.entries)


def delete_for_runs(storage: Storage, run_ids: Sequence[str]) -> list[str]:
    """Delete the checkpoints of these runs and what only they refer to; says in which threads there were any."""
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
        _remove(storage, thread_id, list(zip(found, headers, kept, strict=True)))
    return list(doomed)


def _remove(storage: Storage, thread_id: str, checkpoints: list[tuple[CheckpointItems, Header, bool]]) -> None:
    """Delete the checkpoints that are not kept: first what makes them visible, then what no kept one refers to.

    What was written for a checkpoint that is not visible yet is referred to by none and so stays.
    """
    removed = [(found, header) for found, header, kept in checkpoints if not kept]
    garbage = list(_own(storage, thread_id, [header for _, header in removed]))
    garbage += _unshared(
        storage,
        thread_id,
        _references(storage, thread_id, removed),
        _references(storage, thread_id, [(found, header) for found, header, kept in checkpoints if kept]),
    )
    delete_all(storage.client, storage.table, (found.item for found, _ in removed))
    delete_all(storage.client, storage.table, (item for found, _ in removed for item in found.writes))
    delete_all(storage.client, storage.table, garbage)


def _own(storage: Storage, thread_id: str, removed: Iterable[Header]) -> Iterator[Item]:
    """What lies outside the items of headers and writes because it is large."""
    ids = {(keys.name(header.namespace), header.checkpoint_id) for header in removed}
    if not ids:
        return
    bounds = (keys.join(keys.OVERSIZE, ""), keys.after(keys.OVERSIZE))
    for page in query(storage.client, storage.table, thread_id, bounds, keys_only=True):
        for item in page:
            _, namespace, checkpoint_id, *_ = item[SORT]["S"].split(keys.SEPARATOR)
            if (namespace, keys.unescape(checkpoint_id)) in ids:
                yield item


def _unshared(storage: Storage, thread_id: str, own: References, needed: References) -> Iterator[Item]:
    """The items of blobs and rows that are among `own` and not `needed`."""
    for sort_key in own.blobs - needed.blobs:
        yield key(thread_id, sort_key)
    for generation, refs in own.rows.items():
        spans, needed_spans = _merged(refs), _merged(needed.rows.get(generation, set()))
        first, last = keys.row(generation, min(ref.row for ref in refs)), keys.row(generation, spans[-1][1] - 1)
        bounds = (first, keys.after(last))
        items = [
            item for page in query(storage.client, storage.table, thread_id, bounds, keys_only=True) for item in page
        ]
        starts = sorted({keys.row_position(item[SORT]["S"]) for item in items})
        ends = dict(zip(starts, [*starts[1:], _UNKNOWN_END], strict=True))
        for item in items:
            position = keys.row_position(item[SORT]["S"])
            row = (position, ends[position])
            if _touches(row, spans) and not _touches(row, needed_spans):
                yield item


def _merged(refs: Iterable[Ref]) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    for start, stop in sorted((ref.start, ref.stop) for ref in refs):
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(stop, spans[-1][1]))
        else:
            spans.append((start, stop))
    return spans


def _touches(row: tuple[int, int], spans: list[tuple[int, int]]) -> bool:
    return any(start < row[1] and row[0] < stop for start, stop in spans)


def _references(storage: Storage, thread_id: str, checkpoints: Sequence[tuple[CheckpointItems, Header]]) -> References:
    """What these checkpoints and their pending writes refer to."""
    found = References()
    for _, header in checkpoints:
        for channel, entry in [*header.entries.items(), *header.seeds.items()]:
            found.add_rows(entry.stored.refs)
            blob = wanted_entry("", header, channel, entry).blob
            if blob:
                found.blobs.update(keys.parts(blob[0], blob[1].parts))
        for early in header.delta_rows.values():
            found.add_rows(early.refs)
    for writes in read_writes(storage, thread_id, [stored for stored, _ in checkpoints]):
        for write in writes:
            found.add_rows(write.stored.refs)
    return found
