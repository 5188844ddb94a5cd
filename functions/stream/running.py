"""A turn that runs in a thread of this process, and its events as the loop gets them."""

from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field, replace

from chatkeep import deadline, sessions
from chatkeep.agent import runtime, turn_metrics
from chatkeep.dynamodb.errors import STORAGE_ERRORS
from chatkeep.dynamodb.transaction import Transaction
from chatkeep.errors import ChatkeepError, TurnInProgressError
from chatkeep.idempotency import Claim
from chatkeep.streams.event import Event
from chatkeep.streams.following import Following
from chatkeep.streams.telling import Telling
from chatkeep.telemetry import metrics
from chatkeep.turns import engine, lease, loops, titles
from chatkeep.turns.admission import Strategy
from chatkeep.turns.answers import Answer
from chatkeep.turns.events import Event as RunEvent
from chatkeep.turns.events import Leased
from chatkeep.turns.lease import CancelAction
from functions.stream.call import Call
from functions.stream.feed import Feed
from functions.stream.looking import QUIET_SECONDS, follow
from functions.stream.serving import told

MOST_TURNS = 256
"""Turns of one process at a time. On Lambda there is one."""
_threads = ThreadPoolExecutor(MOST_TURNS, thread_name_prefix="turn")
_loop = loops.Shared()


@dataclass(frozen=True)
class Asked:
    """A turn that a request asks for.

    `may_resume` says whether its stream may be taken up again; one that may not be is cancelled when its client leaves.
    `regenerate` is the answer to make again, `client_id` the id that the client gave its message, and `user_name` the
    user's name for the prompt.
    """

    user_id: str
    session_id: str
    content: str
    strategy: Strategy
    claim: Claim | None
    may_resume: bool = True
    regenerate: str | None = None
    client_id: str | None = None
    user_name: str | None = field(default=None, repr=False)


class RunningTurn:
    """The turn that `asked` asks for; `events` may be gone through once."""

    def __init__(self, call: Call, asked: Asked) -> None:
        self._call = call
        self._asked = asked
        self._feed = Feed(QUIET_SECONDS)
        self._telling = Telling(self._feed.put, asked.claim, may_resume=asked.may_resume, client_id=asked.client_id)
        self._is_elsewhere = False
        self._has_left = False
        self._refusal: Exception | None = None

    def start(self) -> None:
        """Run the turn in a thread, which sees this request's deadline and ids."""
        _threads.submit(copy_context().run, self._run)

    async def events(self) -> AsyncGenerator[Event | None, None]:
        """The turn's events as they come, and None after a while without any.

        Raises the error of a turn that ended before its first event.
        """
        last = 0
        while True:
            has_ended = self._feed.has_ended
            events = await self._feed.take()
            if events is None:
                yield None
                continue
            for event in events:
                last = event.number
                yield event
            if self._feed.has_overflowed:
                break
            if has_ended:
                if self._refusal is not None:
                    raise self._refusal
                if not self._is_elsewhere:
                    return
                break
        if self._asked.may_resume or self._is_elsewhere:
            async for one in follow(self._following(last)):
                yield one
        else:  # its client does not read, and there is no copy of what it misses
            self.left()

    def left(self) -> None:
        """The client has left: stop a turn that nobody can take up again, or as soon as it has begun."""
        if not self._asked.may_resume and not self._feed.has_ended:
            self._has_left = True
            _threads.submit(copy_context().run, self._cancel)

    def _hear(self, event: RunEvent) -> None:
        self._telling.hear(event)
        if isinstance(event, Leased) and self._has_left:
            _threads.submit(copy_context().run, self._cancel)

    def _following(self, after: int) -> Following:
        asked = self._asked
        turn_id = self._telling.turn_id or (asked.claim.id if asked.claim else "")
        return Following(asked.user_id, asked.session_id, turn_id, after, asked.claim)

    def _run(self) -> None:
        try:
            answer = self._send()
            self._tell(answer)
            titles.nudge_for(answer)
        except TurnInProgressError as error:
            if self._asked.claim and error.turn_id == self._asked.claim.id:
                self._is_elsewhere = True
            else:
                self._fail(error)
        except Exception as error:
            self._fail(error)
        finally:
            self._feed.end()
            metrics.flush_metrics()

    def _send(self) -> Answer:
        asked, telling = self._asked, self._telling
        request = engine.Request(
            user_id=asked.user_id,
            session_id=asked.session_id,
            content=asked.content,
            regenerate=asked.regenerate,
            strategy=asked.strategy,
            claim=asked.claim,
            deadline=deadline.current(),
            listen=self._hear,
            closing=telling.closing,
            is_followed=True,
            joins=True,
            client_id=asked.client_id,
            user_name=asked.user_name,
        )
        with turn_metrics.of_a_turn() as measure:
            answer = engine.send(request, replace(runtime.tools(), loop=_loop))
            measure(answer)
        return answer

    def _tell(self, answer: Answer) -> None:
        if answer.repeated or not self._telling.has_begun:
            self._is_elsewhere = True
        else:
            self._telling.finish(answer)

    def _fail(self, error: Exception) -> None:
        if self._telling.has_begun:
            self._telling.fail(told(self._call, error))
        else:
            self._refusal = error  # told where it is answered

    def _cancel(self) -> None:
        asked = self._asked
        with suppress(ChatkeepError, *STORAGE_ERRORS):
            session = sessions.header(asked.user_id, asked.session_id)
            if self._telling.turn_id is not None and self._telling.turn_id == session.lease_turn_id:
                with Transaction() as transaction:
                    lease.cancel(transaction, session, CancelAction.KEEP)
