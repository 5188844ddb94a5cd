"""One run of a session's graph on its thread, and its outcome."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from chatkeep import ids, tracing
from chatkeep.checkpointer import StagedSaver
from chatkeep.clock import now
from chatkeep.deadline import Deadline
from chatkeep.dynamodb.errors import STORAGE_ERRORS
from chatkeep.errors import ChatkeepError, GraphFailedError, TurnTimedOutError
from chatkeep.models.session import Session
from chatkeep.telemetry import correlation, logger
from chatkeep.turns import failure, lease, summaries, thread, token_estimates
from chatkeep.turns.call_recorder import CallRecorder
from chatkeep.turns.encodable import mend_within
from chatkeep.turns.events import Event, Leased, Listener, Opened, StepFinished, ThreadRead
from chatkeep.turns.failure import GRAPH_FAILED, LOST
from chatkeep.turns.lease import CancelAction
from chatkeep.turns.names import Names
from chatkeep.turns.occasion import Occasion
from chatkeep.turns.outcome import Addition, Completed, Failed, Kept, Outcome, RolledBack, TimedOut
from chatkeep.turns.progress import Progress
from chatkeep.turns.regeneration import Again
from chatkeep.turns.spans import SpanRecorder
from chatkeep.turns.summaries import Summary
from chatkeep.turns.supervision import DeadlineError, supervise
from chatkeep.turns.tools import Tools


@dataclass
class GraphRun:
    """`session` is as the lease was acquired with it; `listen` is told of the run as it goes on.

    A short lease is renewed while the run is supervised. With `again`, the question is asked once more on the thread as
    it was before it. A run that `compacts` asks nothing: it adds a summary of the thread, which a message without words
    carries.
    """

    tools: Tools
    session: Session
    content: str
    deadline: Deadline
    listen: Listener
    has_short_lease: bool = False
    again: Again | None = None
    compacts: bool = False
    user_name: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.began = self._renewed = time.monotonic()  # the time of day may be set back while a turn runs
        self.started = now()
        self._is_over = False
        self._compacted_tokens: int | None = None
        self.recorder = CallRecorder()
        self.spans = SpanRecorder(self.session.session_id)
        self.progress = Progress()
        self._question = HumanMessage(self.again.question.content if self.again else self.content)
        self._config: dict[str, Any] = {
            "configurable": {"thread_id": self.session.session_id},
            "callbacks": [self.recorder, self.spans] if tracing.recorder() else [self.recorder],
            "metadata": {"turn_id": self.session.lease_turn_id, **_correlation()},
        }

    def run(self) -> Outcome:
        """Run the graph until it ends, somebody cancels it, it breaks or its time is over.

        Raises an error of `LOST`; one of the storage, after which the turn may be sent again; and GraphFailedError or
        the problem of the run where the graph does not take its own words back.
        """
        staged = self._staged()
        self._tell(Leased(self.session))
        try:
            cancelled = self._supervised(staged)
        except DeadlineError:
            return self._timed_out()
        except LOST:
            raise
        except Exception as error:
            return self._failed(error)
        if cancelled is None:
            return Completed(self._answered(staged))
        keeps = cancelled is CancelAction.KEEP and not self.compacts
        return Kept(self._kept()) if keeps else RolledBack()

    def first_token_ms(self) -> int | None:
        """Milliseconds from the run's beginning to the first piece of an answer; None before there is any."""
        heard = self.recorder.first_heard
        return None if heard is None else round((heard - self.began) * 1000)

    def context_tokens(self) -> int | None:
        """Tokens that the next question comes on top of: what the last call has read and written; the rest of a thread
        that was compacted is estimated, as no call has read it."""
        return self._compacted_tokens if self.compacts else self.recorder.context_tokens()

    def _staged(self) -> StagedSaver:
        start = self.again.started_from if self.again else None
        return self.tools.saver.staged(mend_within, self.session.user_id, start)

    def _supervised(self, staged: StagedSaver) -> CancelAction | None:
        self._check_time()
        self.tools.loop.begin_turn()
        try:
            return self.tools.loop.run(
                supervise(self._running(staged), self._requested_cancel, self.deadline.seconds_left())
            )
        finally:
            self._is_over = True

    async def _running(self, staged: StagedSaver) -> None:
        await asyncio.to_thread(self.tools.prepare, self.session)
        self._check_time()
        if self.compacts:
            await self._compact(staged)
        else:
            await thread.run(self._graph(staged), staged, self._config, self._open, self._hear)

    async def _compact(self, staged: StagedSaver) -> None:
        graph = self._graph(staged)
        before = await thread.messages(graph, self._config)
        self._hear(ThreadRead(before))
        names = Names((), self.session.last_message_id)
        self._hear(Opened([], names, self.started))
        made = await self.tools.summarize(self.session, self.deadline, before, self._config)
        carrier = AIMessage("", id=ids.new(), response_metadata=made.summary.as_metadata())
        await thread.append(graph, self._config, [carrier])
        self._compacted_tokens = made.context_tokens + token_estimates.message_tokens(carrier)
        self._hear(StepFinished([*before, carrier]))

    def _check_time(self) -> None:
        if self.deadline.seconds_left() <= 0:
            raise DeadlineError

    def _graph(self, staged: StagedSaver) -> Any:
        return self.tools.graph_for(self.session, self.deadline, staged, Occasion(self.started, self.user_name))

    def _hear(self, event: Event) -> None:
        """Go on with an event of the graph's, unless it comes late: a node may swallow that it was cancelled."""
        if not self._is_over:
            self._tell(event)

    def _tell(self, event: Event) -> None:
        self.progress.hear(event)  # first, as it mends the messages of a step
        try:
            self.listen(event)
        except Exception:  # who follows a turn must not break it
            logger.exception("an event of a turn was not told", extra={"event": type(event).__name__})

    def _open(self, newest: Iterable[BaseMessage]) -> list[BaseMessage]:
        again, latest = self.again, self.session.last_message_id
        opening = thread.opening(latest, self._question, newest, again.opening_ids if again else None)
        names = Names((str(one.id) for one in opening), latest)
        self._tell(Opened(opening, names, self.started, again.question if again else None))
        return opening

    def _requested_cancel(self) -> CancelAction | None:
        """Raises LeaseLostError, SessionNotFoundError."""
        try:
            return lease.requested_cancel(self._looked_at())
        except STORAGE_ERRORS:
            logger.warning("could not look for a cancel; the turn goes on", exc_info=True)
            return None

    def _looked_at(self) -> Session:
        """The session's header as it is now, where the lease is still held; a short one is renewed in time."""
        if not self.has_short_lease or time.monotonic() < self._renewed + lease.RENEWAL_SECONDS:
            return lease.still_held(self.session)
        moment = time.monotonic()
        present = lease.renewed(self.session)
        self._renewed = moment
        self._tell(Leased(present))
        return present

    def _answered(self, staged: StagedSaver) -> Addition:
        """The run's new messages; where a tool's result ended it, with that result as the answer."""
        new = self.progress.new
        if new and isinstance(new[-1], ToolMessage):
            answer = AIMessage(new[-1].text, response_metadata={"finish_reason": "stop"})
            self.tools.loop.run(thread.append(self._graph(staged), self._config, [answer]))
            new = [*new, answer]
        return Addition(new, staged)

    def _timed_out(self) -> Outcome:
        if self.compacts or not self.recorder.so_far():
            return Failed(TurnTimedOutError("the time was over before there was anything to keep"))
        failure.log(TurnTimedOutError("the time was over"), self.session)
        return TimedOut(self._kept())

    def _failed(self, error: Exception) -> Outcome:
        """Raises `error` where the thread could not be read, which is no fault of the model's or the graph's."""
        if self.progress.before is None:
            raise error
        problem = failure.problem_of(error, self.session, self.recorder, self.tools.explain)
        failure.log(problem, self.session, error)
        kept = self._kept(problem) if self.progress.has_said_something() else None
        return Failed(problem, error, kept)

    def _kept(self, problem: ChatkeepError | None = None) -> Addition:
        """The run's messages so far, in a thread without whatever else it had staged.

        Raises `problem`, else GraphFailedError, where the graph does not take them.
        """
        staged = self._staged()
        try:
            return Addition(self.tools.loop.run(self._append_kept(staged)), staged)
        except (ChatkeepError, *STORAGE_ERRORS):
            raise
        except Exception as error:
            logger.warning("what was said could not be kept", exc_info=True)
            raise problem or GraphFailedError(GRAPH_FAILED) from error

    async def _append_kept(self, staged: StagedSaver) -> list[BaseMessage]:
        graph = self._graph(staged)
        if not self.progress.opening:  # it was cancelled before it had read the thread
            self._open(reversed(await thread.messages(graph, self._config)))
        kept = self.progress.kept()
        summary = self.recorder.summary
        is_new = kept[-1].id not in {one.id for one in self.progress.new}
        if summary and is_new and self._is_of(summary, kept):
            summaries.put_on(kept[-1], summary)  # else the next turn would have to make it once more
        await thread.append(graph, self._config, kept)
        return kept

    def _is_of(self, summary: Summary, kept: list[BaseMessage]) -> bool:
        """Whether it stands for messages of this thread, not for those that an agent of the graph's has for itself."""
        return summary.until in {*(self.progress.before or ()), *(one.id for one in kept)}


def _correlation() -> dict[str, str]:
    known = correlation.current()
    return {"correlation_id": known.request_id} if known else {}
