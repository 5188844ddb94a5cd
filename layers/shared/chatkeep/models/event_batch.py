"""A piece of the stored copy of a turn's events: those of about a second."""

from collections.abc import Iterator
from typing import Any, Self

from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute

from chatkeep.models.keys import LAST, Id, Key
from chatkeep.models.table import IN_SESSION, SessionsTable

KEPT_SECONDS = 3_600


class EventBatch(SessionsTable):
    """`number` is that of its first event. A batch that is too large for one item lies in as many as `pieces` says.

    `ended_at` is on the list's last piece alone, which is stored together with the turn's record: the number of the
    last event, after which come those that are made of the record. `fingerprint` is that of the claim which the turn
    was asked for with, and `client_id`, on the first batch alone, the client's id of the question. `expires_at` is the
    table's time to live, in seconds since the epoch.
    """

    KEY = Key(IN_SESSION, "EVENTS#{turn_id}#{number:016}#{piece:03}")
    user_id, session_id, turn_id, number = Id(), Id(), Id(), Id()

    data = BinaryAttribute(legacy_encoding=False)
    pieces = NumberAttribute(null=True)
    ended_at = NumberAttribute(null=True)
    fingerprint = UnicodeAttribute(null=True)
    client_id = UnicodeAttribute(null=True)
    expires_at = NumberAttribute()

    @classmethod
    def of_turn(
        cls, user_id: str, session_id: str, turn_id: str, *, first: int = 0, last: int | None = None, **reading: Any
    ) -> Iterator[Self]:
        """The turn's batches that begin with the number `first` or a later one, up to `last` where there is one.

        `reading` is `newest_first`, `limit` and `page`, as in `among`.
        """
        until = LAST if last is None else f"{last:016}{LAST}"
        return cls.among(user_id, session_id, first=f"{turn_id}#{first:016}", last=f"{turn_id}#{until}", **reading)
