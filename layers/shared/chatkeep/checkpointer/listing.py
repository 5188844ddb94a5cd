"""Listing a thread's checkpoints, newest first."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import chain, islice, takewhile

from chatkeep.checkpoint_items import keys
from chatkeep.checkpoint_items.requests import Item, newest_page, query
from chatkeep.checkpoint_items.table import SORT
from chatkeep.checkpointer import finding
from chatkeep.checkpointer.checkpoint import Listing, LoadedCheckpoint
from chatkeep.checkpointer.finding import CheckpointItems, assembled, read_headers
from chatkeep.checkpointer.reading import read_checkpoints
from chatkeep.checkpointer.record import decode
from chatkeep.checkpointer.storage import Storage

_BATCH = 100  # checkpoints whose payloads are read together
_FIRST_PAGE, _GROWTH, _LONGEST_PAGE = 16, 4, 4_096  # items


def read_matching(storage: Storage, listing: Listing) -> Iterator[LoadedCheckpoint]:
    """The checkpoints that are listed, newest first. Raises BrokenThreadError.

    One checkpoint, or the first of a namespace, are read without the others. Of all namespaces, those that have more
    checkpoints than `limit` take a query each, and the others share queries: each reads four times the items of the one
    before, up to a megabyte.
    """
    left = listing.limit
    for found in _found(storage, listing) if left != 0 else ():
        matching = [one for one in found if listing.names(one.checkpoint_id)]
        if listing.metadata:
            headers = read_headers(storage, listing.thread_id, matching)
            kept = [listing.matches(decode(storage.codec, header)[1]) for header in headers]
            matching = [one for one, keep in zip(matching, kept, strict=True) if keep]
        if left is not None:
            matching = matching[:left]
            left -= len(matching)
        yield from read_checkpoints(storage, listing.thread_id, matching)
        if left == 0:
            return


def _found(storage: Storage, listing: Listing) -> Iterator[Sequence[CheckpointItems]]:
    """Checkpoints among which all are that are listed, newest first, in batches."""
    client, table, thread_id, namespace = storage.client, storage.table, listing.thread_id, listing.namespace
    if namespace is None:
        everywhere = _everywhere(storage, listing)
        while batch := list(islice(everywhere, min(listing.limit or _BATCH, _BATCH))):
            yield batch
    elif listing.checkpoint_id:
        only = finding.exact(client, table, thread_id, namespace, listing.checkpoint_id)
        yield [only] if only else []
    else:
        yield from finding.pages(
            client, table, thread_id, namespace, before=listing.before, first_page=_first_page(listing)
        )


def _first_page(listing: Listing) -> int:
    """The items that the first query may read; 0 for as many as there are."""
    return 0 if listing.limit is None else max(4 * listing.limit, _FIRST_PAGE)


def _everywhere(storage: Storage, listing: Listing) -> Iterator[CheckpointItems]:
    """The checkpoints of all namespaces, newest first: their ids are ordered by time."""
    newest, long = _newest_of_each(storage, listing)
    lines = [
        chain(found, _older(storage, listing.thread_id, place, found[-1].checkpoint_id) if place in long else ())
        for place, found in newest.items()
        if found
    ]
    newest_first = merge(*lines, key=lambda one: one.checkpoint_id, reverse=True)
    return takewhile(lambda one: not listing.checkpoint_id or one.checkpoint_id >= listing.checkpoint_id, newest_first)


def _newest_of_each(storage: Storage, listing: Listing) -> tuple[dict[str, list[CheckpointItems]], set[str]]:
    """Each namespace's newest checkpoints, by its name in keys, and the namespaces that may have more.

    A query goes on where the one before it stopped, or past a namespace of which there is enough.
    """
    exact = listing.checkpoint_id and listing.checkpoint_id + "\0"  # the next id after it
    before = min(filter(None, (exact, listing.before)), default=None)
    enough = 1 if exact else min(listing.limit or _BATCH, _BATCH)
    newest: dict[str, list[CheckpointItems]] = defaultdict(list)
    long: set[str] = set()
    waiting: list[Item] = []
    (first, last), size, more = keys.headers(None), _first_page(listing), True
    while more:
        items, more = newest_page(storage.client, storage.table, listing.thread_id, (first, last), size)
        new = (item for item in items if item[SORT]["S"] != last)  # that was on the page before
        for one in assembled(new, waiting, before):
            newest[one.namespace].append(one)
        size = size * _GROWTH if size * _GROWTH <= _LONGEST_PAGE else 0
        if more:
            last = items[-1][SORT]["S"]
            place, checkpoint_id, _ = keys.belongs_to(last)
            if before and checkpoint_id > before:
                last = keys.older(place, before)[1]
            elif len(newest[place]) >= enough:
                long.add(place)
                last = keys.older(place, "")[1]
                if keys.belongs_to(items[0][SORT]["S"])[0] == place:  # the page was of a long namespace alone
                    size = _first_page(listing)
    return newest, long


def _older(storage: Storage, thread_id: str, place: str, checkpoint_id: str) -> Iterator[CheckpointItems]:
    """The checkpoints of a namespace, by its name in keys, before this one."""
    waiting: list[Item] = []
    bounds = keys.older(place, checkpoint_id)
    for page in query(storage.client, storage.table, thread_id, bounds, newest_first=True):
        yield from assembled(page, waiting, checkpoint_id)
