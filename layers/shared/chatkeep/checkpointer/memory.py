"""Checkpoints that this process has read or written lately, so that a put need not read its parent."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from chatkeep.checkpoint_items.requests import Item
from chatkeep.checkpointer.checkpoint import KnownCheckpoint
from chatkeep.checkpointer.codec import size
from chatkeep.checkpointer.finding import CheckpointItems
from chatkeep.checkpointer.forks import renew_in_children
from chatkeep.checkpointer.record import Value
from chatkeep.checkpointer.writes import Write

Place = tuple[str, str]  # thread, namespace
_MOST_NOTED = 64  # checkpoints with pending writes whose successor may be still to come
_MOST_NOTED_BYTES = 100_000  # of one write: a longer one is rather a whole conversation than a step of it
MOST_HELD_BYTES = 4_000_000
"""Of a history that is held until it is asked for; a longer one is rather read again."""
_KNOWN_BYTES, _PART_BYTES = 2_500, 300  # of memory for a checkpoint and for each thing that its header names
_ITEM_BYTES, _WRITE_BYTES, _FRAME_BYTES = 1_700, 800, 130  # for an item, a write and an element, besides their contents


class RecentCheckpoints:
    """A bounded map, safe for threads; the bound is on the memory that everything in it takes.

    Most of that are digests, of which a long list has many. Histories go first, as they can be read again, then writes,
    then the checkpoints that were used least recently.
    """

    def __init__(self, most_bytes: int = 16_000_000) -> None:
        self._most_bytes = most_bytes
        self.renew()
        renew_in_children(self)

    def renew(self) -> None:
        """Be empty: a thread of the parent may have been about to change something at the fork."""
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[Place, str], KnownCheckpoint] = OrderedDict()
        self._latest: dict[str, dict[str, str]] = {}  # of a thread's namespaces, the checkpoint remembered last
        self._writes: OrderedDict[tuple[Place, str], dict[tuple[str, int], Write[Value]]] = OrderedDict()
        self._held: OrderedDict[Place, tuple[str, Sequence[CheckpointItems]]] = OrderedDict()
        self._bytes = 0

    def get(self, place: Place, checkpoint_id: str) -> KnownCheckpoint | None:
        with self._lock:
            known = self._known.get((place, checkpoint_id))
            if known:
                self._known.move_to_end((place, checkpoint_id))
            return known

    def remember(self, place: Place, known: KnownCheckpoint) -> None:
        with self._lock:
            self._drop_history(place)
            self._drop_writes((place, known.header.parent_id or ""))  # they are counted in
            self._drop((place, known.header.checkpoint_id))
            self._known[place, known.header.checkpoint_id] = known
            self._latest.setdefault(place[0], {})[place[1]] = known.header.checkpoint_id
            self._bytes += _weight(known)
            self._fit()

    def last_snapshot(self, place: Place) -> str | None:
        """The checkpoint to which the history of the head went back when it was last seen, if it has DeltaChannels."""
        with self._lock:
            known = self._known.get((place, self._latest.get(place[0], {}).get(place[1], "")))
            entries = [*known.header.entries.values(), *known.header.seeds.values()] if known else []
            return min((entry.snapshot_of for entry in entries if entry.snapshot_of), default=None)

    def hold(self, place: Place, checkpoint_id: str, ancestors: Sequence[CheckpointItems]) -> None:
        """Keep the history that was read with a head until it is asked for, or something is written."""
        with self._lock:
            self._drop_history(place)
            self._held[place] = (checkpoint_id, ancestors)
            self._bytes += weight_of_items(ancestors)
            self._fit()

    def release(self, place: Place, checkpoint_id: str) -> Sequence[CheckpointItems] | None:
        with self._lock:
            head, ancestors = self._drop_history(place)
            return ancestors if head == checkpoint_id else None

    def nearby(self, place: Place, task_id: str | None = None) -> list[KnownCheckpoint]:
        """The checkpoints remembered last of the namespaces that this one lies in and, innermost first, around it.

        With a task, its subgraphs' come first. All of them are stored.
        """
        thread_id, namespace = place
        with self._lock:
            latest = self._latest.get(thread_id, {})
            inner = [other for other in latest if task_id and f":{task_id}" in other and other != namespace]
            wanted = [*inner, *([namespace] if task_id else []), *around(namespace)]
            found = (self._known.get(((thread_id, other), latest.get(other, ""))) for other in wanted)
            return [known for known in found if known]

    def note(self, place: Place, checkpoint_id: str, writes: Iterable[Write[Value]]) -> None:
        """Remember the lists written to a checkpoint: of each index the first."""
        with self._lock:
            self._drop_history(place)
            own = self._writes.setdefault((place, checkpoint_id), {})
            for write in writes:
                elements = write.value.elements
                if elements is None or size(elements) > _MOST_NOTED_BYTES or write.place in own:
                    continue
                own[write.place] = write
                self._bytes += _weight_of_write(write)
            self._writes.move_to_end((place, checkpoint_id))
            while len(self._writes) > _MOST_NOTED:
                self._drop_writes(next(iter(self._writes)))
            self._fit()

    def written(self, place: Place, checkpoint_id: str | None) -> list[Write[Value]]:
        with self._lock:
            return list(self._writes.get((place, checkpoint_id or ""), {}).values())

    def forget(self, thread_id: str, namespace: str | None = None) -> None:
        """Forget a thread, or one namespace, that may have changed elsewhere."""

        def meant(place: Place) -> bool:
            return place[0] == thread_id and namespace in (None, place[1])

        with self._lock:
            for noted in [noted for noted in self._writes if meant(noted[0])]:
                self._drop_writes(noted)
            for place in [place for place in self._held if meant(place)]:
                self._drop_history(place)
            for key in [key for key in self._known if meant(key[0])]:
                self._drop(key)

    def _fit(self) -> None:
        while self._bytes > self._most_bytes:
            if self._held:
                self._drop_history(next(iter(self._held)))
            elif self._writes:
                self._drop_writes(next(iter(self._writes)))
            else:
                self._drop(next(iter(self._known)))

    def _drop_history(self, place: Place) -> tuple[str, Sequence[CheckpointItems]]:
        head, ancestors = self._held.pop(place, ("", ()))
        self._bytes -= weight_of_items(ancestors)
        return head, ancestors

    def _drop_writes(self, key: tuple[Place, str]) -> None:
        self._bytes -= sum(map(_weight_of_write, self._writes.pop(key, {}).values()))

    def _drop(self, key: tuple[Place, str]) -> None:
        known = self._known.pop(key, None)
        if known:
            self._bytes -= _weight(known)
            (thread_id, namespace), checkpoint_id = key
            latest = self._latest.get(thread_id, {})
            if latest.get(namespace) == checkpoint_id:
                del latest[namespace]
                if not latest:
                    del self._latest[thread_id]


def around(namespace: str) -> list[str]:
    """The namespaces that contain this one, innermost first: LangGraph joins the parts of nested graphs with "|"."""
    parts = namespace.split("|") if namespace else []
    return ["|".join(parts[:count]) for count in reversed(range(len(parts)))]


def _weight(known: KnownCheckpoint) -> int:
    """About the bytes that it takes in memory; parts that two checkpoints share are counted for each of them."""
    header = known.header
    stored = [*header.entries.values(), *header.seeds.values()]
    lists = [*header.delta_rows.values(), *(found for one in stored for found in one.lists.values())]
    pieces = [piece for one in lists for piece in one.pieces]
    inline = [one.rest for one in stored if one.rest]
    held = [frame for piece in pieces if isinstance(piece, tuple) for frame in piece]
    waiting = [frame for frames in known.waiting.values() for frame in frames]
    frames = [header.frame, *inline, *held, *waiting]
    parts = len(stored) + len(pieces) + len(known.versions) + len(frames)
    return _KNOWN_BYTES + _PART_BYTES * parts + size(frames) + sum(found.weight for found in known.lists.values())


def weight_of_items(found: Iterable[CheckpointItems]) -> int:
    """About the bytes that checkpoints as they were read take in memory."""
    return sum(_weight_of_item(item) for one in found for item in (one.item, *one.writes))


def _weight_of_item(item: Item) -> int:
    contents = (content for value in item.values() for content in value.values())
    return _ITEM_BYTES + 400 * len(item) + sum(len(content) for content in contents if not isinstance(content, bool))


def _weight_of_write(write: Write[Value]) -> int:
    elements = write.value.elements or []
    return _WRITE_BYTES + _FRAME_BYTES * len(elements) + size(elements)
