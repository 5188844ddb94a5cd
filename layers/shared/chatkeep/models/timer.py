"""A session's timer: what is to become of it, and when, unless its user does something."""

from enum import StrEnum

from pynamodb.attributes import UnicodeAttribute

from chatkeep.models.deletion import DeletionKind
from chatkeep.models.job import Job
from chatkeep.models.keys import Id, Key
from chatkeep.models.table import IN_SESSION


class TimerKind(StrEnum):
    EXPIRY = "expiry"
    """Delete the session, unless it was active since the timer was set."""
    PURGE = "purge"
    """Remove the deleted session for good."""


class Timer(Job):
    """One per session, beside its contents, so that turns pay nothing for it. `reason` is whose doing a purge is."""

    KEY = Key(IN_SESSION, "TIMER")
    user_id, session_id = Id(), Id()

    kind = UnicodeAttribute()
    reason = UnicodeAttribute(default=DeletionKind.SESSION)
