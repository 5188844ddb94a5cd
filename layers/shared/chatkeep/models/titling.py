"""A title that is to be made: the job, which the first turn of a session without a title leaves."""

from pynamodb.attributes import UnicodeAttribute

from chatkeep.models.job import Job
from chatkeep.models.keys import Id, Key
from chatkeep.models.table import IN_SESSION


class Titling(Job):
    """One per session. `turn_id` is the session's first turn, whose question and answer are named, and whose record
    counts what that uses. `request_id` is that of the turn's request."""

    KEY = Key(IN_SESSION, "TITLE")
    user_id, session_id = Id(), Id()

    turn_id = UnicodeAttribute()
    request_id = UnicodeAttribute(null=True)
