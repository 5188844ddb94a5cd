"""A session: its settings, state, counters, and the lease of the turn that runs on it."""

import hashlib
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from pynamodb.attributes import BooleanAttribute, JSONAttribute, ListAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection, KeysOnlyProjection

from chatkeep.models.keys import LAST, Id, Key, KeyText
from chatkeep.models.table import IN_USER, SessionsTable

PLACE = KeyText("{status}#{position}")
POSITION = KeyText("{is_pinned:d}#{updated_at}#{session_id}")
LEASE_SHARDS = 8
"""Spreads the index of leases over as many partitions: 1,000 writes per second each."""


class Status(StrEnum):
    ACTIVE = "active"
    ARCHIVED = "archived"
    DELETED = "deleted"


class ActivityIndex(GlobalSecondaryIndex["Session"]):
    """A user's sessions by status and, read backwards, pinned ones first and then the latest changed.

    Its partitions are the table's own, so that a header holds its user's id once.
    """

    class Meta:
        index_name = "ActivityIndex"
        projection = IncludeProjection(
            [
                "title", "model_name", "temperature", "max_tokens", "enable_summarization", "custom_system_prompt",
                "metadata", "model_options", "is_archived", "is_pinned", "deleted_at", "purge_at", "created_at",
                "updated_at", "last_message_at", "message_count", "total_tokens", "total_cost", "v",
            ]
        )  # fmt: skip

    pk = UnicodeAttribute(hash_key=True)
    place = UnicodeAttribute(range_key=True)


class LeasesIndex(GlobalSecondaryIndex["Session"]):
    """The leases in force by the time they end: only sessions with a turn running are in it."""

    class Meta:
        index_name = "LeasesIndex"
        projection = KeysOnlyProjection()

    lease_shard = UnicodeAttribute(hash_key=True)
    lease_expires_at = NumberAttribute(range_key=True)


class Session(SessionsTable):
    """The header of a session, kept under 1 KB: each write of a turn pays for all of it.

    The fields of `Details` are None here when there is no room for them and they lie there.
    """

    KEY = Key(IN_USER, "SESSION#{session_id}")
    user_id, session_id = Id(), Id()

    activity = ActivityIndex()
    leases = LeasesIndex()

    place = UnicodeAttribute()

    title = UnicodeAttribute(null=True)
    model_name = UnicodeAttribute(null=True)
    temperature = NumberAttribute()
    max_tokens = NumberAttribute()
    enable_summarization = BooleanAttribute()
    custom_system_prompt = UnicodeAttribute(null=True)
    metadata = JSONAttribute(null=True)
    model_options = JSONAttribute(null=True)
    is_archived = BooleanAttribute()
    is_pinned = BooleanAttribute()
    deleted_at = UnicodeAttribute(null=True)
    purge_at = UnicodeAttribute(null=True)
    created_at = UnicodeAttribute()
    updated_at = UnicodeAttribute()
    last_message_at = UnicodeAttribute(null=True)
    last_message_id = UnicodeAttribute(null=True)

    message_count = NumberAttribute(default=0)
    total_tokens = NumberAttribute(default=0)
    total_cost = NumberAttribute(default=0)
    timed_turns = NumberAttribute(default=0)
    response_ms = NumberAttribute(default=0)
    thumbs_up = NumberAttribute(default=0)
    thumbs_down = NumberAttribute(default=0)

    lease_turn_id = UnicodeAttribute(null=True)
    lease_owner = UnicodeAttribute(null=True)
    lease_fence = NumberAttribute(default=0)
    lease_expires_at = NumberAttribute(null=True)
    lease_shard = UnicodeAttribute(null=True)
    cancel_turn_id = UnicodeAttribute(null=True)
    cancel_action = UnicodeAttribute(null=True)
    interrupting: ListAttribute[Any] = ListAttribute(null=True)
    waiting: ListAttribute[Any] = ListAttribute(null=True)
    written_ahead = BooleanAttribute(null=True)

    @property
    def status(self) -> Status:
        if self.deleted_at is not None:
            return Status.DELETED
        return Status.ARCHIVED if self.is_archived else Status.ACTIVE

    @classmethod
    def listed(cls, user_id: str, status: Status, after: str = "", limit: int | None = None) -> "Iterator[Session]":
        """A user's sessions in one status, in the order of lists from the position `after` on; eventually consistent.

        The first `limit` of them take one Query.
        """
        last = PLACE.of(status=status, position=after or LAST)
        within = ActivityIndex.place.between(PLACE.of(status=status, position=""), last)
        # The session at the position comes again.
        most = None if limit is None else limit + bool(after)
        partition = cls.KEY.partition.of(user_id=user_id)
        found = cls.activity.query(partition, within, scan_index_forward=False, limit=most)
        return (one for one in found if one.position != after)

    @property
    def position(self) -> str:
        """The session's place in the list of its status."""
        return PLACE.read(self.place)["position"]

    def place_at(self, updated_at: str) -> str:
        """The key of the activity index where `updated_at` is the session's last change."""
        position = POSITION.of(is_pinned=self.is_pinned, updated_at=updated_at, session_id=self.session_id)
        return PLACE.of(status=self.status, position=position)

    def place_in_list(self) -> None:
        """Set the key of the activity index from the state that it is made of."""
        self.place = self.place_at(self.updated_at)


LONG = ("model_name", "title", "model_options", "custom_system_prompt", "metadata")
"""The settings that may lie in the details; the first are the last to."""
OF_A_TURN = ("model_name", "model_options", "custom_system_prompt")
"""Those of them that a turn needs."""


def lease_shard(session_id: str) -> str:
    """The partition of the index of leases that a session's lease is in."""
    return str(hashlib.sha256(session_id.encode()).digest()[0] % LEASE_SHARDS)
