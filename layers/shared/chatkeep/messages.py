"""Messages of a transcript, as every function shows them."""

from typing import Any, Literal, cast

from pydantic import BaseModel

from chatkeep import fitting, ids, money, parts
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
    """A message; `model_name`, `usage` and `response_time_ms` are the turn's and stand on its answer alone.

    A blank answer that says it was finished has the finish reason `unknown`. `content_characters` counts the code
    points of the whole content. `truncated` says that content or tool calls do not fit into an answer: the content ends
    early, and the rest can be read in ranges; the tool calls with the longest arguments have `args: {}` and
    `truncated: true`, and the last ones may be missing.
    """

    message_id: str
    turn_id: str
    role: Literal["user", "assistant", "tool"]
    content: str
    truncated: bool
    content_characters: int
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


def view(message: Message, room: int = fitting.ROOM_BYTES, part: slice = slice(None)) -> MessageView:
    """`message` with that part of its content, as the API shows it; cut where it takes more than `room` bytes."""
    feedback = None
    if message.rating is not None:
        feedback = FeedbackView(
            rating=Rating(message.rating).value, comment=message.comment, created_at=message.rated_at or ""
        )
    whole = MessageView(
        message_id=message.message_id,
        turn_id=message.turn_id,
        role=Role(message.role).value,
        content=message.content[part],
        truncated=False,
        content_characters=len(message.content),
        created_at=message.created_at,
        status=cast("Any", message.status or "completed"),
        tool_calls=message.tool_calls,
        model_name=message.model_name,
        usage=usage_view(message),
        finish_reason=cast("Any", message.finish_reason),
        response_time_ms=None if message.response_time_ms is None else int(message.response_time_ms),
        feedback=feedback,
    )
    return _fitted(whole, room)


def room_beside(*shown: MessageView) -> int:
    """The bytes that are left for one more message in an answer with these."""
    return fitting.ROOM_BYTES - sum(map(fitting.size, shown))


def _fitted(message: MessageView, room: int) -> MessageView:
    """Half of the room is for the content and half for the tool calls, and either may use what the other leaves."""
    taken = fitting.size(message)
    if taken <= room:
        return message
    content, calls = fitting.size(message.content), fitting.size(message.tool_calls)
    room -= taken - content - calls
    kept = message.tool_calls and fitting.lighter(message.tool_calls, max(room // 2, room - content))
    text = fitting.beginning(message.content, room - fitting.size(kept))
    return message.model_copy(update={"content": text, "tool_calls": kept, "truncated": True})
