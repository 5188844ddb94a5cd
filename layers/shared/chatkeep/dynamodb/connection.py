"""The connection to DynamoDB: how long it waits for an answer, which is never past the request's deadline."""

from collections.abc import Iterable
from functools import cache
from typing import Any, TypeVar

from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from pynamodb.connection import Connection
from pynamodb.models import Model

from chatkeep import deadline
from chatkeep.aws import hooks, punctual
from chatkeep.aws.punctual import CONNECT_SECONDS
from chatkeep.dynamodb import batches
from chatkeep.dynamodb.internals import access_of, read
from chatkeep.retrying import ATTEMPT_SECONDS
from chatkeep.settings import settings
from chatkeep.tracing import dynamodb as spans

Item = TypeVar("Item", bound=Model)

READ_SECONDS = 1.2
"""Of silence, not of the whole answer. DynamoDB answers within milliseconds, a transaction of 4 MB within a second; one
that takes longer goes on, and the same request, sent again with its token, gets its outcome."""
SILENT_ATTEMPTS = 2
"""How often a request is sent that nobody answers."""
MOST_ATTEMPTS = 4
"""How often one is sent that is answered, but refused for a moment; botocore pauses in between, with full jitter."""
CONNECTIONS = 50
RETRY_AFTER = "x-amz-retry-after"
"""A header with which AWS asks botocore to pause longer, by up to five seconds."""


class PunctualConnection(Connection):
    """PynamoDB's connection, which makes its client when it is first used; the client asks the deadline."""

    _made_punctual: Any = None

    @property
    def client(self) -> Any:
        made = super().client
        if made is not self._made_punctual:
            make_punctual(made)
            self._made_punctual = made
        return made


@cache
def shared() -> PunctualConnection:
    """This process's connection: one client, and so one pool of connections, for all tables."""
    return PunctualConnection(
        host=settings().dynamodb_endpoint,
        connect_timeout_seconds=CONNECT_SECONDS,
        read_timeout_seconds=READ_SECONDS,
        max_retry_attempts=MOST_ATTEMPTS - 1,
        max_pool_connections=CONNECTIONS,
    )


def make_punctual(client: Any) -> None:
    """Have a botocore client of DynamoDB hold its time-outs and retries to the deadline of whoever calls it."""
    punctual.limit_attempts(client, "dynamodb", READ_SECONDS)
    hooks.before_retry(client, "dynamodb", _allow)
    spans.observe(client)


def fetch(model: type[Item], keys: Iterable[tuple[str, str]]) -> list[Item]:
    """The items with these keys that exist, in no order; consistent reads.

    PynamoDB's own repeats unprocessed keys without a pause and without end. Raises GetError,
    StorageUnavailableError.
    """
    table, found = access_of(model), list[Item]()

    def send(pending: list[Any]) -> list[Any]:
        answer = table.batch_get_item(pending, consistent_read=True)
        found.extend(read(model, item) for item in answer["Responses"].get(table.table_name, []))
        return list(answer.get("UnprocessedKeys", {}).get(table.table_name, {}).get("Keys", []))

    batches.send_all(send, [{"pk": pk, "sk": sk} for pk, sk in dict.fromkeys(keys)], batches.READS)
    return found


def remove(model: type[Model], items: Iterable[Any]) -> None:
    """Delete these items; one that is not there is no error. Raises PutError, StorageUnavailableError."""
    table = access_of(model)

    def send(pending: list[Any]) -> list[Any]:
        answer = table.batch_write_item(delete_items=pending)
        left = answer.get("UnprocessedItems", {}).get(table.table_name, [])
        return [one["DeleteRequest"]["Key"] for one in left]

    batches.send_all(send, [{"pk": item.pk, "sk": item.sk} for item in items], batches.WRITES)


def _allow(attempts: int, response: Any, caught_exception: Exception | None, **_: Any) -> bool | None:
    """False against another attempt; None leaves the decision to botocore."""
    if attempts >= SILENT_ATTEMPTS and isinstance(caught_exception, ConnectTimeoutError | ReadTimeoutError):
        return False
    longest = longest_pause(attempts, refused=response is not None)
    if response is not None and RETRY_AFTER in response[0].headers:
        longest += 5
    return None if longest + ATTEMPT_SECONDS <= deadline.current().storage_seconds_left() else False


def longest_pause(attempts: int, *, refused: bool) -> float:
    """How long botocore pauses at most after so many attempts: `botocore.retries.standard.ExponentialBackoff`."""
    return (1.0 if refused else 0.025) * 2.0 ** (attempts - 1)
