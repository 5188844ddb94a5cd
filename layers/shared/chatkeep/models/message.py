"""A message of a transcript: an item of its own."""

from enum import StrEnum
from typing import Any

from pynamodb.attributes import BooleanAttribute, JSONAttribute, NumberAttribute, UnicodeAttribute

from chatkeep.models.table import SESSION_PREFIX, SessionsTable, session_partition

PREFIX = "MESSAGE#"


class Role(StrEnum):
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class Rating(StrEnum):
    THUMBS_UP = "thumbs_up"
    THUMBS_DOWN = "thumbs_down"


class Message(SessionsTable):
    """`cost` is in micro-dollars and None where the model has no known price; the usage is the whole turn's and
    stands on the turn's answer alone. With `parts`, content and tool calls lie in so many items: see
    `chatkeep.messages.parts`.
    """

    turn_id = UnicodeAttribute()
    role = UnicodeAttribute()
    content = UnicodeAttribute()
    created_at = UnicodeAttribute()
    status = UnicodeAttribute(null=True)
    tool_calls = JSONAttribute(null=True)
    parts = NumberAttribute(null=True)
    model_name = UnicodeAttribute(null=True)
    input_tokens = NumberAttribute(null=True)
    output_tokens = NumberAttribute(null=True)
    cost = NumberAttribute(null=True)
    estimated = BooleanAttribute(null=True)
    finish_reason = UnicodeAttribute(null=True)
    response_time_ms = NumberAttribute(null=True)
    trace_id = UnicodeAttribute(null=True)
    rating = UnicodeAttribute(null=True)
    comment = UnicodeAttribute(null=True)
    rated_at = UnicodeAttribute(null=True)

    def __init__(
        self,
        user_id: str | None = None,
        session_id: str | None = None,
        message_id: str | None = None,
        **attributes: Any,
    ) -> None:
        if user_id is not None and session_id is not None and message_id is not None:
            attributes |= {"pk": session_partition(user_id, session_id), "sk": f"{PREFIX}{message_id}"}
        super().__init__(**attributes)

    @property
    def address(self) -> tuple[str, str, str]:
        """User, session and message."""
        user_id, _, session_id = self.pk.removeprefix(SESSION_PREFIX).rpartition("#")
        return user_id, session_id, self.message_id

    @property
    def message_id(self) -> str:
        return self.sk.removeprefix(PREFIX)
