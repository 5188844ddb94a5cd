"""Following a turn by its stored copy: from any process and any place of the list, while the turn runs and after it."""

from collections.abc import Iterator
from dataclasses import dataclass

from chatkeep import sessions
from chatkeep.errors import TurnLostError, TurnNotFoundError
from chatkeep.idempotency import Claim
from chatkeep.models.background import BackgroundTurn
from chatkeep.models.event_batch import EventBatch
from chatkeep.models.keys import LAST
from chatkeep.models.turn import Turn
from chatkeep.streams import batches, ending, replaying
from chatkeep.streams.event import Event
from chatkeep.turns import queue


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
        self._has_copy = False
        self._begins = True

    def look(self) -> Iterator[Event]:
        """The events that have come since the last look. Costs a Query, and a GetItem where there are none.

        Raises SessionNotFoundError, IdempotencyKeyReusedError, and TurnNotFoundError where there never was such a turn.
        """
        if self._begins:
            self._begin()
        ended_at = None
        came = False
        for batch, events in self._stored():
            for event in events:
                came = True
                if event.number > self.after:
                    yield event
            ended_at = batch.ended_at
        if ended_at is not None:
            yield from self._end(int(ended_at))
        elif not came:
            yield from self._unless_running()

    def _begin(self) -> None:
        """Go to the batch in which the next event lies or would lie."""
        self._begins = False
        if self.after > 0:
            last = f"{self.turn_id}#{self.after + 1:010}{LAST}"
            newest = EventBatch.among(
                self.user_id, self.session_id, first=f"{self.turn_id}#", last=last, newest_first=True, limit=1
            )
            self._from = max((int(one.number) for one in newest), default=0)

    def _stored(self) -> Iterator[tuple[EventBatch, list[Event]]]:
        first, last = f"{self.turn_id}#{self._from:010}", f"{self.turn_id}#{LAST}"
        items = EventBatch.among(self.user_id, self.session_id, first=first, last=last)
        for pieces in batches.read(items):
            if self.claim:
                self.claim.check(pieces[0].fingerprint)
            self._has_copy = True
            number = int(pieces[0].number)
            events = list(batches.unpacked(number, (one.data for one in pieces)))
            self._from = number + max(1, len(events))
            yield pieces[0], events

    def _unless_running(self) -> Iterator[Event]:
        session = sessions.header(self.user_id, self.session_id)
        if queue.pending(session, self.turn_id) or BackgroundTurn.find(self.user_id, self.session_id, self.turn_id):
            return
        # It may have ended since the copy was read. What it has stored then, it stored before it gave up the lease.
        record = self._record()
        ended_at = None
        for batch, events in self._stored():
            yield from (event for event in events if event.number > self.after)
            ended_at = batch.ended_at
        if ended_at is not None:
            yield from self._end(int(ended_at))
        elif record is not None and (record.message_ids or not self._has_copy):
            yield from self._only_new(replaying.whole(session, record))
        elif self._has_copy:
            problem = replaying.problem(record) if record else TurnLostError().as_problem()
            yield from self._only_new([ending.of_error(max(self._from - 1, self.after), problem)])
        else:
            raise TurnNotFoundError

    def _end(self, number: int) -> Iterator[Event]:
        """The events that are made of the turn's record."""
        record = self._record()
        if record is None:  # purged meanwhile
            raise TurnNotFoundError
        yield from self._only_new(replaying.last(self.user_id, self.session_id, record, number))

    def _only_new(self, events: Iterator[Event] | list[Event]) -> Iterator[Event]:
        self.is_over = True
        yield from (event for event in events if event.number > self.after)

    def _record(self) -> Turn | None:
        found = Turn.find(self.user_id, self.session_id, self.turn_id)
        if found and self.claim:
            self.claim.check(found.fingerprint)
        return found
