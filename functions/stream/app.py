"""Stream: turns whose answers come word by word, in the words of the front ends that read them.

An ASGI app, which the Lambda Web Adapter calls on AWS: Lambda's own Python runtime cannot stream.
"""

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from functions.stream import native
from functions.stream.call import Call
from functions.stream.serving import AsWritten, Served, no_route

Handle = Callable[[Call], Awaitable[Response]]
ROUTES: tuple[tuple[str, str, Handle], ...] = (
    ("POST", "/sessions/{session_id}/messages/stream", native.send_message),
    ("GET", "/sessions/{session_id}/turns/{turn_id}/stream", native.follow_turn),
)


async def _ready(_: object) -> Response:
    """Answer the adapter, which asks until the app listens."""
    return PlainTextResponse("ready")


_starlette = Starlette(
    routes=[
        Route("/ready", _ready),
        *(Route(path, Served(path, handle), methods=[method]) for method, path, handle in ROUTES),
    ],
    exception_handlers={},
)
_starlette.router.default = no_route
_starlette.router.redirect_slashes = False
app = AsWritten(_starlette)
