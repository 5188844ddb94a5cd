"""What the front ends ask for, whatever protocol they speak."""

import hashlib
from dataclasses import dataclass, field

from chatkeep import ids
from chatkeep.idempotency import Claim


@dataclass(frozen=True)
class Question:
    """A message of the user's; `id` is the one that the client gave it, `id_field` the place of that in the body."""

    id: str
    text: str
    id_field: str = field(compare=False)

    def claim(self, user_id: str, session_id: str) -> Claim:
        """The claim of the turn that answers it: the same message once more is the same turn.

        `session_id` is the stored one, to which the client's ids of messages belong.
        """
        fingerprint = hashlib.sha256(self.text.encode()).hexdigest()
        return Claim(ids.derived("message", user_id, session_id, self.id), fingerprint, self.id_field)


@dataclass(frozen=True)
class Wanted:
    """One request: the session as the client names it, and the last of its questions.

    `questions` are all that the client has without an answer, the oldest first. `again` says that the last one is to
    be answered once more, and `answer_id` which of its answers is meant, where the client says so.
    """

    session_id: str
    questions: tuple[Question, ...]
    again: bool = False
    answer_id: str | None = None
