"""Reading checkpoints whole: their headers, the values of their channels, and their pending writes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chatkeep.checkpointer import finding
from chatkeep.checkpointer.checkpoint import LoadedCheckpoint, Slot
from chatkeep.checkpointer.fetching import read_payloads
from chatkeep.checkpointer.finding import CheckpointItems, read_headers, read_writes
from chatkeep.checkpointer.header import Header, Stored, decode
from chatkeep.checkpointer.known_lists import KnownList
from chatkeep.checkpointer.payloads import Payloads, wanted_entry, wanted_write
from chatkeep.checkpointer.storage import Storage
from chatkeep.checkpointer.values import Value
from chatkeep.checkpointer.writes import Write


@dataclass(frozen=True)
class Listing:
    """Which checkpoints to list: of a namespace or all, of an id or all, older than `before`, with such metadata."""

    thread_id: str
    namespace: str | None
    checkpoint_id: str | None
    before: str | None
    metadata: Mapping[str, Any]

    def names(self, checkpoint_id: str) -> bool:
        """Whether a checkpoint may be listed as far as its id tells."""
        return (not self.before or checkpoint_id < self.before) and self.checkpoint_id in (None, "", checkpoint_id)

    def matches(self, metadata: Mapping[str, Any]) -> bool:
        return all(metadata.get(name) == value for name, value in self.metadata.items())


def read_checkpoints(storage: Storage, thread_id: str, found: Sequence[CheckpointItems]) -> list[LoadedCheckpoint]:
    """Checkpoints with their writes and their values; payloads that they share are read once.

    Raises BrokenThreadError naming the payload that is missing or damaged.
    """
    headers = read_headers(storage, thread_id, found)
    writes = read_writes(storage, thread_id, found)
    wanted = [
        wanted_entry(thread_id, header, channel, entry)
        for header in headers
        for channel, entry in header.entries.items()
    ]
    wanted += [wanted_write(thread_id, header, w) for header, own in zip(headers, writes, strict=True) for w in own]
    payloads = read_payloads(storage, thread_id, wanted)
    return [_loaded(payloads, thread_id, header, own) for header, own in zip(headers, writes, strict=True)]


def _loaded(payloads: Payloads, thread_id: str, header: Header, writes: list[Write[Stored]]) -> LoadedCheckpoint:
    values: dict[str, Value] = {}
    lists: dict[Slot, KnownList] = {}
    for channel, entry in header.entries.items():
        values[channel], known = payloads.value(wanted_entry(thread_id, header, channel, entry))
        lists.update(((channel, path), found) for path, found in known.items())
    ordered = sorted(writes, key=lambda write: write.order)
    return LoadedCheckpoint(header, values, lists, [payloads.write(thread_id, header, write) for write in ordered])


def read_matching(storage: Storage, listing: Listing, limit: int | None) -> Iterator[LoadedCheckpoint]:
    """The checkpoints that are listed, newest first. Raises BrokenThreadError."""
    thread_id, left = listing.thread_id, limit
    first_page = 0 if limit is None else max(4 * limit, 16)
    for page in finding.pages(
        storage.client, storage.table, thread_id, listing.namespace, before=listing.before, first_page=first_page
    ):
        matching = [found for found in page if listing.names(found.checkpoint_id)]
        if listing.metadata:
            headers = read_headers(storage, thread_id, matching)
            kept = [listing.matches(decode(storage.codec, header)[1]) for header in headers]
            matching = [found for found, keep in zip(matching, kept, strict=True) if keep]
        if left is not None:
            matching = matching[:left]
            left -= len(matching)
        yield from read_checkpoints(storage, thread_id, matching)
        if left == 0:
            return
