"""Asking a session's model for a title, and what that used."""

import asyncio
from dataclasses import dataclass, replace

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import RunnableConfig

from chatkeep import deadline, tracing
from chatkeep.agent import prices, providers, runtime
from chatkeep.errors import ChatkeepError, GraphFailedError, ModelUnavailableError
from chatkeep.models.session import Session
from chatkeep.turns import failure
from chatkeep.turns.call_recorder import CallRecorder
from chatkeep.turns.loops import OF_THREAD
from chatkeep.turns.model_calls import ModelCall
from chatkeep.turns.reported import words
from chatkeep.turns.spans import SpanRecorder
from chatkeep.turns.supervision import DeadlineError, supervise
from functions.worker.titling.cleaning import cleaned
from functions.worker.titling.prompt import INSTRUCTIONS, conversation


@dataclass(frozen=True)
class Asked:
    """The title, or the problem why there is none, which a `fault` of ours may be behind; and the calls with their
    prices."""

    calls: list[ModelCall]
    title: str = ""
    problem: ChatkeepError | None = None
    fault: Exception | None = None


def ask(session: Session, question: str, answer: str) -> Asked:
    """Ask until the deadline. Never raises: whatever it used is to be recorded."""
    recorder, spans = CallRecorder(), SpanRecorder(session.session_id)
    said: list[BaseMessage] = []
    title = ""
    problem: ChatkeepError | None = None
    fault: Exception | None = None
    try:
        _run(
            session, [SystemMessage(INSTRUCTIONS), HumanMessage(conversation(question, answer))], said, recorder, spans
        )
        title = cleaned(words(said[-1]))
        problem = None if title else ModelUnavailableError(f"the model {session.model_name!r} gave no title")
    except DeadlineError:
        problem = ModelUnavailableError(f"the model {session.model_name!r} gave no title in time")
    except Exception as error:
        problem = failure.problem_of(error, session, recorder, runtime.explain)
        fault = error if isinstance(problem, GraphFailedError) else None
    finally:
        spans.stop()
    calls = [replace(one, cost=prices.price(one)) for one in recorder.so_far()]
    return Asked(calls, title, problem, fault)


def _run(
    session: Session, prompt: list[BaseMessage], said: list[BaseMessage], recorder: CallRecorder, spans: SpanRecorder
) -> None:
    config: RunnableConfig = {
        "tags": ["title"],
        "callbacks": [recorder, spans] if tracing.recorder() else [recorder],
    }

    async def answer() -> None:
        await asyncio.to_thread(providers.prepare, session.model_name)
        model = runtime.model_for(session, deadline.current())  # on the loop, to which its connections belong
        whole: BaseMessage | None = None
        async for chunk in model.astream(prompt, config):
            whole = chunk if whole is None else whole + chunk  # type: ignore[assignment]
        said.append(whole or AIMessage(""))

    OF_THREAD.begin_turn()
    OF_THREAD.run(supervise(answer(), lambda: None, deadline.current().seconds_left()))
