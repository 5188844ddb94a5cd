"""A message of a transcript: an item of its own."""

from collections.abc import Sequence
from enum import StrEnum

from pynamodb.attributes import BooleanAttribute, JSONAttribute, NumberAttribute, UnicodeAttribute

from chatkeep.models.keys import Id, Key
from chatkeep.models.table import IN_SESSION, SessionsTable


class Role(StrEnum):
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class Rating(StrEnum):
    THUMBS_UP = "thumbs_up"
    THUMBS_DOWN = "thumbs_down"


class Message(SessionsTable):
    """`parent_id` is the message before it, of its own branch. `cost` is in micro-dollars, and None where the model has
    no known price. The usage is the whole turn's and stands on the turn's answer alone. `parts` is the number of items
    that content and tool calls lie in: see `chatkeep.messages.parts`. `siblings` are not stored with the message: see
    `chatkeep.messages.branches`. `client_id` is the id that the client gave its question. `summary` is what models are
    given from this message on in place of the older ones: `text` and `until_message_id`, the last of those.
    """

    KEY = Key(IN_SESSION, "MESSAGE#{message_id}")
    user_id, session_id, message_id = Id(), Id(), Id()

    siblings: Sequence[str] = ()

    turn_id = UnicodeAttribute()
    parent_id = UnicodeAttribute(null=True)
    role = UnicodeAttribute()
    content = UnicodeAttribute()
    created_at = UnicodeAttribute()
    status = UnicodeAttribute(null=True)
    client_id = UnicodeAttribute(null=True)
    tool_calls = JSONAttribute(null=True)
    tool_call_id = UnicodeAttribute(null=True)
    tool_status = UnicodeAttribute(null=True)
    first_token_ms = NumberAttribute(null=True)
    context_tokens = NumberAttribute(null=True)
    context_limit = NumberAttribute(null=True)
    summary = JSONAttribute(null=True)
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
    reason = UnicodeAttribute(null=True)
    rated_at = UnicodeAttribute(null=True)
