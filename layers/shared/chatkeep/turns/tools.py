"""A turn's tools: what a function lends the engine for the turns that it runs."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import BaseMessage

from chatkeep.checkpointer import DynamoDBSaver
from chatkeep.deadline import Deadline
from chatkeep.errors import ChatkeepError, ModelUnavailableError, NothingToSummarizeError
from chatkeep.models.session import Session
from chatkeep.models.turn import Turn
from chatkeep.turns.loops import OF_THREAD, Loop
from chatkeep.turns.model_calls import Pricing
from chatkeep.turns.occasion import Occasion
from chatkeep.turns.summaries import Compacted

Explain = Callable[[Exception, str], ChatkeepError]
GraphFor = Callable[[Session, Deadline, Any, Occasion], Any]
"""Makes the compiled graph for a session from the turn's deadline, the checkpointer and the turn's occasion."""

Summarize = Callable[[Session, Deadline, Sequence[BaseMessage], Any], Awaitable[Compacted]]
"""Has a session's model summarise the messages of its thread; the last argument is the call's configuration."""


async def no_summary(*_: object) -> Compacted:
    """Of whoever has no model for it."""
    raise NothingToSummarizeError


def no_answer(_: Exception, model_name: str) -> ChatkeepError:
    """The problem that any failure of a model is for whoever cannot tell them apart."""
    return ModelUnavailableError(f"the model {model_name!r} did not answer")


@dataclass(frozen=True)
class Tools:
    """The saver of the threads, the graph and the prices of a function.

    At most `turns_per_user` of a user's requests run or wait at once. `prepare` imports what the graph of a session
    needs, which may take seconds; `explain` makes a model's error the problem of whoever sent the turn to the model of
    that name; `meter` is told the usage of a turn that has no answer to tell it; `context_limit` gives the tokens that
    the model of this name, which answers in the session, reads at most, None where that is not known. `summarize` has a
    thread summarised. Graphs run on `loop`.
    """

    saver: DynamoDBSaver
    graph_for: GraphFor
    price: Pricing
    turns_per_user: int
    summarize: Summarize = no_summary
    prepare: Callable[[Session], None] = lambda _: None
    explain: Explain = no_answer
    meter: Callable[[Turn], None] = lambda _: None
    context_limit: Callable[[Session, str], int | None] = lambda _, __: None
    loop: Loop = OF_THREAD
