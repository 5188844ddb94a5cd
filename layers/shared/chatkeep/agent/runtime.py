"""The tools of the turns that a function runs."""

from collections.abc import Sequence
from functools import cache, partial
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage

from chatkeep.agent import graph, limits, prices, providers, turn_metrics
from chatkeep.agent.context.policy import Policy
from chatkeep.agent.models import failures
from chatkeep.agent.models.model_settings import ModelSettings
from chatkeep.agent.models.within_context import WithinContext
from chatkeep.agent.prompt import system_prompt
from chatkeep.agent.settings import settings
from chatkeep.checkpointer import DynamoDBSaver
from chatkeep.deadline import Deadline
from chatkeep.dynamodb.connection import shared
from chatkeep.errors import ChatkeepError, ModelAccessDeniedError
from chatkeep.models.session import OnOverflow, Session
from chatkeep.turns.occasion import Occasion
from chatkeep.turns.summaries import Compacted
from chatkeep.turns.tools import Tools

CACHE_BYTES = 64_000_000
"""Of threads, so that a turn in a warm process reads the header and new items alone in however long a conversation."""


@cache
def tools() -> Tools:
    """The saver, the graph and the prices, made once per process.

    The packages that most turns need are imported here, before one of them holds its session: a turn that imports sees
    no cancel.
    """
    providers.prepare(settings().default_model)
    graph.factory()
    return Tools(
        saver=saver(),
        graph_for=graph_for,
        summarize=summarize,
        price=prices.price,
        turns_per_user=settings().turns_per_user,
        prepare=prepare,
        explain=explain,
        meter=turn_metrics.count_usage,
        context_limit=limits.context_limit,
    )


@cache
def saver() -> DynamoDBSaver:
    """The threads' checkpointer, on this process's client: the same endpoint, time-outs and connections."""
    table = settings().checkpoints_table
    # The lease keeps out other turns; the head, agents that continue the thread elsewhere with the same option.
    return DynamoDBSaver(table, shared().client, require_head_parent=True, cache_bytes=CACHE_BYTES)


def prepare(session: Session) -> None:
    """Import the packages of the session's graph and model."""
    graph.factory()
    providers.prepare(session.model_name)


def explain(error: Exception, model_name: str) -> ChatkeepError:
    """The problem that `error` is; a key that was refused may have been rotated, and is read anew for the next turn."""
    problem = failures.explain(error, model_name)
    if isinstance(problem, ModelAccessDeniedError) and (key := settings().openai_api_key):
        key.doubt()
    return problem


def graph_for(session: Session, deadline: Deadline, checkpointer: Any, occasion: Occasion) -> Any:
    """The deployment's graph with the session's model and prompt. Raises as `model_for` does."""
    prompt = system_prompt(session.custom_system_prompt or "", settings().prompt_facts, occasion)
    return graph.factory()(model_for(session, deadline), prompt, checkpointer)


async def summarize(session: Session, deadline: Deadline, messages: Sequence[BaseMessage], config: Any) -> Compacted:
    """A summary of the messages by the session's model. Raises NothingToSummarizeError, and as `model_for` does."""
    model = model_for(session, deadline)
    assert isinstance(model, WithinContext)
    return await model.compact(messages, config)


def model_for(session: Session, deadline: Deadline) -> BaseChatModel:
    """The session's model, as it is set there. Raises ModelNotSupportedError, InvalidFieldError, UnavailableError."""
    return providers.chat_model(
        ModelSettings(
            model_name=session.model_name,
            temperature=session.temperature,
            max_tokens=int(session.max_tokens),
            options=session.model_options or {},
            deadline=deadline,
            context=_policy(session, deadline),
        )
    )


def _policy(session: Session, deadline: Deadline) -> Policy:
    return Policy(
        model_name=session.model_name,
        limit=partial(limits.context_limit, session, session.model_name),
        max_tokens=int(session.max_tokens),
        summarizes_early=session.enable_summarization,
        on_overflow=OnOverflow(session.on_overflow or OnOverflow.REFUSE),
        answer_by=deadline.answer_by,
    )
