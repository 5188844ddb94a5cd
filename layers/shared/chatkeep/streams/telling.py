"""Telling of a turn to whoever follows it: the events go to one listener as they come, and into the stored copy."""

from collections.abc import Sequence

from chatkeep.errors import ChatkeepError
from chatkeep.idempotency import Claim
from chatkeep.models.event_batch import EventBatch
from chatkeep.models.message import Message
from chatkeep.models.session import Session
from chatkeep.streams.copy import Copy
from chatkeep.streams.event import Event
from chatkeep.streams.narrator import Narrator, Tell
from chatkeep.turns import events
from chatkeep.turns.answers import Answer
from chatkeep.turns.overflow import Writes

APART = 1_000_000
"""Between the numbers of two attempts at one turn: what the first has told but not stored is less."""


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
        """Tell of a turn that this request has stored."""
        if self._narrator is not None:
            self._narrator.finish(answer)

    def fail(self, error: ChatkeepError) -> None:
        """Tell of a turn that ended with a problem."""
        if self._copy is not None:
            self._copy.close()
        if self._narrator is not None:
            self._narrator.fail(error)

    def _lease(self, session: Session) -> None:
        if self._narrator is None:
            turn_id = session.lease_turn_id
            if self._may_resume:
                fingerprint = self._claim.fingerprint if self._claim else None
                self._copy = Copy(session.user_id, session.session_id, turn_id, fingerprint, self._client_id)
            self._narrator = Narrator(session, self._pass_on, self._told_before(session))
        if self._copy is not None:
            self._copy.lease_ends(int(session.lease_expires_at))

    def _pass_on(self, event: Event) -> None:
        if self._copy is not None and self._narrator is not None and not self._copy.is_closed:
            self._copy.add(event)
        self._tell(event)

    def _told_before(self, session: Session) -> int:
        """The number after which the events of this attempt begin: an earlier one may have told some."""
        if self._claim is None or self._copy is None:  # the turn's id is its own
            return 0
        prefix = f"{session.lease_turn_id}#"
        stored = EventBatch.among(
            session.user_id, session.session_id, first=prefix, last=f"{prefix}~", newest_first=True, limit=1
        )
        return max(((int(one.number) // APART + 1) * APART for one in stored), default=0)
