"""One client's connection: its requests one after the other, and the answer to each."""

import asyncio
import sys
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from email.utils import formatdate
from http import HTTPStatus
from typing import Protocol

import h11

from infra.local.adapter import Streamed
from infra.local.events import Answer, Request
from infra.local.functions import cancelled
from infra.local.gateway import RefusedError
from infra.local.reception import Patience, Reception

_MAX_HEAD_BYTES = 64 * 1024
"""Of a request line and headers that are read at all; the limits on them are far lower."""
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_WITHOUT_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


class Application(Protocol):
    """Whatever is behind a server's connections."""

    async def answer(self, request: Request) -> Answer | Streamed:
        """The answer to a whole request."""

    def refuse(self, kind: str, request_id: str) -> Answer:
        """The answer to one that is not carried out; `kind` is that of RefusedError."""


class Connection:
    """`is_waiting` while it is the client's turn: then nobody misses anything when the connection ends."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, app: Application, patience: Patience
    ) -> None:
        self.writer = writer
        self._app = app
        self._patience = patience
        self._machine = h11.Connection(h11.SERVER, _MAX_HEAD_BYTES)
        self._reception = Reception(self._machine, reader, writer, patience)
        self._is_ending = False
        self.is_waiting = True
        self.task = asyncio.create_task(self._run())
        writer.transport.set_write_buffer_limits(high=0)  # so that an answer counts as taken when all of it has left

    async def _run(self) -> None:
        """Answer requests until either side has had enough."""
        try:
            while await self._exchange():
                self._machine.start_next_cycle()
        except OSError:  # the client has left, or does not take its answer
            self.writer.transport.abort()
        finally:
            self.writer.close()

    def end(self) -> None:
        """Answer the request that is being answered, and take no more."""
        self._is_ending = True
        if self.is_waiting:
            self.task.cancel()

    async def _exchange(self) -> bool:
        """Whether another request may follow."""
        self.is_waiting = True
        try:
            request = await self._reception.next()
        except RefusedError as refusal:
            await self._refuse(refusal)
            return False
        if request is None:
            return False
        self.is_waiting = False
        started = time.monotonic()
        answer = await self._app.answer(request)
        if isinstance(answer, Streamed):
            await self._stream(answer, request, started)
        else:
            self._log(answer, _since(started))
            await self._send(answer, request.request_id, is_last=self._is_ending, is_head=request.method == "HEAD")
        return self._machine.our_state is h11.DONE and not self._is_ending

    async def _refuse(self, refusal: RefusedError) -> None:
        request_id = str(uuid.uuid4())
        answer = self._app.refuse(refusal.kind, request_id)
        self._log(answer, f"not carried out: {refusal.reason or refusal.kind}")
        await self._send(answer, request_id, is_last=True)
        with suppress(OSError):
            self.writer.write_eof()
        await self._reception.drain()

    async def _send(self, answer: Answer, request_id: str, *, is_last: bool, is_head: bool = False) -> None:
        """Raises OSError where the client does not take it, in time or at all."""
        has_body = answer.status not in _WITHOUT_BODY
        own = {"content-length": str(len(answer.body))} if has_body else {}
        head = _head(answer, request_id, own, is_last=is_last)
        body = h11.Data(data=answer.body if has_body and not is_head else b"")
        async with asyncio.timeout(self._patience.answer):
            await self._write(head, body, h11.EndOfMessage())

    async def _stream(self, answer: Streamed, request: Request, started: float) -> None:
        """Pass it on, as fast as the client takes it. Raises OSError where either side leaves or time is over."""
        sending = asyncio.create_task(self._pieces(answer, request))
        leaving = asyncio.create_task(self._reception.left())
        end = "cut"
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                raise ConnectionAbortedError("the client has left")
            sending.result()
            end = "streamed"
        finally:
            await cancelled({sending, leaving})
            answer.close()
            self._log(answer, f"{end} after {_since(started)}")

    async def _pieces(self, answer: Streamed, request: Request) -> None:
        """Write one piece after the other: none is asked for before the one before has left this process."""
        has_body = answer.status not in _WITHOUT_BODY and request.method != "HEAD"
        async with asyncio.timeout_at(answer.ends_at):
            await self._write(_head(answer, request.request_id, {}, is_last=self._is_ending))
            while has_body:
                async with asyncio.timeout(self._patience.stream):
                    piece = await anext(answer.pieces, None)
                    if piece is None:
                        break
                    await self._write(h11.Data(data=piece))
            await self._write(h11.EndOfMessage())

    async def _write(self, *events: h11.Event) -> None:
        self.writer.write(b"".join(self._machine.send(event) or b"" for event in events))
        await self.writer.drain()

    def _log(self, answer: Answer | Streamed, note: str) -> None:
        print(f"{self._reception.subject} {answer.status} {note}", file=sys.stderr)


def _head(answer: Answer | Streamed, request_id: str, framing: Mapping[str, str], *, is_last: bool) -> h11.Response:
    """The head with the gateway's own headers; without `framing` the body is chunked, or ends with the connection."""
    own = {"date": formatdate(usegmt=True), "x-amzn-requestid": request_id, **framing}
    own |= {"connection": "close"} if is_last else {}
    pairs = [*((name.lower(), value) for name, value in answer.headers if name.lower() not in own), *own.items()]
    return h11.Response(
        status_code=answer.status,
        headers=[(name.encode(), value.encode("latin-1")) for name, value in pairs],
        reason=_PHRASES.get(answer.status, ""),
    )


def _since(started: float) -> str:
    return f"{round((time.monotonic() - started) * 1000)} ms"
