"""Deletions for good as the routes ask for them: recorded, nudged, and shown by their receipts."""

from chatkeep import ids
from chatkeep.clock import milliseconds, now
from chatkeep.errors import DeletionNotFoundError, FieldProblem, InvalidFieldError
from chatkeep.jobs.nudging import nudge
from chatkeep.models.deletion import Deletion, Removal
from chatkeep.removal import deleting, erasing, receipts
from chatkeep.settings import settings as service
from functions.sessions.cursor import open_sealed, seal
from functions.sessions.schemas.deletions import DeletionPage, DeletionView
from functions.sessions.settings import settings

MOST_AT_ONCE = 3


def of_session(user_id: str, session_id: str) -> DeletionView:
    """Delete a session for good. Raises SessionNotFoundError, SessionChangedError."""
    job = deleting.delete(user_id, session_id)
    begin(user_id, [job])
    return DeletionView.of(job)


def of_user(user_id: str, confirmed: str) -> DeletionView:
    """Erase the user. Raises InvalidFieldError unless `confirmed` is the user's own id."""
    if confirmed != user_id:
        raise InvalidFieldError(FieldProblem("confirm", "must be the `sub` of the token"))
    job = erasing.begin(user_id, _digest(user_id))
    if _is_due(job):
        nudge([(job.pk, job.sk)], service().jobs_function)
    return DeletionView.of(job)


def page(user_id: str, limit: int, cursor: str | None) -> DeletionPage:
    """Up to `limit` receipts. Raises InvalidFieldError for a cursor of another list."""
    listed = ("deletions", user_id)
    found, more = receipts.page(user_id, _digest(user_id), limit, open_sealed(cursor, *listed))
    shown = [DeletionView.of(receipt) for receipt in found]
    return DeletionPage(deletions=shown, next_cursor=seal(shown[-1].deletion_id, *listed) if more else None)


def one(user_id: str, deletion_id: str) -> DeletionView:
    """Raises DeletionNotFoundError."""
    if not ids.is_id(deletion_id):  # it may be longer than a key
        raise DeletionNotFoundError(deletion_id)
    return DeletionView.of(receipts.one(user_id, _digest(user_id), deletion_id))


def begin(user_id: str, due: list[Deletion]) -> None:
    """Have these deletions carried out at once, unless as many of the user's before them are still under way.

    Each nudge may take a function for minutes, and no user is to take many: the sweep hands the others on together.
    """
    due = [job for job in due if _is_due(job)]
    if due and receipts.under_way(user_id, min(job.deletion_id for job in due)) < MOST_AT_ONCE:
        nudge(((job.pk, job.sk) for job in due), service().jobs_function)


def _is_due(job: Removal) -> bool:
    """Whether nobody has claimed the job or has done it."""
    return job.due_at is not None and job.due_at <= milliseconds(now())


def _digest(user_id: str) -> str:
    return erasing.digest(user_id, settings().erasure_secret.current())
