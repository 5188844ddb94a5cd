"""The bodies of a turn: its request and its answer, on every route that runs or shows one."""

from typing import Annotated, Any, Literal, Self, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from chatkeep import ids, jobs, messages
from chatkeep.formats import Id
from chatkeep.http.problems import Problem
from chatkeep.messages import MessageView, UsageView
from chatkeep.models.background import BackgroundTurn
from chatkeep.turns.admission import Strategy
from chatkeep.turns.answers import Answer


def _unicode(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("is not valid Unicode") from None
    return text


VALID = AfterValidator(_unicode)
"""Comes after the limits of a length: Pydantic speaks of characters for a plain string alone, else of items."""


# Not `oneOf`, of which generators of clients make a type for each case.
_EITHER: dict[str, Any] = {
    "if": {"required": ["regenerate"]},
    "then": {"not": {"required": ["content"]}},
    "else": {"required": ["content"]},
}


class TurnRequest(BaseModel):
    """The user's question, or the answer to make again; `strategy` decides about another turn that runs on the
    session."""

    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra=_EITHER)

    content: Annotated[
        str, Field(min_length=1, max_length=100_000, description="The question, in valid Unicode"), VALID
    ] = ""
    regenerate: Annotated[
        str,
        Field(
            json_schema_extra={"format": "uuid"},
            description="Instead of a question, the answer to make again: from the thread as it was before the answer",
        ),
    ] = ""
    strategy: Annotated[
        Strategy,
        Field(
            strict=False,
            description="While another turn runs, `reject` answers 409, `enqueue` waits, `interrupt` stops the other "
            "and keeps what it said, `rollback` stops it and removes it",
        ),
    ] = Strategy.REJECT

    @field_validator("regenerate", mode="after")
    @classmethod
    def _an_id(cls, value: str) -> str:
        if not ids.is_id(value):
            raise ValueError("is not the id of a message")
        return value

    @model_validator(mode="after")
    def _either(self) -> Self:
        given = self.model_fields_set & {"content", "regenerate"}
        if len(given) == 1:
            return self
        field, reason = ("regenerate", "cannot be given with content") if given else ("content", "Field required")
        problem = InitErrorDetails(type=PydanticCustomError("one_of_two", reason), loc=(field,), input=self)
        raise ValidationError.from_exception_data(type(self).__name__, [problem])


class NewMessage(TurnRequest):
    """The user's question, or the answer to make again; the answer comes at once, or later."""

    background: Annotated[
        bool,
        Field(description="Whether to answer 202 at once and run the turn afterwards, for up to 15 minutes"),
    ] = False


class BackgroundTurnView(BaseModel):
    """A turn that is to run in the background, or runs there; once it has ended, it has an answer or an error."""

    turn_id: Id = Field(description="Identifies the turn")
    status: Literal["queued", "running"] = Field(description="Whether somebody has begun with the turn")
    attempts: int = Field(description="How often it was begun with; more than once where its process died")


class CompactionView(BaseModel):
    """A turn that has summarised the model's context."""

    turn_id: Id = Field(description="Identifies the turn")
    status: Literal["completed"] = Field(description="It has ended")
    user_message: None = Field(description="Nobody has asked anything")
    message: MessageView = Field(description="The message with the summary, as it is stored")
    usage: UsageView | None = Field(description="What the turn used")
    response_time_ms: int = Field(description="Milliseconds that the turn took")


class TurnView(BaseModel):
    """A turn that is stored; `error` is the problem that ended one that failed after it had said something."""

    turn_id: Id = Field(description="Identifies the turn")
    status: Literal["completed", "cancelled", "failed", "timed_out"] = Field(
        description="How it ended; what was said until then is stored for each of them"
    )
    user_message: MessageView = Field(description="The question, as it is stored")
    message: MessageView = Field(description="The answer, as it is stored")
    usage: UsageView | None = Field(description="What the turn used")
    response_time_ms: int = Field(description="Milliseconds that the turn took")
    error: Problem | None = Field(description="Why a failed turn ended; null for the others")


def view(answer: Answer) -> TurnView | CompactionView:
    """The turn as the API shows it."""
    if answer.user_message is None:
        message = messages.view(answer.message)
        return CompactionView(
            turn_id=answer.turn.turn_id,
            status="completed",
            user_message=None,
            message=message,
            usage=message.usage,
            response_time_ms=int(answer.turn.response_time_ms),
        )
    said = messages.view(answer.user_message)
    message = messages.view(answer.message, messages.room_beside(said))
    return TurnView(
        turn_id=answer.turn.turn_id,
        status=cast("Any", answer.turn.status),
        user_message=said,
        message=message,
        usage=message.usage,
        response_time_ms=int(answer.turn.response_time_ms),
        error=answer.turn.error and Problem.model_validate(answer.turn.error),
    )


def background_view(job: BackgroundTurn) -> BackgroundTurnView:
    """A background turn that has not ended yet, as the API shows it."""
    status = "running" if jobs.is_claimed(job) else "queued"
    return BackgroundTurnView(turn_id=job.turn_id, status=cast("Any", status), attempts=int(job.attempts))
