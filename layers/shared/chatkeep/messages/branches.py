"""The branches of a conversation: which messages the active one leaves out, and which are versions of one another.

Ids sort by time. A new version of an answer begins after all that is stored, so that a branch is the whole transcript
less some ranges of ids: each from after the message where the conversation branched up to the last one at that time.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from chatkeep import sessions
from chatkeep.errors import MessageNotActiveError, TooManyVersionsError
from chatkeep.models.branching import Branching
from chatkeep.models.message import Message
from chatkeep.models.session import Session

MOST_VERSIONS = 50
"""Of one answer."""
MOST_PAIRS = 1_000
"""Of versions with their parents in one session: they are read with each page, 32 bytes each."""
ID_BYTES = 16

Pair = tuple[str, str]


@dataclass(frozen=True)
class Branches:
    """`hidden` are the ranges, in order and apart: each after its first id and up to its last. `versions` are the
    messages that follow a parent with several such, each with that parent, oldest first."""

    last_message_id: str = ""
    hidden: tuple[Pair, ...] = ()
    versions: tuple[Pair, ...] = ()

    def gap(self, message_id: str) -> Pair | None:
        """The range that hides the message, if one does."""
        at = bisect_left(self.hidden, (message_id,)) - 1
        return self.hidden[at] if at >= 0 and message_id <= self.hidden[at][1] else None

    def siblings(self, parent_id: str | None) -> list[str]:
        """The messages that follow this one, where there are several."""
        return [child for parent, child in self.versions if parent == parent_id]

    def with_version(self, question_id: str, former: str, new: list[Message], latest: str) -> "Branches":
        """The same with `new` messages after the question instead of those that follow it now up to `latest`.

        `former` is the first message of an earlier answer.
        """
        first = () if self.siblings(question_id) else ((question_id, former),)
        before = [one for one in self.hidden if one[0] < question_id]
        return Branches(
            last_message_id=new[-1].message_id,
            hidden=(*before, (question_id, latest)),
            versions=(*self.versions, *first, (question_id, new[0].message_id)),
        )

    def item(self, session: Session) -> Branching:
        return Branching(
            session.user_id,
            session.session_id,
            last_message_id=self.last_message_id,
            hidden=_packed(self.hidden),
            versions=_packed(self.versions),
        )

    def mark(self, messages: Iterable[Message]) -> None:
        """Give the messages their siblings."""
        for one in messages:
            one.siblings = self.siblings(one.parent_id)


def of(session: Session) -> Branches:
    """The branches of the conversation, read now; costs nothing where `session` has none."""
    return stored(session.user_id, session.session_id) if session.has_branched else Branches()


def stored(user_id: str, session_id: str) -> Branches:
    """The branches of a conversation that may have some."""
    found = Branching.find(user_id, session_id)
    if found is None:
        return Branches()
    return Branches(found.last_message_id, tuple(_pairs(found.hidden)), tuple(_pairs(found.versions)))


def at_one_time(session: Session) -> tuple[Session, Branches]:
    """A session's header and its branches that are as old: `session`, or a fresh header where it is older."""
    branches = of(session)
    while (session.last_message_id or "") < branches.last_message_id:
        session = sessions.header(session.user_id, session.session_id)
        branches = of(session)
    return session, branches


def check_room(known: Branches, question_id: str) -> None:
    """Raises MessageNotActiveError or TooManyVersionsError where the question takes no further answer."""
    if known.gap(question_id):
        raise MessageNotActiveError(question_id)
    there = len(known.siblings(question_id))
    if there >= MOST_VERSIONS:
        raise TooManyVersionsError(f"the answer has {MOST_VERSIONS} versions already, and may have no more")
    if len(known.versions) + (1 if there else 2) > MOST_PAIRS:
        raise TooManyVersionsError(f"the session has {MOST_PAIRS} versions of its answers, and may have no more")


def _packed(pairs: Iterable[Pair]) -> bytes:
    return b"".join(UUID(one).bytes for pair in pairs for one in pair)


def _pairs(packed: bytes) -> Iterable[Pair]:
    ids = [str(UUID(bytes=packed[at : at + ID_BYTES])) for at in range(0, len(packed), ID_BYTES)]
    return zip(ids[::2], ids[1::2], strict=True)
