"""One attempt at a turn, under the lease: run the graph, then commit what came of it."""

import asyncio
import threading
import time
import weakref
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from pynamodb.exceptions import PynamoDBException

from chatkeep import ids, tracing
from chatkeep.checkpointer import DynamoDBSaver
from chatkeep.clock import now, stamp
from chatkeep.deadline import Deadline
from chatkeep.errors import (
    ChatkeepError,
    ConcurrentWriteError,
    GraphFailedError,
    LeaseLostError,
    ModelUnavailableError,
    SessionDeletedError,
    SessionNotFoundError,
    TurnRolledBackError,
    TurnTimedOutError,
)
from chatkeep.models.message import Message, Role
from chatkeep.models.session import Session
from chatkeep.models.turn import Turn, TurnStatus
from chatkeep.telemetry import correlation, logger
from chatkeep.turns import lease, thread, transcript
from chatkeep.turns.calls import CallRecorder, ModelCall, Pricing
from chatkeep.turns.commit import NoCheckpoint, RollBackRequestedError, bill, commit
from chatkeep.turns.lease import CancelAction
from chatkeep.turns.mending import mend_within
from chatkeep.turns.spans import SpanRecorder
from chatkeep.turns.summed import summed

GRAPH_FAILED = "the graph of this deployment failed; its operator finds the reason in the log"

Result = TypeVar("Result")
GraphFor = Callable[[Session, float, Any], Any]
"""Makes the compiled graph for a session from the seconds it has and the checkpointer."""
LOST = (SessionDeletedError, SessionNotFoundError, LeaseLostError)
"""The session is no longer this turn's."""
STORAGE = (PynamoDBException, BotoCoreError, ClientError)
"""What the storage's clients raise, those of the sessions and of the thread."""


def no_answer(_: Exception, model_name: str) -> ChatkeepError:
    """What any failure of a model is for whoever cannot tell them apart."""
    return ModelUnavailableError(f"the model {model_name!r} did not answer")


@dataclass(frozen=True)
class Tools:
    """What a turn runs with: the saver of its thread, the graph and the prices of its function.

    At most `turns_per_user` of a user's requests run or wait at once. `load` imports what the graph of a session needs,
    which may take seconds; `explain` says what a model's error is for whoever sent the turn to the model of that name;
    `meter` is told what was used by a turn that has no answer to tell it.
    """

    saver: DynamoDBSaver
    graph_for: GraphFor
    price: Pricing
    turns_per_user: int
    load: Callable[[Session], None] = lambda _: None
    explain: Callable[[Exception, str], ChatkeepError] = no_answer
    meter: Callable[[Turn], None] = lambda _: None


@dataclass(frozen=True)
class Answer:
    """A turn as it was stored, by another request where it is `repeated`. `checkpoint_bytes` is known where the storage
    has answered that it is stored."""

    turn: Turn
    user_message: Message
    message: Message
    checkpoint_bytes: int | None = None
    repeated: bool = False


