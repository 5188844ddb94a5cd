"""A client of DynamoDB for one table: its errors name the table, and a forked process has connections of its own."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from chatkeep.checkpoint_items.table import PARTITION, SORT
from chatkeep.checkpointer.forks import renew_in_children

_REQUESTS = {
    "batch_get_item", "batch_write_item", "get_item", "put_item", "query", "scan", "transact_write_items",
    "update_item",
}  # fmt: skip
_ABOUT_KEYS = re.compile("key schema|the schema|missing the key|key condition not supported", re.IGNORECASE)


class TableClient:
    """The client with its own attributes; requests raise ValueError for a table that cannot be a saver's."""

    def __init__(self, client: Any, table: str) -> None:
        if not all(hasattr(client, name) for name in _REQUESTS):
            raise TypeError(f'client has to be one of boto3.client("dynamodb"), and is {client!r}')
        self.client = client
        self._table = table
        self._is_forked = False
        renew_in_children(self)

    def renew(self) -> None:
        self._is_forked = True

    def __getattr__(self, name: str) -> Any:
        if self._is_forked:
            self._is_forked = False
            self.client.close()  # the parent goes on with the connections that are open
        found = getattr(self.client, name)
        return partial(self._send, found) if name in _REQUESTS else found

    def _send(self, request: Callable[..., Any], **arguments: Any) -> Any:
        try:
            return request(**arguments)
        except ClientError as error:
            if explained := self._explained(error):
                raise ValueError(explained) from error
            raise

    def _explained(self, error: ClientError) -> str | None:
        code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
        reasons = [one.get("Message") or "" for one in error.response.get("CancellationReasons", [])]
        if code == "ResourceNotFoundException":
            return f"there is no table {self._table!r} here: DynamoDBSaver.create_table makes it"
        if code in ("ValidationException", "TransactionCanceledException") and any(
            map(_ABOUT_KEYS.search, [message, *reasons])
        ):
            return f"table {self._table!r} has other keys than {PARTITION} and {SORT}, both strings: {message}"
        return None
