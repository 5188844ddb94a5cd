"""Messages of a transcript, as every function reads and shows them."""

from typing import Any, Literal, cast

from pydantic import BaseModel, Field

from chatkeep import ids, money
from chatkeep.errors import MessageNotFoundError
from chatkeep.formats import Id, Instant
from chatkeep.messages import fitting, parts
from chatkeep.models.message import Message, Rating, Role

LONGEST_CALL_ID = 500
"""In code points; those of providers have 9 to 40."""


class UsageView(BaseModel):
    """Tokens, and dollars; `cost` is null where the model has no known price, `estimated` true where the model did not
    report all of it."""

    input_tokens: int = Field(description="Tokens that the model read in all calls of the turn")
    output_tokens: int = Field(description="Tokens that the model wrote, reasoning included")
    total_tokens: int = Field(description="The sum of both")
    cost: float | None = Field(description="US dollars; null where the model has no known price")
    estimated: bool = Field(description="Whether some of the tokens were counted from the text, not reported")


class FeedbackView(BaseModel):
    """The user's rating of an answer."""

    rating: Literal["thumbs_up", "thumbs_down"] = Field(description="The user's verdict")
    comment: str | None = Field(description="The user's words; null without any")
    reason: str | None = Field(description="The client's word for why; null without one")
    created_at: Instant = Field(description="When the rating was last set")


class Summary(BaseModel):
    """From its message on, models are given the text in place of all messages up to the one that it names."""

    text: str = Field(description="What the model is given")
    until_message_id: Id = Field(description="The last message that the summary stands for")


class MessageSummaryPart(Summary):
    """A summary that stands in the transcript from this message on."""

    type: Literal["summary"] = Field(default="summary", description="The kind of part")


class MessageTextPart(BaseModel):
    """Words of the message."""

    type: Literal["text"] = Field(default="text", description="The kind of part")
    text: str = Field(description="The message's content")


class MessageToolCallPart(BaseModel):
    """A call of a tool."""

    type: Literal["tool_call"] = Field(default="tool_call", description="The kind of part")
    tool_call_id: str | None = Field(description="Identifies the call")
    name: str | None = Field(description="The tool")
    arguments: Any = Field(description="As the call has them; text where the model wrote no JSON object")


Part = MessageSummaryPart | MessageTextPart | MessageToolCallPart


class MessageView(BaseModel):
    """A message; `model_name`, `usage`, both times and `trace_id` are the turn's and stand on its answer alone.

    A blank answer that says it was finished has the finish reason `unknown`. `content_characters` counts the code
    points of the whole content. `truncated` says that content or tool calls do not fit into an answer: the content ends
    early, and the rest can be read in ranges; the tool calls with the longest arguments have `args: {}` and
    `truncated: true`, and the last ones may be missing.
    """

    message_id: Id = Field(description="Identifies the message; sorts as the transcript does")
    parent_id: Id | None = Field(
        description="The message before it on its branch; null on the first one, and on those of earlier versions"
    )
    siblings: list[Id] = Field(
        description="The versions of what follows the parent, itself among them, oldest first",
        json_schema_extra={"maxItems": 50},
    )
    turn_id: Id = Field(description="The turn that the message belongs to")
    role: Literal["user", "assistant", "tool"] = Field(description="Who speaks: `tool` for the result of a tool call")
    content: str = Field(description="The text, or as much of it as fits into an answer")
    truncated: bool = Field(description="Whether content or tool calls are not shown whole")
    content_characters: int = Field(description="Code points of the whole content")
    created_at: Instant = Field(description="When the message came to be")
    status: Literal["completed", "cancelled", "failed", "timed_out"] = Field(
        description="How the turn ended, on its answer; `completed` on its other messages"
    )
    tool_calls: list[dict[str, Any]] | None = Field(
        description="Calls as LangChain has them; null where there are none"
    )
    tool_call_id: str | None = Field(
        description="The call that this is the result of, by its id; null on all but results, and where it is very long"
    )
    tool_status: Literal["success", "error", "rejected"] | None = Field(
        description="Whether the tool did what it was called for; null on all but its result"
    )
    parts: list[Part] | None = Field(
        description="Where a summary stands in the transcript: this, then the words and the tool calls; null elsewhere"
    )
    model_name: str | None = Field(description="The model that answered; null on all messages but the answer")
    usage: UsageView | None = Field(description="The turn's usage; null on all messages but its answer")
    finish_reason: Literal["stop", "length", "content_filter", "refusal", "tool_calls", "unknown"] | None = Field(
        description="Why the model stopped, on its own messages; null on others"
    )
    response_time_ms: int | None = Field(description="Milliseconds that the turn took; null on all but its answer")
    time_to_first_token_ms: int | None = Field(
        description="Milliseconds until the first piece of an answer came; null on all but the turn's answer"
    )
    context_tokens: int | None = Field(
        description="Tokens of the context after the turn, as its last call has them; null on all but its answer"
    )
    context_limit: int | None = Field(description="Tokens that the model reads at most; null when unknown")
    feedback: FeedbackView | None = Field(description="The user's rating of this answer; null without one")
    trace_id: str | None = Field(
        description="Leads the operator from an answer to its trace and its log lines; null on other and older messages"
    )


