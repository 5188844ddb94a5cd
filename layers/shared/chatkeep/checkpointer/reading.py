"""Reading checkpoints whole: their headers, the values of their channels, and their pending writes."""

from collections.abc import Sequence

from chatkeep.checkpointer.checkpoint import LoadedCheckpoint, Slot
from chatkeep.checkpointer.fetching import read_payloads
from chatkeep.checkpointer.finding import CheckpointItems, read_headers, read_writes
from chatkeep.checkpointer.lists import KnownList
from chatkeep.checkpointer.payloads import Payloads, wanted_entry, wanted_write
from chatkeep.checkpointer.record import Header, Stored, Value
from chatkeep.checkpointer.storage import Storage
from chatkeep.checkpointer.writes import Write


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
