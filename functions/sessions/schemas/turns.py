"""Answers of the routes that show turns."""

from typing import Any, Literal, Self, cast

from pydantic import BaseModel, Field

from chatkeep import messages, money
from chatkeep.formats import Id, Instant
from chatkeep.http.problems import Problem
from chatkeep.messages import MessageView, UsageView
from chatkeep.models.message import Message
from chatkeep.models.turn import Turn, TurnStatus


class CallView(BaseModel):
    """A call of a model, or several alike that are added up where a turn has made very many."""

    kind: str = Field(
        description="What the call was for: `message` for an answer, `tool` where it asked for tools, `summarization` "
        "for a summary of older messages, `title` for the session's title"
    )
    model_name: str = Field(description="The model that answered")
    calls: int = Field(description="How many calls this is the sum of")
    input_tokens: int = Field(description="Tokens that the model read, cached ones included")
    output_tokens: int = Field(description="Tokens that the model wrote, reasoning included")
    cache_read_tokens: int = Field(description="Tokens that the model read from its cache")
    cache_write_tokens: int = Field(description="Tokens that the model wrote to its cache")
    reasoning_tokens: int = Field(description="Tokens of the model's reasoning")
    cost: float | None = Field(description="US dollars; null where the model has no known price")
    estimated: bool = Field(description="Whether the tokens were counted from the text, not reported")

    @classmethod
    def of(cls, entry: dict[str, Any]) -> Self:
        tokens = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
        numbers = {name: int(entry.get(name) or 0) for name in tokens}
        numbers["cache_write_tokens"] += int(entry.get("cache_write_1h_tokens") or 0)
        cost = entry.get("cost")
        return cls(
            kind=entry["kind"],
            model_name=entry["model_name"],
            calls=int(entry.get("calls", 1)),
            cost=None if cost is None else money.dollars(int(cost)),
            estimated=bool(entry.get("estimated")),
            **numbers,
        )


class TurnRecordView(BaseModel):
    """A turn, whatever has become of it."""

    turn_id: Id = Field(description="Identifies the turn")
    status: Literal["queued", "running", "completed", "cancelled", "failed", "timed_out", "rolled_back", "reported"] = (
        Field(description="How it ended, or `queued` or `running`; `reported` is the usage of an agent elsewhere")
    )
    attempts: int = Field(description="How often it was begun; 0 for usage that was reported, and while it waits")
    created_at: Instant | None = Field(description="When the last attempt was begun; null until it has ended")
    response_time_ms: int | None = Field(description="Milliseconds that the turn took; null without an answer")
    usage: UsageView | None = Field(description="What all attempts used; null until one has ended")
    calls: list[CallView] = Field(
        description="The same call by call, in their order", json_schema_extra={"maxItems": 200}
    )
    error: Problem | None = Field(description="Why a failed turn ended; null for the others")
    message: MessageView | None = Field(description="The answer, as it is stored; null without one, and in lists")

    @classmethod
    def of(cls, turn: Turn, message: Message | None = None) -> Self:
        return cls(
            turn_id=turn.turn_id,
            status=cast("Any", str(turn.status)),
            attempts=_attempts(turn),
            created_at=turn.created_at,
            response_time_ms=None if turn.response_time_ms is None else int(turn.response_time_ms),
            usage=_usage(turn),
            calls=[CallView.of(one) for one in turn.calls or ()],
            error=turn.error and Problem.model_validate(turn.error),
            message=messages.view(message) if message else None,
        )


class TurnPage(BaseModel):
    """Some of a session's turns, newest first: those that wait or run, then those that have ended."""

    turns: list[TurnRecordView] = Field(
        description="As many as were asked for, or as fit into an answer", json_schema_extra={"maxItems": 100}
    )
    next_cursor: str | None = Field(description="The `cursor` of the next page; null on the last one")


def _attempts(turn: Turn) -> int:
    if turn.attempts is not None:
        return int(turn.attempts)
    return 0 if turn.status == TurnStatus.REPORTED else 1


def _usage(turn: Turn) -> UsageView | None:
    if turn.calls is None and turn.status != TurnStatus.REPORTED:
        return None
    calls = turn.calls or []
    priced = all(one.get("cost") is not None for one in calls)
    return UsageView(
        input_tokens=int(turn.input_tokens),
        output_tokens=int(turn.output_tokens),
        total_tokens=int(turn.input_tokens + turn.output_tokens),
        cost=money.dollars(int(turn.cost)) if priced else None,
        estimated=any(one.get("estimated") for one in calls),
    )
