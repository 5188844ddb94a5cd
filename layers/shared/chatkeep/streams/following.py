"""Following a turn by its stored copy: from any process and any place of the list, while the turn runs and after it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from chatkeep import sessions
from chatkeep.clock import milliseconds, now
from chatkeep.errors import TurnLostError, TurnNotFoundError
from chatkeep.idempotency import Claim
from chatkeep.models.background import BackgroundTurn
from chatkeep.models.event_batch import EventBatch
from chatkeep.models.session import Session
from chatkeep.models.turn import Turn
from chatkeep.streams import batches, ending, replaying
from chatkeep.streams.event import APART, Event, begins_list
from chatkeep.turns import lease, queue


@dataclass
class Following:
    """The events of a turn after the one with the number `after`, in as many looks as they take.

    `claim` is that of a request which repeats the turn's. `is_over` once there is nothing more to come.
    """

    user_id: str
    session_id: str
    turn_id: str
    after: int = 0
    claim: Claim | None = None
    is_over: bool = False

    def __post_init__(self) -> None:
        self._from = 0
        self._has_run = False
        self._begins = True

    def look(self) -> Iterator[Event]:
        """The events that have come since the last look. Costs a Query, and a GetItem where there are none.

        Of a turn that is tried again, the first look leaves out what an attempt before has told, and later ones what
        it has told when the next one has begun.
        Raises SessionNotFoundError, IdempotencyKeyReusedError, and TurnNotFoundError where there never was such a turn.
        """
        begins = self._begins
        if begins:
            self._begin()
        ended_at, events = self._read()
        if ended_at is not None:
            yield from self._ended(ended_at, events)
        elif not events:
            yield from self._unless_running()
        elif not (begins and self._is_tried_again(events[0].number)):
            yield from self._only_new(events)

    def _begin(self) -> None:
        """Go to the batch in which the next event lies or would lie."""
        self._begins = False
        if self.after > 0:
            newest = self._stored(last=self.after + 1, newest_first=True, limit=1)
            self._from = max((int(one.number) for one in newest), default=0)

    def _read(self) -> tuple[int | None, list[Event]]:
        """The number of the list's last event, if it has ended, and the events since the last look."""
        found: list[Event] = []
        ended_at = None
        for number, pieces in self._batches():
            if found and found[0].number // APART != number // APART:
                found = []
            events = list(batches.unpacked(number, (one.data for one in pieces)))
            found += events
            self._from = number + len(events)
            ended_at = pieces[-1].ended_at
        return None if ended_at is None else int(ended_at), found

    def _batches(self) -> Iterator[tuple[int, list[EventBatch]]]:
        """Batches that follow one another, up to the first that is missing as yet."""
        for pieces in batches.read(self._kept(self._stored(first=self._from))):
            number = int(pieces[0].number)
            if number != self._from and not begins_list(number):
                return
            if self.claim:
                self.claim.check(pieces[0].fingerprint)
            yield number, pieces

    def _stored(self, **which: Any) -> Iterator[EventBatch]:
        return EventBatch.of_turn(self.user_id, self.session_id, self.turn_id, **which)

    def _kept(self, items: Iterable[EventBatch]) -> Iterator[EventBatch]:
        """The items that have not expired: DynamoDB takes days to delete the others, and leaves gaps between them.

        One piece of a batch tells that there was a list.
        """
        seconds = milliseconds(now()) // 1000
        for item in items:
            self._has_run = True
            if item.expires_at > seconds:
                yield item

    def _unless_running(self) -> Iterator[Event]:
        session = sessions.header(self.user_id, self.session_id)
        if self._is_pending(session):
            self._has_run = True
            return
        # It may have ended since the copy was read. What it has stored then, it stored before it gave up the lease.
        record = self._record()
        ended_at, events = self._read()
        if ended_at is None and not events:
            yield from self._unlisted(session, record)
        elif ended_at is None:
            yield from self._only_new(events)  # it may run again: the next look will tell
        else:
            yield from self._ended(ended_at, events)

    def _is_pending(self, session: Session) -> bool:
        """Whether the turn runs or waits."""
        if queue.pending(session, self.turn_id):
            return True
        return BackgroundTurn.find(self.user_id, self.session_id, self.turn_id) is not None

    def _is_tried_again(self, number: int, session: Session | None = None) -> bool:
        """Whether a later attempt runs or waits than the one in whose list this number is."""
        fence = number // APART
        if fence == 0:  # of a turn that nobody can repeat
            return False
        session = session or sessions.header(self.user_id, self.session_id)
        if lease.running_turn(session) == self.turn_id:
            return fence < int(session.lease_fence)
        job = BackgroundTurn.find(self.user_id, self.session_id, self.turn_id)
        if job is not None:  # perhaps that of this very attempt, which is about to go
            return fence <= int(job.events_before) // APART
        return queue.pending(session, self.turn_id)

    def _unlisted(self, session: Session, record: Turn | None) -> Iterator[Event]:
        """The events of a turn that has ended without ending its list."""
        if record is not None and record.message_ids:
            yield from self._last(replaying.whole(session, record))
        elif record is not None:
            yield self._error(replaying.problem(record))
        elif self._has_run or self.after or self.claim:  # somebody has seen it run
            yield self._error(TurnLostError().as_problem())
        else:
            raise TurnNotFoundError

    def _ended(self, number: int, events: list[Event]) -> Iterator[Event]:
        """The last events of a list that has ended at this number, and those that are made of the turn's record.

        None where another attempt runs, whose list comes after this one.
        """
        session = sessions.header(self.user_id, self.session_id)  # of one that is being purged, there is nothing to see
        record = self._record()
        if record is None:  # purged meanwhile
            raise TurnNotFoundError
        if record.may_run_again and self._is_tried_again(number, session):
            return
        yield from self._only_new(events)
        yield from self._last(replaying.last(self.user_id, self.session_id, record, number))

    def _error(self, problem: dict[str, Any]) -> Event:
        self.is_over = True
        return ending.aside(max(self._from - 1, self.after), problem)

    def _last(self, events: Iterable[Event]) -> Iterator[Event]:
        last = list(events)
        self.is_over = True
        return self._only_new(last)

    def _only_new(self, events: Iterable[Event]) -> Iterator[Event]:
        return (event for event in events if event.number > self.after)

    def _record(self) -> Turn | None:
        found = Turn.find(self.user_id, self.session_id, self.turn_id)
        if found and self.claim:
            self.claim.check(found.fingerprint)
        return found
