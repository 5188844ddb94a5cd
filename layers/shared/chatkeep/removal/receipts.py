"""Receipts of deletions, newest first: those of a user's sessions, and those of erasures of that user before."""

from collections.abc import Iterator
from functools import cached_property
from heapq import merge
from itertools import islice

from pynamodb.expressions.update import Action

from chatkeep import jobs
from chatkeep.clock import now, stamp
from chatkeep.errors import DeletionNotFoundError
from chatkeep.models.deletion import Deletion, Erasure, Removal
from chatkeep.models.job import JobStatus
from chatkeep.models.keys import LAST

LOOK_BACK = 1_000
FEW = 10


def page(user_id: str, digest: str, limit: int, before: str | None) -> tuple[list[Removal], bool]:
    """Up to `limit` receipts that are older than the deletion `before`, and whether there are more.

    `digest` stands for the user in the receipts of erasures.
    """
    streams: list[Iterator[Removal]] = [
        _newest(Deletion, user_id, before, limit),
        _newest(Erasure, digest, before, limit),
    ]
    found = list(islice(merge(*streams, key=lambda receipt: receipt.deletion_id, reverse=True), limit + 1))
    return found[:limit], len(found) > limit


def one(user_id: str, digest: str, deletion_id: str) -> Removal:
    """Raises DeletionNotFoundError, for another user's too."""
    found = Deletion.find(user_id, deletion_id) or Erasure.find(digest, deletion_id)
    if found is None:
        raise DeletionNotFoundError(deletion_id)
    return found


class Latest:
    """The user's latest `LOOK_BACK` receipts, read once and only if somebody asks.

    A request for a session that never was should not read all that the user has deleted in years.
    """

    def __init__(self, user_id: str) -> None:
        self._user_id = user_id

    @cached_property
    def _by_session(self) -> dict[str, Deletion]:
        latest = Deletion.among(self._user_id, newest_first=True, limit=LOOK_BACK)
        return {receipt.session_id: receipt for receipt in reversed(list(latest))}

    def of_session(self, session_id: str) -> Deletion | None:
        """The latest deletion of a session that is gone."""
        return self._by_session.get(session_id)


def under_way(user_id: str, before: str) -> int:
    """The number of deletions that are not done among the latest few before the deletion `before`."""
    return sum(receipt.status != JobStatus.DONE for receipt in islice(_newest(Deletion, user_id, before, FEW), FEW))


def completed(job: Removal) -> list[Action]:
    """The actions that complete a deletion to its receipt, beside those that end the job."""
    return [type(job).finished_at.set(stamp(now())), *_all_counted(job)]


def look_again(job: Removal, at: int) -> None:
    """Leave a deletion that has removed everything to whoever finds it due at that time, as more may come until then.

    Raises ClaimLostError.
    """
    jobs.change(job, [type(job).due_at.set(at), type(job).attempts.set(0), *_all_counted(job)])


def _all_counted(job: Removal) -> list[Action]:
    """The actions by which all that was counted is gone: what is found from then on has come since."""
    cls = type(job)
    return [cls.counted_in.remove(), cls.counted_to.remove()]


def _newest(kind: type[Removal], owner: str, before: str | None, limit: int) -> Iterator[Removal]:
    """One more than `limit` tells whether there are more; the deletion `before` itself comes first."""
    found = kind.among(owner, last=before or LAST, newest_first=True, limit=limit + 1 + bool(before))
    return (receipt for receipt in found if receipt.deletion_id != before)
