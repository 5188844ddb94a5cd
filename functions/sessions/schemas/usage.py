"""Bodies of the route for usage that an agent elsewhere reports."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from chatkeep import money
from chatkeep.formats import Id
from chatkeep.models.turn import Turn
from functions.sessions.schemas.body import Body, not_empty

MOST_MESSAGES = 1_000_000
MOST_TOKENS = 1_000_000_000_000
MOST_DOLLARS = 1_000_000


class NewUsage(Body):
    """The usage of an agent that runs elsewhere, at least one field; `cost` is kept to the nearest micro-dollar."""

    model_config = ConfigDict(json_schema_extra=not_empty)

    message_count: Annotated[int, Field(ge=0, le=MOST_MESSAGES, description="Messages to count")] = 0
    tokens_used: Annotated[int, Field(ge=0, le=MOST_TOKENS, description="Tokens, counted as input")] = 0
    cost: Annotated[float, Field(ge=0, le=MOST_DOLLARS, description="US dollars")] = 0

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("give at least one of message_count, tokens_used and cost")
        return self


class UsageRecordView(BaseModel):
    """The usage that was added, as it was recorded."""

    turn_id: Id = Field(description="Identifies the record")
    message_count: int = Field(description="Messages that were counted")
    tokens_used: int = Field(description="Tokens that were added")
    cost: float = Field(description="US dollars that were added, to the micro-dollar")

    @classmethod
    def of(cls, turn: Turn) -> Self:
        return cls(
            turn_id=turn.turn_id,
            message_count=int(turn.messages),
            tokens_used=int(turn.input_tokens),
            cost=money.dollars(int(turn.cost)),
        )
