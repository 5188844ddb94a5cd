"""One attempt at a turn, under the lease: run the graph, then commit what came of it."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError
from langchain_core.messages import BaseMessage, HumanMessage
from pynamodb.exceptions import PynamoDBException

from chatkeep import ids
from chatkeep.checkpointer import DynamoDBSaver
from chatkeep.clock import now, stamp
from chatkeep.errors import (
    ChatkeepError,
    ConcurrentWriteError,
    ModelUnavailableError,
    TurnRolledBackError,
    TurnTimedOutError,
)
from chatkeep.models.message import Message, Role
from chatkeep.models.session import Session
from chatkeep.models.turn import Turn, TurnStatus
from chatkeep.telemetry import logger
from chatkeep.turns import lease, thread, transcript
from chatkeep.turns.calls import CallRecorder, Pricing
from chatkeep.turns.commit import NoCheckpoint, RollBackRequestedError, TurnRecordedError, commit
from chatkeep.turns.lease import CancelAction

RESERVE = timedelta(seconds=3)
"""What a turn keeps of its function's time to store what it has and to answer."""

Result = TypeVar("Result")
GraphFor = Callable[[Session, float, Any], Any]
"""Makes the compiled graph for a session from the seconds it has and the checkpointer."""


@dataclass(frozen=True)
class Tools:
    """What a turn runs with: the saver of its thread, the graph and the prices of its function.

    `reason` says what a caller may be told of a model's failure, where that is more than that it did not answer.
    """

    saver: DynamoDBSaver
    graph_for: GraphFor
    price: Pricing
    reason: Callable[[Exception], str | None] = lambda _: None


@dataclass(frozen=True)
class Answer:
    """A turn as it was stored; `checkpoint_bytes` is None where this is a repetition's."""

    turn: Turn
    user_message: Message
    message: Message
    checkpoint_bytes: int | None = None


@dataclass
class Attempt:
    """`session` is as the lease was acquired with it; `death` is when the function that serves the turn is killed."""

    tools: Tools
    session: Session
    content: str
    fingerprint: str | None
    death: datetime
    started: datetime = field(default_factory=now)

    def __post_init__(self) -> None:
        self.recorder = CallRecorder(self.session.model_name)
        self.said = HumanMessage(self.content)
        self.opening: list[BaseMessage] = []
        self.progress = thread.Progress()
        self.config: dict[str, Any] = {
            "configurable": {"thread_id": self.session.session_id},
            "callbacks": [self.recorder],
            "metadata": {"turn_id": self.session.lease_turn_id},
        }

    def make(self) -> Answer:
        """Run the turn and store it. Raises what `engine.send` says; then the lease is still held or has moved on."""
        staged = self.tools.saver.staged()
        try:
            cancelled = self._run(staged)
        except thread.DeadlineError:
            self._store_failure()
            raise TurnTimedOutError("the model took longer than this request may") from None
        except ChatkeepError:
            raise
        except Exception as error:
            if self.progress.before is None:  # the thread could not be read, which is no fault of the model's
                raise
            logger.exception("model failed", extra={"model_name": self.session.model_name})
            self._store_failure()
            reason = self.tools.reason(error) or "did not answer"
            raise ModelUnavailableError(f"the model {self.session.model_name!r} {reason}") from error
        if cancelled is None:
            return self._store(TurnStatus.COMPLETED, self.progress.new(), staged)
        if cancelled is CancelAction.KEEP:
            return self._store_kept()
        return self._roll_back()

    def _run(self, staged: Any) -> CancelAction | None:
        graph = self.tools.graph_for(self.session, self._seconds_left(), staged)  # may import for seconds
        running = thread.run(graph, self.config, self.progress, self._open)
        return on_loop(thread.supervise(running, self._requested_cancel, self._seconds_left()))

    def _seconds_left(self) -> float:
        """What the model may take. Raises DeadlineError where nothing is left."""
        seconds = (self.death - RESERVE - now()).total_seconds()
        if seconds <= 0:
            raise thread.DeadlineError
        return seconds

    def _open(self, before: list[BaseMessage]) -> list[BaseMessage]:
        self.opening = transcript.opening(self.session, self.said, before)
        return self.opening

    def _requested_cancel(self) -> CancelAction | None:
        """Raises LeaseLostError, SessionNotFoundError."""
        try:
            return lease.asked(lease.still_held(self.session))
        except (PynamoDBException, BotoCoreError):
            logger.warning("could not look for a cancel; the turn goes on", exc_info=True)
            return None

    def _store_kept(self) -> Answer:
        staged = self.tools.saver.staged()
        graph = self.tools.graph_for(self.session, 1, staged)
        if not self.opening:  # it was cancelled before it had read the thread
            self._open(on_loop(thread.messages(graph, self.config)))
        kept = thread.kept(self.progress, self.opening)
        on_loop(thread.append(graph, self.config, kept))
        return self._store(TurnStatus.CANCELLED, kept, staged)

    def _roll_back(self) -> Answer:
        turn = self._turn(str(self.session.lease_turn_id), TurnStatus.ROLLED_BACK)
        commit(self.session, turn, [], NoCheckpoint())
        raise TurnRolledBackError(turn.turn_id)

    def _store_failure(self) -> None:
        """Bill what the failed attempt used; under an id of its own, so that the same request may try again."""
        if self.recorder.calls or self.recorder.stopped():
            with suppress(TurnRecordedError):  # by this very request, whose first answer was lost
                commit(self.session, self._turn(ids.new(), TurnStatus.FAILED), [], NoCheckpoint())

    def _store(self, status: TurnStatus, new: list[BaseMessage], staged: Any) -> Answer:
        turn = self._turn(str(self.session.lease_turn_id), status)
        messages = transcript.messages(self.session, turn, self.opening, new)
        said, answer = messages[len(self.opening) - 1], messages[-1]
        if answer.role != Role.ASSISTANT:
            self._store_failure()
            raise ModelUnavailableError("the graph ended without an answer")
        turn.response_time_ms = int((now() - self.started).total_seconds() * 1000)
        turn.messages = len(messages)
        turn.message_ids = [said.message_id, answer.message_id]
        transcript.complete(answer, turn, self.session.model_name)
        try:
            size = self._commit(turn, messages, staged)
        except RollBackRequestedError:
            return self._roll_back()
        except ConcurrentWriteError:  # somebody else has continued the thread
            self._store_failure()
            raise
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

    def _turn(self, turn_id: str, status: TurnStatus) -> Turn:
        calls = [replace(one, cost=self.tools.price(one)) for one in (*self.recorder.calls, *self.recorder.stopped())]
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
            calls=[one.as_json() for one in calls],
        )


_loops = threading.local()


def on_loop(work: Coroutine[Any, Any, Result]) -> Result:
    """Run `work` on this thread's event loop, which is kept: the models' connections belong to it, and closing it would
    wait for whatever a cancelled model still does in a thread."""
    if not hasattr(_loops, "loop"):
        _loops.loop = asyncio.new_event_loop()
    result: Result = _loops.loop.run_until_complete(work)
    return result
