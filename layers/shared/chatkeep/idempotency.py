"""Idempotency keys: the claim that a request makes with one, and the first answer, kept for whoever repeats it."""

from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import BaseModel

from chatkeep.clock import milliseconds, now
from chatkeep.dynamodb.transaction import Transaction
from chatkeep.errors import IdempotencyKeyReusedError
from chatkeep.models.idempotency import Answer

Body = TypeVar("Body", bound=BaseModel)

KEPT_SECONDS = 48 * 3600
KEY_HEADER = "Idempotency-Key"


@dataclass(frozen=True)
class Claim:
    """One request with an idempotency key: `id` is the same for each repetition, `fingerprint` for the same body.

    `given_as` is the header or the field of the body in which the client has given the key.
    """

    id: str
    fingerprint: str
    given_as: str = field(default=KEY_HEADER, compare=False)

    def check(self, fingerprint: str | None) -> None:
        """Raises IdempotencyKeyReusedError where the key was first used with another body."""
        if fingerprint != self.fingerprint:
            raise IdempotencyKeyReusedError(self.given_as)


class AlreadyAnsweredError(Exception):
    """The claim was taken before; `recall` has its answer."""


def remember(transaction: Transaction, user_id: str, claim: Claim, body: BaseModel, session_id: str | None) -> None:
    """Keep the answer in the transaction that makes it true. That raises AlreadyAnsweredError for a repetition.

    An answer that tells of a session, even by its id, names it as `session_id`: it goes when the session goes.
    """
    seconds = milliseconds(now()) // 1000
    answer = Answer(
        user_id,
        claim.id,
        session_id=session_id,
        fingerprint=claim.fingerprint,
        body=body.model_dump_json(),
        expires_at=seconds + KEPT_SECONDS,
    )
    outlived = Answer.expires_at < seconds  # DynamoDB may take days to delete it
    transaction.put(answer, condition=Answer.sk.does_not_exist() | outlived, otherwise=AlreadyAnsweredError())


def recall(user_id: str, claim: Claim, body: type[Body]) -> Body | None:
    """The kept body, if there is one. Raises IdempotencyKeyReusedError where it answered another request."""
    answer = Answer.find(user_id, claim.id)
    if answer is None or answer.expires_at < milliseconds(now()) // 1000:
        return None
    claim.check(answer.fingerprint)
    return body.model_validate_json(answer.body)
