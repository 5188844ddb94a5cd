"""A session: its settings, state, counters, and the lease of the turn that runs on it."""

import hashlib
from enum import StrEnum
from typing import Any

from pynamodb.attributes import BooleanAttribute, JSONAttribute, ListAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection, KeysOnlyProjection

from chatkeep.dynamodb.connection import connected
from chatkeep.models.table import SessionsTable, session_partition, user_partition
from chatkeep.settings import settings

PREFIX = "SESSION#"
LEASE_SHARDS = 8
"""Spreads the index of leases over as many partitions: 1,000 writes a second each."""


class Status(StrEnum):
    ACTIVE = "active"
    ARCHIVED = "archived"
    DELETED = "deleted"


class ActivityIndex(GlobalSecondaryIndex["Session"]):
    """The list of a user's sessions in one status, pinned above the rest, by their last change."""

    class Meta:
        index_name = "ActivityIndex"
        projection = IncludeProjection(
            [
                "title", "model_name", "temperature", "max_tokens", "enable_summarization", "custom_system_prompt",
                "metadata", "model_options", "is_archived", "is_pinned", "deleted_at", "purge_at", "created_at",
                "updated_at", "last_message_at", "message_count", "total_tokens", "total_cost",
            ]
        )  # fmt: skip

    list_pk = UnicodeAttribute(hash_key=True)
    list_sk = UnicodeAttribute(range_key=True)


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

    activity = ActivityIndex()
    leases = LeasesIndex()

    list_pk = UnicodeAttribute()
    list_sk = UnicodeAttribute()

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

    def __init__(self, user_id: str | None = None, session_id: str | None = None, **attributes: Any) -> None:
        if user_id is not None and session_id is not None:
            attributes |= {"pk": user_partition(user_id), "sk": f"{PREFIX}{session_id}"}
        super().__init__(**attributes)

    @property
    def user_id(self) -> str:
        return self.pk.removeprefix("USER#")

    @property
    def session_id(self) -> str:
        return self.sk.removeprefix(PREFIX)

    @property
    def status(self) -> Status:
        if self.deleted_at is not None:
            return Status.DELETED
        return Status.ARCHIVED if self.is_archived else Status.ACTIVE

    def place_in_list(self) -> None:
        """Set the keys of the activity index from the state they are made of."""
        self.list_pk = list_partition(self.user_id, self.status)
        self.list_sk = list_position(self.session_id, self.is_pinned, self.updated_at)


SessionsTable._connection = connected(Session._get_connection(), settings().dynamodb_endpoint)


class Details(SessionsTable):
    """What a session has too long for its header; read only where the header says so."""

    model_name = UnicodeAttribute(null=True)
    title = UnicodeAttribute(null=True)
    custom_system_prompt = UnicodeAttribute(null=True)
    metadata = JSONAttribute(null=True)
    model_options = JSONAttribute(null=True)

    def __init__(self, user_id: str | None = None, session_id: str | None = None, **attributes: Any) -> None:
        if user_id is not None and session_id is not None:
            attributes |= {"pk": session_partition(user_id, session_id), "sk": "DETAILS"}
        super().__init__(**attributes)


LONG = ("model_name", "title", "model_options", "custom_system_prompt", "metadata")
"""What may lie in the details; the first are the last to."""
OF_A_TURN = ("model_name", "model_options", "custom_system_prompt")
"""Those of them that a turn needs."""


def list_partition(user_id: str, status: Status) -> str:
    """The activity index's partition of a user's sessions in one status."""
    return f"{status}#{user_id}"


def list_position(session_id: str, is_pinned: bool, updated_at: str) -> str:
    """The activity index's sort key: read backwards, pinned come first and then the newest."""
    return f"{int(is_pinned)}#{updated_at}#{session_id}"


def lease_shard(session_id: str) -> str:
    """The partition of the index of leases that a session's lease is in."""
    return str(hashlib.sha256(session_id.encode()).digest()[0] % LEASE_SHARDS)
