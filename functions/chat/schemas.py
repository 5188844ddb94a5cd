"""Bodies of the chat routes."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from chatkeep.messages import MessageView, UsageView
from chatkeep.problems import Problem
from chatkeep.turns.queue import Strategy


def _unicode(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("is not valid Unicode") from None
    return text


Text = Annotated[str, AfterValidator(_unicode)]


class NewMessage(BaseModel):
    """`strategy` says what to do while another turn runs on the session."""

    model_config = ConfigDict(strict=True, extra="forbid")

    content: Annotated[Text, Field(min_length=1, max_length=100_000)]
    strategy: Annotated[Strategy, Field(strict=False)] = Strategy.REJECT


class TurnView(BaseModel):
    """A turn that is stored; `error` is the problem that ended one that failed after it had said something."""

    turn_id: str
    status: Literal["completed", "cancelled", "failed", "timed_out"]
    user_message: MessageView
    message: MessageView
    usage: UsageView | None
    response_time_ms: int
    error: Problem | None


class NewFeedback(BaseModel):
    model_config = ConfigDict(extra="forbid")

    rating: Literal["thumbs_up", "thumbs_down"]
    comment: Annotated[Text, Field(max_length=5_000, strict=True)] | None = None
