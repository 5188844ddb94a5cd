"""The table of a saver: the client for it, requests side by side, and the payloads from it that stay in memory.

A warm process need not read a whole thread each turn.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from chatkeep.checkpoint_items.table import PARTITION, SORT
from chatkeep.checkpointer.codec import Codec, Digested, Frame, size
from chatkeep.checkpointer.forks import renew_in_children

T = TypeVar("T")
_REQUESTS = {
    "batch_get_item", "batch_write_item", "get_item", "put_item", "query", "scan", "transact_write_items",
    "update_item",
}  # fmt: skip
_ABOUT_KEYS = re.compile(
    "key schema|the schema|missing the key|key condition not supported|no sort key"
    "|required keys was not given|number of conditions on the keys",
    re.IGNORECASE,
)
_NAME_BYTES, _ROW_BYTES, _FRAME_BYTES = 500, 350, 130  # of memory for each besides its content


class TableClient:
    """The client with its own attributes; requests raise ValueError for a table that cannot be a saver's.

    A forked process has connections of its own.
    """

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


class PayloadCache:
    """Rows by generation, and values by key, of threads; safe for threads. The least recently used goes first.

    A value's key is never written again. A row's may be, after a branch was removed: whoever takes rows from here has
    to check the list that they make.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self.renew()
        renew_in_children(self)

    def renew(self) -> None:
        """Be empty: a thread of the parent may have been about to change something at the fork."""
        self._lock = threading.Lock()
        self._rows: OrderedDict[tuple[str, str], dict[int, Digested]] = OrderedDict()
        self._bytes = 0

    def rows(self, thread_id: str, name: str) -> dict[int, Digested]:
        """The rows of a generation that are there, by the positions of their first elements."""
        with self._lock:
            found = self._rows.get((thread_id, name))
            if not found:
                return {}
            self._rows.move_to_end((thread_id, name))
            return dict(found)

    def add(self, thread_id: str, name: str, rows: Mapping[int, Digested]) -> None:
        if not self._most_bytes:
            return
        with self._lock:
            if (thread_id, name) not in self._rows:
                self._rows[thread_id, name] = {}
                self._bytes += _NAME_BYTES
            kept = self._rows[thread_id, name]
            for position, row in rows.items():
                self._bytes += _weight(row) - (_weight(kept[position]) if position in kept else 0)
                kept[position] = row
            self._rows.move_to_end((thread_id, name))
            while self._bytes > self._most_bytes:
                self._drop(next(iter(self._rows)))

    def frame(self, thread_id: str, key: str) -> Frame | None:
        """A value that is not a list."""
        found = self.rows(thread_id, key)
        return found[0].frames[0] if found else None

    def add_frame(self, thread_id: str, key: str, frame: Frame) -> None:
        """A value that is not a list: the only element of a row, whose digest nobody asks for."""
        self.add(thread_id, key, {0: Digested([frame], b"")})

    def forget(self, thread_id: str) -> None:
        with self._lock:
            for place in [place for place in self._rows if place[0] == thread_id]:
                self._drop(place)

    def _drop(self, place: tuple[str, str]) -> None:
        self._bytes -= _NAME_BYTES + sum(map(_weight, self._rows.pop(place).values()))


def _weight(row: Digested) -> int:
    return _ROW_BYTES + size(row.frames) + _FRAME_BYTES * len(row.frames)


@dataclass(frozen=True)
class Storage:
    """A saver's table, and the codec, threads and cache for requests to it."""

    client: Any
    table: str
    codec: Codec
    start: Callable[[Callable[[], Any]], "Future[Any]"]
    cache: PayloadCache

    def side_by_side(self, jobs: Sequence[Callable[[], T]]) -> list[T]:
        """The results of all jobs in their order; a single one runs in this thread. Raises the first failure."""
        if len(jobs) < 2:
            return [job() for job in jobs]
        contexts = [copy_context() for _ in jobs]  # the request's deadline is in them
        started = [self.start(partial(context.run, job)) for context, job in zip(contexts, jobs, strict=True)]
        try:
            return [one.result() for one in started]
        finally:
            for one in started:
                one.cancel()
