"""One action on many sessions, each on its own."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pynamodb.expressions.condition import Condition

from chatkeep import deadline, ids
from chatkeep.dynamodb.errors import STORAGE_ERRORS
from chatkeep.dynamodb.transaction import Transaction, as_read, met_rivals
from chatkeep.errors import ChatkeepError, NotReachedError, SessionChangedError, StorageUnavailableError
from chatkeep.idempotency import AlreadyAnsweredError, Claim, recall, remember
from chatkeep.models.deletion import Deletion
from chatkeep.models.totals import Totals
from chatkeep.removal import deleting, receipts
from chatkeep.sessions import changing, soft_deletion, tagging
from functions.sessions import deletions
from functions.sessions.schemas.bulk import BulkAction, BulkChange, BulkResult, BulkView
from functions.sessions.settings import settings

CHANGES: dict[BulkAction, dict[str, Any]] = {
    BulkAction.ARCHIVE: {"is_archived": True},
    BulkAction.UNARCHIVE: {"is_archived": False},
    BulkAction.PIN: {"is_pinned": True},
    BulkAction.UNPIN: {"is_pinned": False},
}


LEAST_SECONDS = 2.0
"""With less left no further session is begun."""
ENDING_SECONDS = 2.0
"""After the last session, for the copy of the answer and the nudge."""


class _Outcomes(BaseModel):
    """What a repetition is told: statuses and codes in the order of its sessions, whose ids it names itself."""

    outcomes: list[tuple[int, str | None]]


class _ErasedError(Exception):
    """The user is erased, or was."""


def carry_out(user_id: str, wanted: BulkChange, claim: Claim | None) -> BulkView:
    """What became of each session; one that is named twice is changed once and told of twice.

    They are seen to one after the other, as each changes the same totals. Those for which there is no time answer 409
    `not_reached`, and nothing of them is changed. A repetition of `claim` is told the same and changes nothing, once
    all have been seen to. Raises IdempotencyKeyReusedError.
    """
    if claim and (known := recall(user_id, claim, _Outcomes)):
        return _view(wanted, known)
    before = Totals.find(user_id) if claim else None
    due: list[Deletion] = []
    outcomes = _outcomes(user_id, wanted, due)
    if claim:
        outcomes = _first_told(user_id, claim, outcomes, before)
    deletions.begin(user_id, due)
    return _view(wanted, outcomes)


def _first_told(user_id: str, claim: Claim, outcomes: _Outcomes, before: Totals | None) -> _Outcomes:
    """Keep these outcomes for repetitions, unless one was faster: then its own.

    They are not kept where the user has been erased since `before`: they would be all that is left.
    """
    since = before and before.created_at
    same_user: Condition = Totals.erasure_id.does_not_exist() & as_read(Totals.created_at, since)
    try:
        with suppress(_ErasedError), Transaction() as transaction:
            remember(transaction, user_id, claim, outcomes, session_id=None)
            transaction.check(Totals, Totals.KEY.of(user_id), same_user, _ErasedError())
    except AlreadyAnsweredError:
        return recall(user_id, claim, _Outcomes) or outcomes
    return outcomes


def _view(wanted: BulkChange, told: _Outcomes) -> BulkView:
    results = zip(wanted.session_ids, told.outcomes, strict=True)
    return BulkView(results=[BulkResult(session_id=one, status=status, code=code) for one, (status, code) in results])


def _outcomes(user_id: str, wanted: BulkChange, due: list[Deletion]) -> _Outcomes:
    """Adds the jobs that follow to `due`. A session may be named by its stored id and by its client's: it is one."""
    stored = [ids.of_session(user_id, named) for named in wanted.session_ids]
    with deadline.earlier(ENDING_SECONDS):
        act = partial(_act, user_id, wanted, receipts.Latest(user_id), due)
        each = {session_id: _outcome(act, session_id) for session_id in dict.fromkeys(stored)}
    return _Outcomes(outcomes=[each[session_id] for session_id in stored])


def _outcome(act: Callable[[str], int], session_id: str) -> tuple[int, str | None]:
    """Raises what the storage fails with, except where others kept changing the session, or where its time is over."""
    try:
        if _is_late():
            raise NotReachedError
        return act(session_id), None
    except (*STORAGE_ERRORS, StorageUnavailableError) as error:
        if not (met_rivals(error) or _is_late()):
            raise
        return SessionChangedError.status, SessionChangedError.code
    except ChatkeepError as error:
        return error.status, error.code


def _is_late() -> bool:
    return deadline.current().storage_seconds_left() < LEAST_SECONDS


def _act(user_id: str, wanted: BulkChange, known: receipts.Latest, due: list[Deletion], session_id: str) -> int:
    if wanted.action is BulkAction.DELETE_PERMANENTLY:
        due.append(deleting.delete(user_id, session_id, known))
        return HTTPStatus.ACCEPTED
    if wanted.action is BulkAction.DELETE:
        soft_deletion.delete(user_id, session_id, timedelta(days=settings().retention_days))
    elif wanted.action is BulkAction.RESTORE:
        soft_deletion.restore(user_id, session_id)
    elif wanted.tag is not None:
        (tagging.add if wanted.action is BulkAction.TAG else tagging.remove)(user_id, session_id, wanted.tag)
    else:
        changing.change(user_id, session_id, CHANGES[wanted.action])
    return HTTPStatus.OK
