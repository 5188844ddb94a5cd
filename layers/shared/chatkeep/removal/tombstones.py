"""The tombstone of a session: what one transaction makes of its header, before anything is removed.

From then on no turn, report, rating or setting can be stored, as each of them needs the header in a state that it is
not in any more; the session is in no list and in no total. The header itself goes last.

Events of a turn's stream are stored without a look at the header, by a turn that has not noticed yet. It stores none
once its lease has ended, as it knows it. So a tombstone keeps when that is, and stays until then.
"""

from pynamodb.attributes import Attribute
from pynamodb.expressions.condition import Condition

from chatkeep import ids, jobs
from chatkeep.clock import now, stamp
from chatkeep.dynamodb.transaction import Transaction, as_read
from chatkeep.errors import SessionNotFoundError
from chatkeep.models.deletion import Deletion, DeletionKind
from chatkeep.models.session import Session
from chatkeep.models.totals import Totals
from chatkeep.sessions.activity import MovedError
from chatkeep.sessions.counts import COUNTS
from chatkeep.turns import lease

COUNTED: tuple[Attribute[float], ...] = (
    Session.message_count,
    Session.total_tokens,
    Session.total_cost,
    Session.thumbs_up,
    Session.thumbs_down,
)
"""The counters of a session that its user's totals sum."""


def bury(session: Session, kind: DeletionKind, only_if: Condition | None = None) -> Deletion:
    """Delete the session for good as `session`, its header, was read; return the job that is to remove its contents.

    Raises MovedError where the header is not like that any more or `only_if` does not hold, SessionNotFoundError where
    it is gone.
    """
    deletion = _deletion(session, kind)
    try:
        with Transaction() as transaction:
            lay(transaction, session, deletion.deletion_id, otherwise=MovedError(), only_if=only_if)
            transaction.put(deletion)
    except MovedError:
        present = Session.find(session.user_id, session.session_id)
        if present is None:
            raise SessionNotFoundError() from None
        if present.deletion_id is None:
            raise
        return buried(present)  # by somebody else, or by this very transaction, whose answer was lost
    return deletion


def buried(tombstone: Session) -> Deletion:
    """The deletion of a session that has its tombstone. Raises SessionNotFoundError where it is part of an erasure."""
    deletion = Deletion.find(tombstone.user_id, tombstone.deletion_id)
    if deletion is None:
        raise SessionNotFoundError()
    return deletion


def written_until(tombstone: Session) -> int:
    """Until when events may come to be stored, in milliseconds since the epoch; one of before there were any has 0."""
    return int(tombstone.written_until or 0)


def lay(
    transaction: Transaction,
    session: Session,
    deletion_id: str,
    otherwise: Exception,
    only_if: Condition | None = None,
) -> None:
    """Make a tombstone of the header and take its counts from its user's totals; the days keep what was spent."""
    transaction.change(
        session,
        Session.deletion_id.set(deletion_id),
        Session.deleted_at.set(session.deleted_at or stamp(now())),
        Session.place.remove(),
        Session.written_until.set(Session.lease_expires_at | 0),  # as it is now, whatever was read
        *lease.giving_up(),
        Session.interrupting.remove(),
        Session.waiting.remove(),
        condition=_unchanged(session) if only_if is None else _unchanged(session) & only_if,
        otherwise=otherwise,
    )
    transaction.change(
        Totals(session.user_id),
        COUNTS[session.status].add(-1),
        Totals.total_messages.add(-session.message_count),
        Totals.total_tokens.add(-session.total_tokens),
        Totals.total_cost.add(-session.total_cost),
        Totals.thumbs_up.add(-session.thumbs_up),
        Totals.thumbs_down.add(-session.thumbs_down),
    )


def _unchanged(session: Session) -> Condition:
    """The header exists with the state and the counters that `session` was read with."""
    still_there: Condition = Session.deletion_id.does_not_exist() & (Session.created_at == session.created_at)
    as_deleted = as_read(Session.deleted_at, session.deleted_at)
    as_archived: Condition = Session.is_archived == session.is_archived
    condition: Condition = still_there & as_deleted & as_archived
    for counter in COUNTED:
        same: Condition = counter == getattr(session, counter.attr_name)
        condition &= same
    return condition


def _deletion(session: Session, kind: DeletionKind) -> Deletion:
    deletion_id = ids.new()
    return Deletion(
        session.user_id,
        deletion_id,
        kind=kind,
        session_id=session.session_id,
        shown_id=session.client_id,
        **jobs.asked_for(deletion_id),
    )
