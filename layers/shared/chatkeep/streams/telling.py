"""Telling of a turn to whoever follows it: the events go to one listener as they come, and into the stored copy."""

from collections.abc import Sequence

from chatkeep.errors import ChatkeepError
from chatkeep.idempotency import Claim
from chatkeep.models.message import Message
from chatkeep.models.session import Session
from chatkeep.streams import replaying
from chatkeep.streams.copy import Copy
from chatkeep.streams.event import Event, before_list
from chatkeep.streams.narrator import Narrator, Tell
from chatkeep.turns import events
from chatkeep.turns.answers import Answer
from chatkeep.turns.overflow import Writes


def nobody(_: Event) -> None:
    """Of a turn that is followed by its stored copy alone."""


class Telling:
    """`hear` and `closing` are what an engine's Request takes; `claim` and `client_id` are that request's.

    A copy is kept for whoever `may_resume`.
    """

    def __init__(self, tell: Tell, claim: Claim | None, *, may_resume: bool, client_id: str | None = None) -> None:
        self._tell = tell
        self._claim = claim
        self._client_id = client_id
        self._may_resume = may_resume
        self._narrator: Narrator | None = None
        self._copy: Copy | None = None

    @property
    def has_begun(self) -> bool:
        """Whether any event was told."""
        return self._narrator is not None and self._narrator.has_begun

    @property
    def turn_id(self) -> str | None:
        """The turn's id, once it holds its session."""
        return self._narrator.turn_id if self._narrator else None

    def hear(self, event: events.Event) -> None:
        """Take an event of the run."""
        if isinstance(event, events.Leased):
            self._lease(event.session)
        if self._narrator is not None:
            self._narrator.hear(event)

    def closing(self, messages: Sequence[Message]) -> Writes:
        """The last writes of the copy, which are stored with the turn and its messages."""
        if self._narrator is not None:
            self._narrator.end(messages)
        return self._copy.close() if self._copy else []

    def finish(self, answer: Answer) -> None:
        """Tell of a turn that this request has stored. Reads its messages where the storage's own answer was lost."""
        if self._narrator is None:
            return
        if answer.said:
            self._narrator.finish(answer)
        else:
            turn = answer.turn
            for event in replaying.last(turn.user_id, turn.session_id, turn, self._narrator.number):
                self._tell(event)

    def fail(self, error: ChatkeepError) -> None:
        """Tell of a turn that ended with a problem."""
        if self._copy is not None:
            self._copy.stop()
        if self._narrator is not None:
            self._narrator.fail(error)

    def _lease(self, session: Session) -> None:
        if self._narrator is None:
            # Only a turn that was asked for with a key may have been tried before under the same id.
            before = before_list(int(session.lease_fence)) if self._claim else 0
            if self._may_resume:
                fingerprint = self._claim.fingerprint if self._claim else None
                turn = (session.user_id, session.session_id, str(session.lease_turn_id))
                self._copy = Copy(*turn, number=before, fingerprint=fingerprint, client_id=self._client_id)
            self._narrator = Narrator(session, self._pass_on, before)
        if self._copy is not None:
            self._copy.lease_ends(int(session.lease_expires_at))

    def _pass_on(self, event: Event) -> None:
        if self._copy is not None:
            self._copy.add(event)
        self._tell(event)