def get(user_id: str, session_id: str, message_id: str) -> Message:
    """Raises MessageNotFoundError, BrokenThreadError."""
    if not ids.is_id(message_id):
        raise MessageNotFoundError(message_id)
    message = Message.find(user_id, session_id, message_id)
    if message is None:
        raise MessageNotFoundError(message_id)
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
            rating=Rating(message.rating).value,
            comment=message.comment,
            reason=message.reason,
            created_at=message.rated_at or "",
        )
    whole = MessageView(
        message_id=message.message_id,
        parent_id=message.parent_id,
        siblings=list(message.siblings) or [message.message_id],
        turn_id=message.turn_id,
        role=Role(message.role).value,
        content=message.content[part],
        truncated=False,
        content_characters=len(message.content),
        created_at=message.created_at,
        status=cast("Any", message.status or "completed"),
        tool_calls=message.tool_calls,
        tool_call_id=_shown(message.tool_call_id),
        tool_status=cast("Any", message.tool_status),
        parts=None,
        model_name=message.model_name,
        usage=usage_view(message),
        finish_reason=cast("Any", message.finish_reason),
        response_time_ms=None if message.response_time_ms is None else int(message.response_time_ms),
        time_to_first_token_ms=None if message.first_token_ms is None else int(message.first_token_ms),
        context_tokens=None if message.context_tokens is None else int(message.context_tokens),
        context_limit=None if message.context_limit is None else int(message.context_limit),
        feedback=feedback,
        trace_id=message.trace_id,
    )
    if message.summary is None:
        return _fitted(whole, room)
    summary = MessageSummaryPart(**message.summary)
    # Words and calls stand there twice.
    return _with_parts(_fitted(whole, (room - fitting.size(summary)) // 2), summary)


def _with_parts(shown: MessageView, summary: MessageSummaryPart) -> MessageView:
    words = [MessageTextPart(text=shown.content)] if shown.content else []
    calls = [
        MessageToolCallPart(tool_call_id=one.get("id"), name=one.get("name"), arguments=one.get("args"))
        for one in shown.tool_calls or ()
    ]
    return shown.model_copy(update={"parts": [summary, *words, *calls]})


def _shown(call_id: str | None) -> str | None:
    """An id is for comparing: part of one is none."""
    return call_id if call_id is None or len(call_id) <= LONGEST_CALL_ID else None


def room_beside(*shown: MessageView) -> int:
    """The bytes that are left for one more message in an answer with these."""
    return fitting.ROOM_BYTES - sum(map(fitting.size, shown))


def _fitted(message: MessageView, room: int) -> MessageView:
    """Half of the room is for the content and half for the tool calls; either may use the other's rest."""
    taken = fitting.size(message)
    if taken <= room:
        return message
    content, calls = fitting.size(message.content), fitting.size(message.tool_calls)
    room -= taken - content - calls
    kept = message.tool_calls and fitting.lighter(message.tool_calls, max(room // 2, room - content))
    text = fitting.beginning(message.content, room - fitting.size(kept))
    return message.model_copy(update={"content": text, "tool_calls": kept, "truncated": True})