@dataclass
class Attempt:
    """`session` is as the lease was acquired with it."""

    tools: Tools
    session: Session
    content: str
    fingerprint: str | None
    deadline: Deadline
    started: datetime = field(default_factory=now)

    def __post_init__(self) -> None:
        self.began = time.monotonic()  # the time of day may be set back while a turn runs
        self.recorder = CallRecorder()
        self.spans = SpanRecorder(self.session.session_id)
        self.rolled_back = False
        self.said = HumanMessage(self.content)
        self.opening: list[BaseMessage] = []
        self.progress = thread.Progress()
        self.config: dict[str, Any] = {
            "configurable": {"thread_id": self.session.session_id},
            "callbacks": [self.recorder, self.spans] if tracing.recorder() else [self.recorder],
            "metadata": {"turn_id": self.session.lease_turn_id, **_correlation()},
        }

    def make(self) -> Answer:
        """Run the turn and store it. Raises what `engine.send` says; then the lease is still held or has moved on, and
        `bill` is for what the models have used, unless the turn is recorded."""
        staged = self.tools.saver.staged(mend_within)
        try:
            cancelled = self._run(staged)
        except thread.DeadlineError:
            if not self._used():
                raise TurnTimedOutError("the time was over before the model was asked; nothing was used") from None
            self._log(TurnTimedOutError("the time was over"))
            return self._store_kept(TurnStatus.TIMED_OUT)
        except LOST:
            raise
        except Exception as error:
            return self._fail(error)
        if cancelled is None:
            return self._store(TurnStatus.COMPLETED, self._answered(staged), staged)
        if cancelled is CancelAction.KEEP:
            return self._store_kept(TurnStatus.CANCELLED)
        return self._roll_back()

    def bill(self) -> None:
        """Record what the models have used in a turn that is not recorded; where the storage does not answer, log it.

        It gets an id of its own, so that the same request may try again.
        """
        if self._used():
            turn = self._turn(ids.new(), TurnStatus.FAILED)
            self.tools.meter(turn)
            try:
                bill(self.session, turn)
            except STORAGE:
                self.log_usage()

    def log_usage(self) -> None:
        """Leave the operator what may be missing from the counters."""
        if self._used():
            turn = self._turn(str(self.session.lease_turn_id), TurnStatus.FAILED)
            names = ("turn_id", "input_tokens", "output_tokens", "cost", "calls")
            about = {"session_id": self.session.session_id, **{name: getattr(turn, name) for name in names}}
            logger.error("usage may not be recorded", exc_info=True, extra=about)

    def _used(self) -> bool:
        return bool(self.recorder.calls or self.recorder.stopped())

    def _fail(self, error: Exception) -> Answer:
        """Store what a turn that broke had said, with the problem that ended it.

        Raises the problem where it had said nothing, and `error` where the thread could not be read, which is no fault
        of the model's or the graph's: then the turn may be sent again.
        """
        if self.progress.before is None:
            raise error
        problem = self._problem(error)
        self._log(problem, error)
        if self.progress.said(self.opening):
            return self._store_kept(TurnStatus.FAILED, problem)
        raise problem from error

    def _log(self, problem: ChatkeepError, error: Exception | None = None) -> None:
        """One line on a turn that ended with `problem`; at ERROR unless the sender can do something about it."""
        tell = logger.error if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR else logger.info
        session = self.session
        about = {"session_id": session.session_id, "turn_id": session.lease_turn_id, "model_name": session.model_name}
        tell("turn failed", exc_info=error, extra={"code": problem.code, **about})

    def _problem(self, error: Exception) -> ChatkeepError:
        """What `error` is for whoever sent the turn: the model's fault if the model's call ended with it."""
        if isinstance(error, ChatkeepError):
            return error
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, Exception) and cause is self.recorder.failure:
                return self.tools.explain(cause, self.recorder.failed_model or self.session.model_name)
            cause = cause.__cause__
        return GraphFailedError(GRAPH_FAILED)

    def _run(self, staged: Any) -> CancelAction | None:
        seconds = self._seconds_left()
        renew_threads()
        return on_loop(thread.supervise(self._running(staged), self._requested_cancel, seconds))

    async def _running(self, staged: Any) -> None:
        await asyncio.to_thread(self.tools.load, self.session)
        graph = self.tools.graph_for(self.session, self._seconds_left(), staged)
        await thread.run(graph, staged, self.config, self.progress, self._open)

    def _seconds_left(self) -> float:
        """What the model may take. Raises DeadlineError where nothing is left."""
        seconds = self.deadline.seconds_left()
        if seconds <= 0:
            raise thread.DeadlineError
        return seconds

    def _open(self, newest: Iterable[BaseMessage]) -> list[BaseMessage]:
        self.opening = transcript.opening(self.session, self.said, newest)
        return self.opening

    def _requested_cancel(self) -> CancelAction | None:
        """Raises LeaseLostError, SessionNotFoundError."""
        try:
            return lease.asked(lease.still_held(self.session))
        except (PynamoDBException, BotoCoreError):
            logger.warning("could not look for a cancel; the turn goes on", exc_info=True)
            return None

    def _store_kept(self, status: TurnStatus, problem: ChatkeepError | None = None) -> Answer:
        """Store a turn that was stopped or broke with what it had said.

        Raises `problem`, else GraphFailedError, where the graph does not take that.
        """
        staged = self.tools.saver.staged(mend_within)
        try:
            kept = on_loop(self._append_kept(staged))
        except (ChatkeepError, *STORAGE):
            raise
        except Exception as error:
            logger.warning("what was said could not be kept", exc_info=True)
            raise problem or GraphFailedError(GRAPH_FAILED) from error
        return self._store(status, kept, staged, problem)

    async def _append_kept(self, staged: Any) -> list[BaseMessage]:
        graph = self.tools.graph_for(self.session, 1, staged)
        if not self.opening:  # it was cancelled before it had read the thread
            self._open(reversed(await thread.messages(graph, self.config)))
        kept = thread.kept(self.progress, self.opening)
        await thread.append(graph, self.config, kept)
        return kept

    def _answered(self, staged: Any) -> list[BaseMessage]:
        """What the run has made; where a tool's result ended it, with that result as the answer."""
        new = self.progress.new
        if not new or not isinstance(new[-1], ToolMessage):
            return new
        answer = AIMessage(new[-1].text, response_metadata={"finish_reason": "stop"})
        graph = self.tools.graph_for(self.session, 1, staged)
        on_loop(thread.append(graph, self.config, [answer]))
        return [*new, answer]

    def _roll_back(self) -> Answer:
        self.rolled_back = True
        turn = self._turn(str(self.session.lease_turn_id), TurnStatus.ROLLED_BACK)
        commit(self.session, turn, [], NoCheckpoint())
        self.tools.meter(turn)
        raise TurnRolledBackError(turn.turn_id)

    def _store(
        self, status: TurnStatus, new: list[BaseMessage], staged: Any, problem: ChatkeepError | None = None
    ) -> Answer:
        turn = self._turn(str(self.session.lease_turn_id), status)
        turn.error = problem and problem.as_problem()
        messages = transcript.messages(self.session, turn, self.opening, new)
        said, answer = messages[len(self.opening) - 1], messages[-1]
        if answer.role != Role.ASSISTANT:
            raise GraphFailedError("the graph of this deployment ended without an answer")
        turn.response_time_ms = round((time.monotonic() - self.began) * 1000)
        turn.messages = len(messages)
        turn.message_ids = [said.message_id, answer.message_id]
        transcript.complete(answer, turn, self.recorder.answering_model() or self.session.model_name)
        try:
            size = self._commit(turn, messages, staged)
        except RollBackRequestedError:
            return self._roll_back()
        return Answer(turn, said, answer, size)

    def _commit(self, turn: Turn, messages: list[Message], staged: Any) -> int:
        """Store the turn, and say how many bytes its checkpoint took."""
        writes = staged.writes()
        try:
            commit(self.session, turn, messages, writes)
        except ConcurrentWriteError:  # another writer of the thread has taken the keys that this one claims
            writes = staged.writes(fresh=True)
            commit(self.session, turn, messages, writes)
        staged.committed(writes)
        return int(writes.size)

    def used(self) -> list[ModelCall]:
        """The calls so far, with their prices."""
        return [replace(one, cost=self.tools.price(one)) for one in (*self.recorder.calls, *self.recorder.stopped())]

    def _turn(self, turn_id: str, status: TurnStatus) -> Turn:
        calls = self.used()
        return Turn(
            self.session.user_id,
            self.session.session_id,
            turn_id,
            status=status,
            created_at=stamp(self.started),
            fingerprint=self.fingerprint,
            fence=self.session.lease_fence,
            input_tokens=sum(one.input_tokens for one in calls),
            output_tokens=sum(one.output_tokens for one in calls),
            cost=sum(one.cost or 0 for one in calls),
            calls=summed(calls),
        )


def _correlation() -> dict[str, str]:
    known = correlation.current()
    return {"correlation_id": known.request_id} if known else {}


_loops = threading.local()


def on_loop(work: Coroutine[Any, Any, Result]) -> Result:
    """Run `work` on this thread's event loop, which is kept: the models' connections belong to it, and closing it would
    wait for whatever a cancelled model still does in a thread."""
    result: Result = _loop().run_until_complete(work)
    return result


def renew_threads() -> None:
    """Give a turn threads that no turn before it has used: one that was stopped may have left some behind, which wait
    for a provider for half a minute, and there are few where there are few processors."""
    if hasattr(_loops, "threads"):
        _loops.threads.shutdown(wait=False)
    _loops.threads = ThreadPoolExecutor(thread_name_prefix="turn")
    _loop().set_default_executor(_loops.threads)


def _loop() -> asyncio.AbstractEventLoop:
    if not hasattr(_loops, "loop"):
        _loops.loop = asyncio.new_event_loop()
        weakref.finalize(threading.current_thread(), _loops.loop.close).atexit = False
    loop: asyncio.AbstractEventLoop = _loops.loop
    return loop
