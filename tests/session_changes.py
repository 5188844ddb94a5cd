"""Changes to a session while somebody holds a copy of it, and the rules that must hold afterwards."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from chatkeep import sessions
from chatkeep.idempotency import Claim
from chatkeep.models.session import Session, Status
from chatkeep.models.totals import Totals
from chatkeep.sessions import changing, creating, soft_deletion
from chatkeep.sessions.views import SessionView
from chatkeep.usage import reporting
from chatkeep.usage.reporting import Report
from functions.sessions import preferences
from functions.sessions.schemas.sessions import NewSession

Change = Callable[[str, str], Any]
delete = partial(soft_deletion.delete, retention=timedelta(days=30))
REPORT = Report(tokens=7)


def create(user_id: str, claim: Claim | None) -> SessionView:
    """Create a session with default settings."""
    created, _ = creating.create(user_id, preferences.for_session(user_id, NewSession())[0], claim)
    return created


def place(session: Session) -> str:
    """The session's place in its user's list, computed from its state."""
    return f"{session.status}#{int(session.is_pinned)}#{session.updated_at}#{session.session_id}"


def setting(**changes: Any) -> Change:
    return lambda user_id, session_id: changing.change(user_id, session_id, dict(changes))


CHANGES: dict[str, Change] = {
    "rename": setting(title="renamed"),
    "describe": setting(metadata={"long": "x" * 200}),
    "pin": setting(is_pinned=True),
    "unpin": setting(is_pinned=False),
    "archive": setting(is_archived=True),
    "unarchive": setting(is_archived=False),
    "report": lambda user_id, session_id: reporting.record(user_id, session_id, REPORT, None),
    "delete": delete,
}


def check(user_id: str, session_id: str) -> Session:
    """Check that the session stands at its place in the list and the user's totals count it by its status."""
    found = sessions.header(user_id, session_id)
    assert found.place == place(found)
    totals = Totals(user_id)
    totals.refresh(consistent_read=True)
    counted = {Status.ACTIVE: totals.active_sessions, Status.ARCHIVED: totals.archived_sessions}
    counted |= {Status.DELETED: totals.deleted_sessions}
    assert counted == {status: int(status is found.status) for status in Status}
    assert totals.total_tokens == found.total_tokens
    return found
