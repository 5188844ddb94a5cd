"""A background turn: the job that is to run it, which is there until the turn's record is."""

import zlib

from pynamodb.attributes import BinaryAttribute, BooleanAttribute, NumberAttribute, UnicodeAttribute

from chatkeep.models.job import Job
from chatkeep.models.keys import Id, Key
from chatkeep.models.table import IN_SESSION


class BackgroundTurn(Job):
    """The request of a turn, and how far it has got.

    `attempts` counts those that have begun to run the turn, `refusals` those that were put off before, the latest by
    the problem that `error` names. A failed turn may be asked for again, under the same id: `attempts_before` is the
    number of attempts in its record then, and `events_before` the number of the latest batch of their events.
    `request_id` is that of the request, `user_name` the user's name where prompts tell it, as a job has no claims. With
    `regenerate`, the id of an answer, there is no question, nor where the turn `compacts` the thread.
    """

    KEY = Key(IN_SESSION, "JOB#{turn_id}")
    user_id, session_id, turn_id = Id(), Id(), Id()

    regenerate = UnicodeAttribute(null=True)
    compacts = BooleanAttribute(null=True)
    packed = BinaryAttribute(legacy_encoding=False)
    strategy = UnicodeAttribute()
    fingerprint = UnicodeAttribute()
    request_id = UnicodeAttribute(null=True)
    user_name = UnicodeAttribute(null=True)
    attempts_before = NumberAttribute(default=0)
    events_before = NumberAttribute(default=0)
    refusals = NumberAttribute(default=0)
    is_cancelled = BooleanAttribute(null=True)

    @property
    def content(self) -> str:
        """The question."""
        return zlib.decompress(self.packed).decode()


def packed(content: str) -> bytes:
    """A question as the job holds it: 100,000 characters of any script take less than DynamoDB's 400 KB."""
    return zlib.compress(content.encode())
