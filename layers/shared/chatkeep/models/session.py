"""A session: its settings, state, counters, and the lease of the turn that runs on it."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from pynamodb.attributes import BooleanAttribute, JSONAttribute, ListAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection

from chatkeep.models.due import DueIndex
from chatkeep.models.keys import LAST, Id, Key, KeyText
from chatkeep.models.table import IN_USER, SessionsTable

PLACE = KeyText("{status}#{position}")
POSITION = KeyText("{is_pinned:d}#{updated_at}#{session_id}")


class Status(StrEnum):
    ACTIVE = "active"
    ARCHIVED = "archived"
    DELETED = "deleted"


class OnOverflow(StrEnum):
    """What is done with a conversation that its model cannot read whole any more."""

    SUMMARIZE = "summarize"
    TRIM = "trim"
    REFUSE = "refuse"


class ActivityIndex(GlobalSecondaryIndex["Session"]):
    """A user's sessions by status and, read backwards, pinned ones first and then the latest changed.

    Its partitions are the table's own, so that a header holds its user's id once. Pin, last change and whether it is
    deleted are in `place`: an index takes 20 attributes (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Projection.html).
    """

    class Meta:
        index_name = "ActivityIndex"
        projection = IncludeProjection(
            [
                "title", "model_name", "temperature", "max_tokens", "enable_summarization", "custom_system_prompt",
                "metadata", "model_options", "is_archived", "on_overflow", "purge_at", "created_at", "last_message_at",
                "message_count", "total_tokens", "total_cost", "tags", "client_id", "keep_days", "v",
            ]
        )  # fmt: skip

    pk = UnicodeAttribute(hash_key=True)
    place = UnicodeAttribute(range_key=True)


class Session(SessionsTable):
    """The header of a session, kept under 1 KB: each write of a turn pays for all of it.

    The fields of `Details` are None here when there is no room for them and they lie there. `on_overflow` is None where
    a conversation that is too long is refused. `client_id` is the id that the session's client chose, where it did.
    `last_message_id` is the last message stored, with which the active branch ends. A temporary session has no `place`
    in any list. One with a `deletion_id` is gone for everybody but who removes its contents: its tombstone. Until its
    `written_until`, in milliseconds since the epoch, the turn that it ended may store events.
    One that `wants_title` gets one after its first turn, unless its user gives it one before.
    """

    KEY = Key(IN_USER, "SESSION#{session_id}")
    user_id, session_id = Id(), Id()

    activity = ActivityIndex()
    due = DueIndex()

    place = UnicodeAttribute(null=True)
    client_id = UnicodeAttribute(null=True)

    title = UnicodeAttribute(null=True)
    model_name = UnicodeAttribute(null=True)
    temperature = NumberAttribute()
    max_tokens = NumberAttribute()
    enable_summarization = BooleanAttribute()
    on_overflow = UnicodeAttribute(null=True)
    custom_system_prompt = UnicodeAttribute(null=True)
    metadata = JSONAttribute(null=True)
    model_options = JSONAttribute(null=True)
    tags = JSONAttribute(null=True)
    expire_after_days = NumberAttribute(attr_name="keep_days", null=True)
    is_temporary = BooleanAttribute(null=True)
    wants_title = BooleanAttribute(attr_name="untitled", null=True)
    is_archived = BooleanAttribute()
    is_pinned = BooleanAttribute()
    deleted_at = UnicodeAttribute(null=True)
    purge_at = UnicodeAttribute(null=True)
    deletion_id = UnicodeAttribute(null=True)
    created_at = UnicodeAttribute()
    updated_at = UnicodeAttribute()
    last_message_at = UnicodeAttribute(null=True)
    last_message_id = UnicodeAttribute(null=True)
    has_branched = BooleanAttribute(null=True)

    message_count = NumberAttribute(default=0)
    total_tokens = NumberAttribute(default=0)
    total_cost = NumberAttribute(default=0)
    timed_turns = NumberAttribute(default=0)
    response_ms = NumberAttribute(default=0)
    thumbs_up = NumberAttribute(default=0)
    thumbs_down = NumberAttribute(default=0)

    lease_turn_id = UnicodeAttribute(null=True)
    lease_owner = UnicodeAttribute(null=True)
    lease_former = UnicodeAttribute(attr_name="former", null=True)
    lease_fence = NumberAttribute(default=0)
    lease_expires_at = NumberAttribute(attr_name="due_at", null=True)
    lease_shard = UnicodeAttribute(attr_name="due_shard", null=True)
    cancel_turn_id = UnicodeAttribute(null=True)
    cancel_action = UnicodeAttribute(null=True)
    interrupting: ListAttribute[Any] = ListAttribute(null=True)
    waiting: ListAttribute[Any] = ListAttribute(null=True)
    written_ahead = BooleanAttribute(null=True)
    written_until = NumberAttribute(null=True)

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
        return (one._as_placed() for one in found if one.position != after)

    @property
    def shown_id(self) -> str:
        """The session's id as its client knows it."""
        return str(self.client_id or self.session_id)

    def _as_placed(self) -> "Session":
        """The same, with what its place says of it."""
        placed = POSITION.read(self.position)
        self.is_pinned, self.updated_at = placed["is_pinned"] == "1", placed["updated_at"]
        if PLACE.read(self.place)["status"] == Status.DELETED:
            self.deleted_at = self.updated_at  # the deletion was its last change
        return self

    @property
    def position(self) -> str:
        """The session's place in the list of its status."""
        return PLACE.read(self.place)["position"]

    def place_at(self, updated_at: str) -> str | None:
        """The key of the activity index where `updated_at` is the session's last change; None for a temporary one."""
        if self.is_temporary:
            return None
        position = POSITION.of(is_pinned=self.is_pinned, updated_at=updated_at, session_id=self.session_id)
        return PLACE.of(status=self.status, position=position)

    def place_in_list(self) -> None:
        """Set the key of the activity index from the state that it is made of."""
        self.place = self.place_at(self.updated_at)


LONG = ("model_name", "title", "tags", "model_options", "custom_system_prompt", "metadata")
"""The settings that may lie in the details; the first are the last to."""
OF_A_TURN = ("model_name", "model_options", "custom_system_prompt")
"""Those of them that a turn needs."""
