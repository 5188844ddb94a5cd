"""The first answer to a request with an idempotency key, kept for whoever repeats it."""

from typing import TypeVar

from pydantic import BaseModel

from chatkeep.clock import milliseconds, now
from chatkeep.dynamodb.transaction import Transaction
from chatkeep.http.caller import Claim
from chatkeep.models.idempotency import Answer

Body = TypeVar("Body", bound=BaseModel)

KEPT_SECONDS = 48 * 3600


class AlreadyAnsweredError(Exception):
    """The claim was taken before; `recall` has its answer."""


def remember(transaction: Transaction, user_id: str, claim: Claim, body: BaseModel) -> None:
    """Keep the answer in the transaction that makes it true. That raises AlreadyAnsweredError for a repetition."""
    seconds = milliseconds(now()) // 1000
    answer = Answer(
        *Answer.key(user_id, claim.id),
        fingerprint=claim.fingerprint,
        body=body.model_dump_json(),
        expires_at=seconds + KEPT_SECONDS,
    )
    outlived = Answer.expires_at < seconds  # DynamoDB may take days to delete it
    transaction.put(answer, condition=Answer.sk.does_not_exist() | outlived, otherwise=AlreadyAnsweredError())


def recall(user_id: str, claim: Claim, body: type[Body]) -> Body | None:
    """The kept body, if there is one. Raises IdempotencyKeyReusedError where it answered another request."""
    try:
        answer = Answer.get(*Answer.key(user_id, claim.id), consistent_read=True)
    except Answer.DoesNotExist:
        return None
    if answer.expires_at < milliseconds(now()) // 1000:
        return None
    claim.check(answer.fingerprint)
    return body.model_validate_json(answer.body)
