"""The app behind the adapter in the tests of the local runner; it says what it sees, streams, and fails on demand."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route


async def ready(request: Request) -> Response:
    return PlainTextResponse("ready")


async def seen(request: Request) -> Response:
    """The request as it arrived; the headers' names and values as they were, repeated ones too."""
    headers = [[name.decode(), value.decode("latin-1")] for name, value in request.headers.raw]
    body = await request.body()
    told = {"headers": headers, "path": request.scope["raw_path"].decode(), "query": str(request.query_params)}
    told |= {"method": request.method, "body": body.decode(), "environment": dict(os.environ), "pid": os.getpid()}
    return JSONResponse(told, 404 if "missing" in request.query_params else 200, {"Set-Cookie": "a=1"})


async def count(request: Request) -> Response:
    """So many pieces; the next one follows when the file of its number is there, where a folder is named."""

    async def pieces() -> AsyncIterator[str]:
        for number in range(int(request.query_params["to"])):
            while number and folder and not (Path(folder) / str(number)).exists():
                await asyncio.sleep(0.01)
            yield f"piece {number}\n"

    folder = request.query_params.get("folder")
    return StreamingResponse(pieces(), media_type="text/event-stream")


async def endless(request: Request) -> Response:
    """Pieces of 64 KB without end; a file grows by a byte for each, and another is there once the client has left."""
    sent, left = (Path(request.query_params[name]) for name in ("sent", "left"))

    async def pieces() -> AsyncIterator[bytes]:
        try:
            with sent.open("ab", buffering=0) as file:
                while True:
                    yield b"x" * 65536
                    file.write(b".")
                    await asyncio.sleep(0)  # uvicorn drops without a pause what nobody takes any more
        finally:
            left.touch()

    return StreamingResponse(pieces())


async def silent(request: Request) -> Response:
    """A piece and then nothing, until the client has left: then a file is there."""

    async def pieces() -> AsyncIterator[str]:
        try:
            yield "begun"
            await asyncio.sleep(60)
        finally:
            Path(request.query_params["left"]).touch()

    return StreamingResponse(pieces())


async def late(request: Request) -> Response:
    await asyncio.sleep(float(request.query_params["seconds"]))
    return PlainTextResponse("at last")


async def die(request: Request) -> Response:
    """Die in the middle of a stream, or before its head."""

    async def pieces() -> AsyncIterator[str]:
        yield "begun"
        await asyncio.sleep(0.2)
        os._exit(3)

    if "early" in request.query_params:
        os._exit(3)
    return StreamingResponse(pieces())


async def fail(request: Request) -> Response:
    raise ValueError("on demand")


METHODS = ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"]
app = Starlette(
    routes=[
        Route("/ready", ready),
        *(
            Route(f"/stream/{route.__name__}", route, methods=METHODS)
            for route in (seen, count, endless, silent, late, die, fail)
        ),
    ]
)
