"""What may become of a session while somebody holds a copy of it, and what has to be so afterwards."""

from collections.abc import Callable
from typing import Any

from chatkeep import sessions
from chatkeep.models.session import Session, Status, list_partition, list_position
from chatkeep.models.totals import Totals
from functions.sessions import usage, writing
from functions.sessions.schemas import NewUsage

Change = Callable[[str, str], Any]
REPORT = NewUsage(tokens_used=7)


def changing(**changes: Any) -> Change:
    return lambda user_id, session_id: writing.update(user_id, session_id, dict(changes))


CHANGES: dict[str, Change] = {
    "rename": changing(title="renamed"),
    "describe": changing(metadata={"long": "x" * 200}),
    "pin": changing(is_pinned=True),
    "unpin": changing(is_pinned=False),
    "archive": changing(is_archived=True),
    "unarchive": changing(is_archived=False),
    "report": lambda user_id, session_id: usage.report(user_id, session_id, REPORT, None),
    "delete": writing.soft_delete,
}


def check(user_id: str, session_id: str) -> Session:
    """The session lies where the list has it, and the user's totals count it as what it is."""
    found = sessions.header(user_id, session_id)
    position = list_position(session_id, found.is_pinned, found.updated_at)
    assert (found.list_pk, found.list_sk) == (list_partition(user_id, found.status), position)
    totals = Totals.of(user_id)
    totals.refresh(consistent_read=True)
    counted = {Status.ACTIVE: totals.active_sessions, Status.ARCHIVED: totals.archived_sessions}
    counted |= {Status.DELETED: totals.deleted_sessions}
    assert counted == {status: int(status is found.status) for status in Status}
    assert totals.total_tokens == found.total_tokens
    return found
