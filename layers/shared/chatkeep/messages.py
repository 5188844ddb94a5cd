"""Messages of a transcript, as every function shows them."""

from typing import Any, Literal, cast

from pydantic import BaseModel

from chatkeep import ids, money, parts
from chatkeep.errors import MessageNotFoundError
from chatkeep.models.message import Message, Rating, Role


class UsageView(BaseModel):
    """Tokens, and dollars; `cost` is null where the model has no known price, `estimated` true where the model did not
    report all of it."""

    input_tokens: int
    output_tokens: int
    total_tokens: int
    cost: float | None
    estimated: bool


class FeedbackView(BaseModel):
    rating: Literal["thumbs_up", "thumbs_down"]
    comment: str | None
    created_at: str


class MessageView(BaseModel):
    """A message; `model_name`, `usage` and `response_time_ms` are the turn's and stand on its answer alone. A blank
    answer that says it was finished has the finish reason `unknown`."""

    message_id: str
    turn_id: str
    role: Literal["user", "assistant", "tool"]
    content: str
    created_at: str
    status: Literal["completed", "cancelled", "failed", "timed_out"]
    tool_calls: list[dict[str, Any]] | None
    model_name: str | None
    usage: UsageView | None
    finish_reason: Literal["stop", "length", "content_filter", "refusal", "tool_calls", "unknown"] | None
    response_time_ms: int | None
    feedback: FeedbackView | None


def get(user_id: str, session_id: str, message_id: str) -> Message:
    """Raises MessageNotFoundError, BrokenThreadError."""
    if not ids.is_id(message_id):
        raise MessageNotFoundError(message_id)
    key = Message(user_id, session_id, message_id)
    try:
        message = Message.get(key.pk, key.sk, consistent_read=True)
    except Message.DoesNotExist:
        raise MessageNotFoundError(message_id) from None
    parts.join([message])
    return message


def usage_view(message: Message) -> UsageView | None:
    """The usage of the turn that `message` answers, or None where it answers none."""
    if message.input_tokens is None or message.output_tokens is None:
        return None
    return UsageView(
        input_tokens=int(message.input_tokens),
        output_tokens=int(message.output_tokens),
        total_tokens=int(message.input_tokens + message.output_tokens),
        cost=None if message.cost is None else money.dollars(int(message.cost)),
        estimated=bool(message.estimated),
    )


def view(message: Message) -> MessageView:
    """`message` as the API shows it."""
    feedback = None
    if message.rating is not None:
        feedback = FeedbackView(
            rating=Rating(message.rating).value, comment=message.comment, created_at=message.rated_at or ""
        )
    return MessageView(
        message_id=message.message_id,
        turn_id=message.turn_id,
        role=Role(message.role).value,
        content=message.content,
        created_at=message.created_at,
        status=cast("Any", message.status or "completed"),
        tool_calls=message.tool_calls,
        model_name=message.model_name,
        usage=usage_view(message),
        finish_reason=cast("Any", message.finish_reason),
        response_time_ms=None if message.response_time_ms is None else int(message.response_time_ms),
        feedback=feedback,
    )
