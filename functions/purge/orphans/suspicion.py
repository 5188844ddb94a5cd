"""What a page of the scan makes suspect: an item by itself, or because another that it needs is not there."""

from datetime import timedelta
from functools import partial

from chatkeep.checkpoint_items import keys as threads
from chatkeep.checkpoint_items.table import OWNER
from chatkeep.clock import now, stamp
from chatkeep.dynamodb.internals import read
from chatkeep.errors import LaterFormatError
from chatkeep.jobs.due import Keys
from chatkeep.kinds import Removal, Table, UnknownKindError, kind_of
from chatkeep.models.deletion import Deletion, Erasure
from chatkeep.models.details import Details
from chatkeep.models.job import Job, JobStatus
from chatkeep.models.session import Session
from chatkeep.models.table import SessionsTable
from chatkeep.models.timer import Timer
from chatkeep.models.totals import Totals
from functions.purge.orphans import asleep, headers, missing, remains
from functions.purge.orphans.orphan import Orphan
from functions.purge.orphans.reading import Item, Reader

WATCHED = timedelta(days=30)
"""After a deletion: its thread is looked for as long, and not for ever, as each look takes a request."""


class Suspicion:
    """Looks at the items of one page, and reads for all of them together."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._orphans: list[Orphan] = []
        self._without: dict[Keys, Orphan] = {}
        """Orphans where there is no item with the keys."""
        self._receipts: list[Deletion] = []

    def of(self, table: Table, page: list[Item]) -> list[Orphan]:
        """What is wrong with the page's items, by the first look."""
        for item in page:
            try:
                self._look(table, item)
            except LaterFormatError:
                continue  # for a later version's sweep
            except Exception as error:
                keys = {"pk": item["pk"]["S"], "sk": item["sk"]["S"]}
                self._orphans.append(Orphan("unreadable item", keys, partial(_fail, error)))
        there = self._reader.existing(self._without)
        lone = [orphan for keys, orphan in self._without.items() if keys not in there]
        return [*self._orphans, *lone, *self._continued()]

    def _look(self, table: Table, item: Item) -> None:
        if table is Table.CHECKPOINTS:
            if OWNER in item:  # else it is another application's, or has a head that is
                self._need_header("thread", item[OWNER]["S"], item["pk"]["S"])
            return
        try:
            kind = kind_of(table, item)
        except UnknownKindError:
            return  # a later version's
        assert kind.model is not None
        if kind.removal is Removal.WITH_SESSION and kind.model is not Session:
            owner = Details.KEY.partition.read(item["pk"]["S"])
            self._need_header("contents", owner["user_id"], owner["session_id"])
        self._look_at(read(kind.model, item))

    def _look_at(self, found: SessionsTable) -> None:
        if isinstance(found, Session):
            self._orphans += headers.orphans(found)
            self._need_jobs(found)
        if isinstance(found, Job):
            if asleep.actions(found):
                wake = partial(asleep.wake, type(found), (found.pk, found.sk))
                self._orphans.append(
                    Orphan(f"{type(found).__name__.lower()} asleep", found.KEY.read(found.pk, found.sk), wake)
                )
            if isinstance(found, Deletion) and found.status == JobStatus.DONE and _is_recent(found):
                self._receipts.append(found)
        if isinstance(found, Totals) and found.erasure_id is not None and found.erasure_digest is not None:
            user = Totals.KEY.read(found.pk, found.sk)
            erasure = Erasure.KEY.of(found.erasure_digest, found.erasure_id)
            record = partial(missing.record_erasure, **user)
            self._without[erasure] = Orphan("erasure without its job", user, record)

    def _need_header(self, left: str, user_id: str, session_id: str) -> None:
        ids = {"user_id": user_id, "session_id": session_id}
        bury = partial(remains.bury, self._reader, **ids)
        self._without[Session.KEY.of(user_id, session_id)] = Orphan(f"{left} without a session", ids, bury)

    def _need_jobs(self, session: Session) -> None:
        ids = Session.KEY.read(session.pk, session.sk)
        owner = tuple(ids.values())
        if session.deletion_id is not None:
            record = partial(missing.record_deletion, **ids)
            deletion = Deletion.KEY.of(session.user_id, session.deletion_id)
            self._without[deletion] = Orphan("tombstone without its deletion", ids, record)
        elif missing.timer(session) is not None:
            set_timer = partial(missing.set_timer, **ids)
            self._without[Timer.KEY.of(*owner)] = Orphan("session without its timer", ids, set_timer)

    def _continued(self) -> list[Orphan]:
        """Those whose thread somebody went on with when it had been removed."""
        found = []
        for receipt in self._receipts:
            if self._reader.holds(Table.CHECKPOINTS, threads.partition(receipt.session_id)):
                ids = {"user_id": receipt.user_id, "session_id": receipt.session_id}
                found.append(Orphan("thread after its deletion", ids, partial(remains.bury, self._reader, **ids)))
        return found


def _is_recent(receipt: Deletion) -> bool:
    return bool(receipt.finished_at) and receipt.finished_at >= stamp(now() - WATCHED)


def _fail(error: Exception) -> None:
    raise error
