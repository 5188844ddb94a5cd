"""Receives the requests of one connection, each whole, within the limits and in time, or not at all."""

import asyncio
import re
import time
from dataclasses import dataclass
from typing import Any

import h11

from infra.local import headers, limits
from infra.local.events import Request
from infra.local.gateway import RefusedError

_CHUNK = 64 * 1024
_AUTHORITY = re.compile("https?://[^/?]*", re.IGNORECASE)


@dataclass(frozen=True)
class Patience:
    """Time limits of a client, in seconds."""

    idle: float = 60
    """To begin a request."""
    request: float = 30
    """From a request's first byte to its last."""
    answer: float = 120
    """To take an answer."""
    refusal: float = 5
    """To stop sending a request that was refused before its end."""
    stream: float = limits.STREAM_IDLE_SECONDS
    """To take the next piece of a stream, once that has come; both together have this time."""


class Reception:
    """Reads requests from `reader` through `machine`; `subject` describes the current one for the log."""

    def __init__(
        self, machine: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, patience: Patience
    ) -> None:
        self._machine = machine
        self._reader = reader
        self._writer = writer
        self._patience = patience
        self.subject = "-"

    async def next(self) -> Request | None:
        """The next request, or None where the client begins none. Raises RefusedError."""
        self.subject = "-"
        if not self._machine.trailing_data[0] and not await self._begins():
            return None
        try:
            async with asyncio.timeout(self._patience.request):
                return await self._read()
        except TimeoutError:
            late = f"its end did not come within {self._patience.request} seconds"
            raise RefusedError("REQUEST_TIMEOUT", late) from None
        except h11.RemoteProtocolError as error:
            kind = "REQUEST_TOO_LARGE" if error.error_status_hint == 431 else "BAD_REQUEST"
            raise RefusedError(kind, str(error)) from error
        except ConnectionError:
            raise RefusedError("BAD_REQUEST", "the client left before its end") from None

    async def drain(self) -> None:
        """Discard the rest of a refused request: closing with unread data would destroy the answer on its way."""
        try:
            async with asyncio.timeout(self._patience.refusal):
                while await self._reader.read(_CHUNK):
                    pass
        except OSError:  # it took too long, or the client has left
            return

    async def left(self) -> None:
        """Wait for the client to leave while it is answered; the beginning of another request is kept for later."""
        try:
            data = await self._reader.read(_CHUNK)
        except ConnectionError:
            return
        if data:
            self._machine.receive_data(data)
            await asyncio.Future()  # it is seen again when it takes no more of its answer

    async def _begins(self) -> bool:
        try:
            async with asyncio.timeout(self._patience.idle):
                data = await self._reader.read(_CHUNK)
        except OSError:
            return False
        if data:
            self._machine.receive_data(data)
        return bool(data)

    async def _read(self) -> Request:
        head = await self._event()
        if not isinstance(head, h11.Request):
            raise h11.RemoteProtocolError("it is none")
        received_at = time.time()
        method, target = head.method.decode(), head.target.decode()
        path, _, query = _AUTHORITY.sub("", target, count=1).partition("?")
        self.subject = f"{method} {path}"
        given = [(name.decode(), value.decode("latin-1")) for name, value in head.headers]
        _check(target, given)
        return Request(
            method=method,
            path=path,
            query=query,
            headers=headers.for_function(given, *self._ends()),
            body=await self._body(),
            source_ip=self._ends()[0],
            received_at=received_at,
        )

    async def _body(self) -> bytes:
        body = bytearray()
        while not isinstance(event := await self._event(), h11.EndOfMessage):
            body += event.data
            if len(body) > limits.MAX_REQUEST_BYTES:
                raise RefusedError("REQUEST_TOO_LARGE")
        return bytes(body)

    async def _event(self) -> Any:
        """The next event of a request. Raises RemoteProtocolError if it is malformed or cut off."""
        event = self._machine.next_event()
        while event is h11.NEED_DATA:
            if self._machine.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[], reason="Continue")
                self._writer.write(self._machine.send(go_on) or b"")
            data = await self._reader.read(_CHUNK)
            self._machine.receive_data(data)
            event = self._machine.next_event()
            if event is h11.NEED_DATA and not data:
                raise h11.RemoteProtocolError("it ends in its middle")
        return event

    def _ends(self) -> tuple[str, int]:
        """The client's address and the called port."""
        client, own = self._writer.get_extra_info("peername"), self._writer.get_extra_info("sockname")
        return client[0], own[1]


def _check(target: str, given: headers.Pairs) -> None:
    """Raises RefusedError for a request that API Gateway refuses before reading its body."""
    declared = next((int(value) for name, value in given if name == "content-length"), 0)
    if (
        len(target) > limits.MAX_URL_CHARACTERS
        or limits.header_bytes(given) > limits.MAX_HEADER_BYTES
        or declared > limits.MAX_REQUEST_BYTES
    ):
        raise RefusedError("REQUEST_TOO_LARGE")
