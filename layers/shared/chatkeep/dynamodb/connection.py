"""The connection to DynamoDB: how long it waits for an answer, which is never past the request's deadline."""

from collections.abc import Iterable
from typing import Any, TypeVar

from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from pynamodb.connection import Connection, TableConnection
from pynamodb.models import Model

from chatkeep import deadline, punctual, tracing
from chatkeep.dynamodb import batches
from chatkeep.punctual import CONNECT_SECONDS
from chatkeep.retrying import ATTEMPT_SECONDS

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

    _punctual: Any = None

    @property
    def client(self) -> Any:
        made = super().client
        if made is not self._punctual:
            make_punctual(made)
            self._punctual = made
        return made


def connected(table: TableConnection, host: str | None) -> TableConnection:
    """`table` with a connection that asks the deadline."""
    meta = table.get_meta_table()
    table.connection = PunctualConnection(
        host=host,
        connect_timeout_seconds=CONNECT_SECONDS,
        read_timeout_seconds=READ_SECONDS,
        max_retry_attempts=MOST_ATTEMPTS - 1,
        max_pool_connections=CONNECTIONS,
    )
    table.connection.add_meta_table(meta)
    return table


def make_punctual(client: Any) -> None:
    """Have a botocore client of DynamoDB hold its time-outs and retries to the deadline of whoever calls it."""
    client.meta.events.register_first("before-send.dynamodb", _limit, unique_id="deadline-of-attempt")
    client.meta.events.register_first("needs-retry.dynamodb", _allow, unique_id="deadline-of-retry")
    tracing.observe(client)


def fetch(model: type[Item], keys: Iterable[tuple[str, str]]) -> list[Item]:
    """The items with these keys that exist, in no order; consistent reads.

    PynamoDB's own asks for what is left unprocessed without a pause and without end. Raises GetError,
    StorageUnavailableError.
    """
    table, found = model._get_connection(), list[Item]()

    def send(pending: list[Any]) -> list[Any]:
        answer = table.batch_get_item(pending, consistent_read=True)
        found.extend(model.from_raw_data(item) for item in answer["Responses"].get(table.table_name, []))
        return list(answer.get("UnprocessedKeys", {}).get(table.table_name, {}).get("Keys", []))

    batches.send_all(send, [{"pk": pk, "sk": sk} for pk, sk in dict.fromkeys(keys)], batches.READS)
    return found


def remove(model: type[Model], items: Iterable[Any]) -> None:
    """Delete these items; one that is not there is no error. Raises PutError, StorageUnavailableError."""
    table = model._get_connection()

    def send(pending: list[Any]) -> list[Any]:
        answer = table.batch_write_item(delete_items=pending)
        left = answer.get("UnprocessedItems", {}).get(table.table_name, [])
        return [one["DeleteRequest"]["Key"] for one in left]

    batches.send_all(send, [{"pk": item.pk, "sk": item.sk} for item in items], batches.WRITES)


def _limit(request: AWSPreparedRequest, **_: Any) -> None:
    punctual.limit(request, READ_SECONDS)


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
