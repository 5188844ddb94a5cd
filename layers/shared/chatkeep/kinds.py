"""The registry of stored items: each kind, where it lies, whose it is to remove and to show, and what counts it.

A test stores items by every route, and fails for one that is of no kind here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from chatkeep.checkpoint_items import keys
from chatkeep.models.background import BackgroundTurn
from chatkeep.models.branching import Branching
from chatkeep.models.day import Day
from chatkeep.models.deletion import Deletion, Erasure
from chatkeep.models.details import Details
from chatkeep.models.event_batch import EventBatch
from chatkeep.models.idempotency import Answer
from chatkeep.models.message import Message
from chatkeep.models.part import Part
from chatkeep.models.preferences import Preferences
from chatkeep.models.scan import Scan
from chatkeep.models.session import Session
from chatkeep.models.table import SessionsTable
from chatkeep.models.timer import Timer
from chatkeep.models.titling import Titling
from chatkeep.models.totals import Totals
from chatkeep.models.turn import Turn

SEPARATORS = 2
"""Of a header's key; those of its writes go on from it."""


class Table(StrEnum):
    SESSIONS = "sessions"
    CHECKPOINTS = "checkpoints"


class Removal(StrEnum):
    WITH_SESSION = "with its session"
    WITH_USER = "with its user"
    NEVER = "never: it names nobody"
    BY_TIME = "by the table's time to live, else with its user"


@dataclass(frozen=True)
class Kind:
    """`model` is None in CheckpointsTable, where `has` tells by the sort key whether an item is of this kind.

    `exported` says whether it holds a user's own data, for an export; `counted_in` whose counters change with it;
    `removed_as` which number of a receipt counts it.
    """

    name: str
    removal: Removal
    exported: bool = False
    counted_in: tuple[type[SessionsTable], ...] = ()
    model: type[SessionsTable] | None = None
    has: Callable[[str], bool] | None = None
    removed_as: str | None = None

    @property
    def table(self) -> Table:
        return Table.CHECKPOINTS if self.model is None else Table.SESSIONS

    @property
    def format(self) -> int | None:
        """The latest format; None where a checkpoint's header says it for all that it refers to."""
        return None if self.model is None else self.model.FORMAT


def _header(sort: str) -> bool:
    return _under(keys.HEADER)(sort) and sort.count(keys.SEPARATOR) == SEPARATORS


def _writes(sort: str) -> bool:
    return _under(keys.HEADER)(sort) and sort.count(keys.SEPARATOR) > SEPARATORS


def _under(letter: str) -> Callable[[str], bool]:
    return lambda sort: sort.startswith(letter + keys.SEPARATOR)


KINDS = (
    Kind("preferences", Removal.WITH_USER, exported=True, model=Preferences),
    Kind("totals", Removal.WITH_USER, exported=True, model=Totals),
    Kind("day", Removal.WITH_USER, exported=True, model=Day),
    # With the session that it tells of.
    Kind("answer", Removal.BY_TIME, model=Answer),
    Kind("receipt of a deletion", Removal.WITH_USER, model=Deletion),
    Kind("receipt of an erasure", Removal.NEVER, model=Erasure),
    Kind("position of a scan", Removal.NEVER, model=Scan),
    Kind("session", Removal.WITH_SESSION, exported=True, counted_in=(Totals,), model=Session),
    Kind("background turn", Removal.WITH_SESSION, exported=True, model=BackgroundTurn),
    Kind("timer", Removal.WITH_SESSION, model=Timer),
    Kind("title to be made", Removal.WITH_SESSION, model=Titling),
    Kind("details", Removal.WITH_SESSION, exported=True, model=Details),
    Kind(
        "turn", Removal.WITH_SESSION, exported=True, counted_in=(Session, Totals, Day), model=Turn, removed_as="turns"
    ),
    # By its rating; the turn's record counts the message itself.
    Kind(
        "message",
        Removal.WITH_SESSION,
        exported=True,
        counted_in=(Session, Totals),
        model=Message,
        removed_as="messages",
    ),
    Kind("events of a turn", Removal.WITH_SESSION, model=EventBatch, removed_as="events"),
    Kind("part of a message", Removal.WITH_SESSION, exported=True, model=Part),
    Kind("branches", Removal.WITH_SESSION, exported=True, model=Branching),
    # None of these is exported: a thread repeats its session's messages.
    Kind("checkpoint", Removal.WITH_SESSION, has=_header, removed_as="checkpoint_items"),
    Kind("pending writes", Removal.WITH_SESSION, has=_writes, removed_as="checkpoint_items"),
    Kind("row", Removal.WITH_SESSION, has=_under(keys.ROW), removed_as="checkpoint_items"),
    Kind("value", Removal.WITH_SESSION, has=_under(keys.VALUE), removed_as="checkpoint_items"),
    Kind("oversize payload", Removal.WITH_SESSION, has=_under(keys.OVERSIZE), removed_as="checkpoint_items"),
    Kind("head", Removal.WITH_SESSION, has=_under(keys.GUARD), removed_as="checkpoint_items"),
)


class UnknownKindError(LookupError):
    """An item is of no kind in the registry."""


def kind_of(table: Table, item: Mapping[str, Any]) -> Kind:
    """The kind of a low-level item by its keys. Raises UnknownKindError."""
    partition, sort = item["pk"]["S"], item["sk"]["S"]
    for kind in KINDS:
        if kind.table is table and _is(kind, partition, sort):
            return kind
    raise UnknownKindError(f"no kind of item in {table} has the keys {partition!r} and {sort!r}")


def _is(kind: Kind, partition: str, sort: str) -> bool:
    if kind.model is not None:
        return kind.model.KEY.matches(partition, sort)
    return kind.has is not None and kind.has(sort)
