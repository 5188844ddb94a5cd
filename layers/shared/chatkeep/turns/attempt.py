"""One attempt at a turn, under the lease: run the graph, then commit what came of it."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from chatkeep import ids
from chatkeep.checkpointer import DynamoDBSaver
from chatkeep.clock import now, stamp
from chatkeep.errors import ChatkeepError, ModelUnavailableError, TurnRolledBackError, TurnTimedOutError
from chatkeep.models.message import Message, Role
from chatkeep.models.session import Session
from chatkeep.models.turn import Turn, TurnStatus
from chatkeep.telemetry import logger
from chatkeep.turns import lease, thread
from chatkeep.turns.calls import CallRecorder, Pricing
from chatkeep.turns.commit import CheckpointWrites, NoCheckpoint, commit
from chatkeep.turns.lease import CancelAction

RESERVE = timedelta(seconds=3)
"""What a turn keeps of its function's time to store what it has and to answer."""

Result = TypeVar("Result")
GraphFor = Callable[[Session, float, Any], Any]
"""Makes the compiled graph for a session from the seconds it has and the checkpointer."""


@dataclass(frozen=True)
class Tools:
    """What a turn runs with: the saver of its thread, the graph and the prices of its function."""

    saver: DynamoDBSaver
    graph_for: GraphFor
    price: Pricing


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
        self.said = HumanMessage(self.content, id=ids.after(self.session.last_message_id))
        self.progress = thread.Progress()
        self.config: dict[str, Any] = {
            "configurable": {"thread_id": self.session.session_id},
            "callbacks": [self.recorder],
            "metadata": {"turn_id": self.session.lease_turn_id},
        }

    def make(self) -> Answer:
        """Run the turn and store it. Raises what `Engine.send` says; then the lease is still held or has moved on."""
        staged = self.tools.saver.staged()
        try:
            cancelled = self._run(staged)
        except TimeoutError:
            self._store_failure()
            raise TurnTimedOutError("the model took longer than this request may") from None
        except ChatkeepError:
            raise
        except Exception as error:
            logger.exception("model failed", extra={"model_name": self.session.model_name})
            self._store_failure()
            raise ModelUnavailableError(f"the model {self.session.model_name!r} did not answer") from error
        if cancelled is None:
            return self._store(TurnStatus.COMPLETED, self.progress.new(), staged.writes())
        if cancelled is CancelAction.KEEP:
            return self._store_kept()
        return self._roll_back()

    def _run(self, staged: Any) -> CancelAction | None:
        graph = self.tools.graph_for(self.session, self._seconds_left(), staged)  # may import for seconds
        running = thread.run(graph, self.config, self.said, self.progress)
        return on_loop(thread.supervise(running, lambda: lease.requested_cancel(self.session), self._seconds_left()))

    def _seconds_left(self) -> float:
        """What the model may take. Raises TimeoutError where nothing is left."""
        seconds = (self.death - RESERVE - now()).total_seconds()
        if seconds <= 0:
            raise TimeoutError
        return seconds

    def _store_kept(self) -> Answer:
        messages = thread.kept(self.progress, self.said)
        staged = self.tools.saver.staged()
        on_loop(thread.overwrite(self.tools.graph_for(self.session, 1, staged), self.config, messages))
        return self._store(TurnStatus.CANCELLED, messages, staged.writes())

    def _roll_back(self) -> Answer:
        turn = self._turn(str(self.session.lease_turn_id), TurnStatus.ROLLED_BACK)
        commit(self.session, turn, [], NoCheckpoint())
        raise TurnRolledBackError(turn.turn_id)

    def _store_failure(self) -> None:
        """Bill what the failed attempt used; under an id of its own, so that the same request may try again."""
        if self.recorder.calls or self.recorder.stopped():
            commit(self.session, self._turn(ids.new(), TurnStatus.FAILED), [], NoCheckpoint())

    def _store(self, status: TurnStatus, new: list[BaseMessage], checkpoint: CheckpointWrites) -> Answer:
        turn = self._turn(str(self.session.lease_turn_id), status)
        messages = self._transcript(turn, new)
        if messages[-1].role != Role.ASSISTANT:
            raise ModelUnavailableError("the graph ended without an answer")
        turn.response_time_ms = int((now() - self.started).total_seconds() * 1000)
        turn.messages = len(messages)
        turn.message_ids = [one.message_id for one in messages]
        self._complete(messages[-1], turn)
        commit(self.session, turn, messages, checkpoint)
        return Answer(turn, messages[0], messages[-1], checkpoint.size)

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

    def _transcript(self, turn: Turn, new: list[BaseMessage]) -> list[Message]:
        messages = [self._message(turn, str(self.said.id), Role.USER, self.content, self.started)]
        for one in new:
            after = ids.after(messages[-1].message_id)
            if isinstance(one, AIMessage):
                message = self._message(turn, after, Role.ASSISTANT, one.text, now())
                message.tool_calls = [dict(call) for call in one.tool_calls] or None
            elif isinstance(one, ToolMessage):
                message = self._message(turn, after, Role.TOOL, one.text, now())
            else:
                continue
            messages.append(message)
        return messages

    def _message(self, turn: Turn, message_id: str, role: Role, content: str, at: datetime) -> Message:
        return Message(
            self.session.user_id,
            self.session.session_id,
            message_id,
            turn_id=turn.turn_id,
            role=role,
            content=content,
            created_at=stamp(at),
        )

    def _complete(self, answer: Message, turn: Turn) -> None:
        """Give the answer the whole turn's usage."""
        answer.status = turn.status
        answer.model_name = self.session.model_name
        answer.input_tokens = turn.input_tokens
        answer.output_tokens = turn.output_tokens
        answer.response_time_ms = turn.response_time_ms
        if turn.calls and all("cost" in call and call["cost"] is not None for call in turn.calls):
            answer.cost = turn.cost


_loops = threading.local()


def on_loop(work: Coroutine[Any, Any, Result]) -> Result:
    """Run `work` on this thread's event loop, which is kept: the models' connections belong to it, and closing it would
    wait for whatever a cancelled model still does in a thread."""
    if not hasattr(_loops, "loop"):
        _loops.loop = asyncio.new_event_loop()
    result: Result = _loops.loop.run_until_complete(work)
    return result
