"""Pruning, copying and deleting by run: whole threads at a time, never a payload that a remaining checkpoint needs."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from chatkeep.checkpoint_items import keys
from chatkeep.checkpoint_items.requests import Item, delete_all, key, pages, put_all, query
from chatkeep.checkpoint_items.table import PARTITION, PRUNED, RUN, SORT
from chatkeep.checkpointer import contents, heads
from chatkeep.checkpointer.heads import Found
from chatkeep.checkpointer.manifest import Header, Ref, Stored, refs_in
from chatkeep.checkpointer.pending import stored_writes
from chatkeep.checkpointer.source import Source
from chatkeep.checkpointer.tuples import decode

_RUNS_A_SCAN = 50
_UNKNOWN_END = 10**9  # of the last row that was read


@dataclass
class References:
    """Keys of values, and references to rows by their generation: of all namespaces, as these share rows."""

    blobs: set[str] = field(default_factory=set)
    rows: dict[str, set[Ref]] = field(default_factory=lambda: defaultdict(set))

    def add_rows(self, stored: Stored) -> None:
        for ref in refs_in(stored):
            self.rows[ref.generation].add(ref)


def copy_thread(source: Source, from_thread: str, to_thread: str) -> None:
    """Copy all items; a copy that was interrupted may be repeated."""
    headers: list[Item] = []
    request = {
        "TableName": source.table,
        "KeyConditionExpression": f"{PARTITION} = :thread",
        "ExpressionAttributeValues": {":thread": {"S": keys.partition(from_thread)}},
        "ConsistentRead": True,
    }
    for page in pages(source.client.query, request):
        copies = [{**item, PARTITION: {"S": keys.partition(to_thread)}} for item in page]
        headers += [item for item in copies if _is_header(item)]
        put_all(source.client, source.table, (item for item in copies if not _is_header(item)))
    for item in headers:  # their order is from the oldest to the newest, so that each one has its ancestors
        source.client.put_item(TableName=source.table, Item=item)


def _is_header(item: Item) -> bool:
    sort_key = item[SORT]["S"]
    return sort_key.startswith(keys.HEADER + keys.SEPARATOR) and keys.belongs_to(sort_key)[2]


def keep_latest(source: Source, thread_id: str) -> None:
    """Keep the head of each namespace, and of its ancestors what its DeltaChannels are rebuilt from."""
    found = [found for page in heads.pages(source.client, source.table, thread_id, None) for found in page]
    headers = contents.headers(source, thread_id, found)
    kept = {id(header) for header in _needed(source, headers)}
    removed = {(h.namespace, h.checkpoint_id) for h in headers if id(h) not in kept}
    for f, header in zip(found, headers, strict=True):
        if id(header) in kept and (header.namespace, header.parent_id) in removed:
            source.client.update_item(
                TableName=source.table,
                Key=key(thread_id, f.item[SORT]["S"]),
                UpdateExpression=f"SET {PRUNED} = :yes",
                ConditionExpression=f"attribute_exists({PARTITION})",
                ExpressionAttributeValues={":yes": {"BOOL": True}},
            )
    _remove(source, thread_id, list(zip(found, headers, [id(h) in kept for h in headers], strict=True)))


def _needed(source: Source, headers: Sequence[Header]) -> Iterator[Header]:
    """Of headers by namespace, newest first: the heads and their ancestors back to the last snapshots."""
    by_place = {(header.namespace, header.checkpoint_id): header for header in headers}
    seen: set[str] = set()
    for head in headers:
        if head.namespace in seen:
            continue
        seen.add(head.namespace)
        yield head
        _, metadata = decode(source.codec, head)
        wanted = set(metadata.get("counters_since_delta_snapshot") or ()) - set(head.entries)
        header: Header | None = head
        while wanted and header and header.parent_id and not header.pruned:
            header = by_place.get((head.namespace, header.parent_id))
            if header:
                yield header
                wanted -= set(header.entries)


def delete_for_runs(source: Source, run_ids: Sequence[str]) -> list[str]:
    """Delete the checkpoints of these runs and what only they refer to; says in which threads there were any."""
    runs = list(dict.fromkeys(run_ids))
    doomed: dict[str, set[str]] = defaultdict(set)
    for start in range(0, len(runs), _RUNS_A_SCAN):
        values = {f":r{number}": {"S": run} for number, run in enumerate(runs[start : start + _RUNS_A_SCAN])}
        request = {
            "TableName": source.table,
            "FilterExpression": f"{RUN} IN ({', '.join(values)})",
            "ProjectionExpression": f"{PARTITION}, {SORT}",
            "ExpressionAttributeValues": values,
            "ConsistentRead": True,
        }
        for page in pages(source.client.scan, request):
            for item in page:
                doomed[item[PARTITION]["S"]].add(item[SORT]["S"])
    for thread_id, sort_keys in doomed.items():
        found = [found for page in heads.pages(source.client, source.table, thread_id, None) for found in page]
        kept = [found.item[SORT]["S"] not in sort_keys for found in found]
        headers = contents.headers(source, thread_id, found)
        _remove(source, thread_id, list(zip(found, headers, kept, strict=True)))
    return list(doomed)


def _remove(source: Source, thread_id: str, checkpoints: list[tuple[Found, Header, bool]]) -> None:
    """Delete the checkpoints that are not kept: first what makes them visible, then what no kept one refers to.

    What was written for a checkpoint that is not visible yet is referred to by none and so stays.
    """
    removed = [(found, header) for found, header, kept in checkpoints if not kept]
    garbage = list(_own(source, thread_id, [header for _, header in removed]))
    garbage += _unshared(
        source,
        thread_id,
        _references(source, thread_id, removed),
        _references(source, thread_id, [(found, header) for found, header, kept in checkpoints if kept]),
    )
    delete_all(source.client, source.table, (found.item for found, _ in removed))
    delete_all(source.client, source.table, (item for found, _ in removed for item in found.writes))
    delete_all(source.client, source.table, garbage)


def _own(source: Source, thread_id: str, removed: Iterable[Header]) -> Iterator[Item]:
    """What lies outside the items of headers and writes because it is large."""
    ids = {(keys.name(header.namespace), header.checkpoint_id) for header in removed}
    if not ids:
        return
    bounds = (keys.join(keys.OVERSIZE, ""), keys.after(keys.OVERSIZE))
    for page in query(source.client, source.table, thread_id, bounds, keys_only=True):
        for item in page:
            _, namespace, checkpoint_id, *_ = item[SORT]["S"].split(keys.SEPARATOR)
            if (namespace, keys.unescape(checkpoint_id)) in ids:
                yield item


def _unshared(source: Source, thread_id: str, own: References, needed: References) -> Iterator[Item]:
    """The items of blobs and rows that are among `own` and not `needed`."""
    for sort_key in own.blobs - needed.blobs:
        yield key(thread_id, sort_key)
    for generation, refs in own.rows.items():
        spans, needed_spans = _merged(refs), _merged(needed.rows.get(generation, set()))
        first, last = keys.row(generation, min(ref.row for ref in refs)), keys.row(generation, spans[-1][1] - 1)
        bounds = (first, keys.after(last))
        items = [
            item for page in query(source.client, source.table, thread_id, bounds, keys_only=True) for item in page
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


def _references(source: Source, thread_id: str, checkpoints: Sequence[tuple[Found, Header]]) -> References:
    """What these checkpoints and their pending writes refer to."""
    found = References()
    for _, header in checkpoints:
        for channel, entry in [*header.entries.items(), *header.seeds.items()]:
            found.add_rows(entry.stored)
            blob = contents.wanted_entry("", header, channel, entry).blob
            if blob:
                found.blobs.update(keys.parts(blob[0], blob[1].parts))
        for rows in header.ahead.values():
            found.add_rows(rows)
    for writes in stored_writes(source, thread_id, [stored for stored, _ in checkpoints]):
        for write in writes:
            found.add_rows(write.stored)
    return found
