"""The ASGI application of the local runner: HTTP in, invocations of the functions' workers out."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import replace
from typing import Any

from infra.local.events import Answer, MalformedAnswerError, Request, answer_of, with_gateway_headers
from infra.local.gateway import MAX_BODY_BYTES, Gateway
from infra.local.pool import Pool, WorkerFailedError, WorkerTimedOutError
from infra.local.template import Schedule

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class App:
    """Serves the gateway's routes below its stage, and runs the schedules while it is up."""

    def __init__(self, gateway: Gateway, pools: Mapping[str, Pool], schedules: list[Schedule]) -> None:
        self._gateway = gateway
        self._pools = pools
        self._schedules = schedules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        tasks = [asyncio.create_task(self._repeat(schedule)) for schedule in self._schedules]
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for pool in self._pools.values():
            await pool.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _repeat(self, schedule: Schedule) -> None:
        while True:
            await asyncio.sleep(schedule.seconds)
            event = {"source": "aws.events", "detail-type": "Scheduled Event", "resources": [schedule.name]}
            try:
                await self._pools[schedule.function].invoke(event)
            except (WorkerFailedError, WorkerTimedOutError) as error:
                print(f"{schedule.name}: {error}", file=sys.stderr)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.monotonic()
        request = await self._read(scope, receive)
        answer = await self._answer(request)
        headers = {"content-length": str(len(answer.body)), "x-amzn-requestid": request.request_id}
        pairs = [pair for pair in answer.headers if pair[0].lower() not in headers] + list(headers.items())
        encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
        await send({"type": "http.response.start", "status": answer.status, "headers": encoded})
        await send({"type": "http.response.body", "body": answer.body})
        milliseconds = round((time.monotonic() - started) * 1000)
        print(f"{request.method} {scope['path']} {answer.status} {milliseconds} ms", file=sys.stderr)

    async def _read(self, scope: Scope, receive: Receive) -> Request:
        """The request; of a body over the gateway's limit as much as shows that it is over."""
        body = bytearray()
        more = True
        while more and len(body) <= MAX_BODY_BYTES:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        client = (scope.get("client") or ("127.0.0.1", 0))[0]
        port = (scope.get("server") or ("127.0.0.1", 0))[1]
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        return Request(
            method=scope["method"],
            path=scope["raw_path"].decode("latin-1"),
            query=scope["query_string"].decode("latin-1"),
            headers=with_gateway_headers(headers, client, port),
            body=bytes(body),
            source_ip=client,
        )

    async def _answer(self, request: Request) -> Answer:
        stage = f"/{self._gateway.api.stage}"
        if not request.path.startswith(f"{stage}/"):
            return self._gateway.answer("MISSING_AUTHENTICATION_TOKEN", request)
        admitted = self._gateway.admit(replace(request, path=request.path.removeprefix(stage)))
        if isinstance(admitted, Answer):
            return admitted
        try:
            return answer_of(await self._pools[admitted.function].invoke(admitted.event, request.request_id))
        except WorkerTimedOutError as error:
            print(error, file=sys.stderr)
            return self._gateway.answer("INTEGRATION_TIMEOUT", request)
        except (WorkerFailedError, MalformedAnswerError) as error:
            print(f"{admitted.function}: {error}", file=sys.stderr)
            return self._gateway.answer("INTEGRATION_FAILURE", request)
