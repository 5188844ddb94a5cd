"""Stream: turns whose answers come word by word, in the words of the front ends that read them.

An ASGI app, which the Lambda Web Adapter calls on AWS: Lambda's own Python runtime cannot stream.
"""

from dataclasses import dataclass

from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from chatkeep.agent.settings import settings
from functions.stream import ag_ui, ai_sdk, native
from functions.stream.bodies import NewChat, NewRun
from functions.stream.schemas import NewStreamedMessage
from functions.stream.serving import AsWritten, Handle, Served, Show, as_json, broken, in_words, no_route

settings()  # what cannot be read fails at start, and not a turn


@dataclass(frozen=True)
class Streamed:
    """A route: the function that answers it, and what the API's document says of it beside that function's words.

    `errors` are the statuses of its problems that not every route has; `has_nothing` says that it may answer 204,
    `in_plain_words` that it answers a problem's words alone, and `takes_key` that `Idempotency-Key` counts.
    """

    method: str
    path: str
    handle: Handle
    body: type[BaseModel] | None = None
    errors: tuple[int, ...] = (404, 500)
    has_nothing: bool = False
    in_plain_words: bool = False
    takes_key: bool = True

    @property
    def show(self) -> Show:
        """How its problems are answered."""
        return in_words if self.in_plain_words else as_json


ROUTES = (
    Streamed(
        "POST", "/sessions/{session_id}/messages/stream", native.stream_message, NewStreamedMessage, (404, 409, 500)
    ),
    Streamed("GET", "/sessions/{session_id}/turns/{turn_id}/stream", native.stream_turn),
    Streamed("POST", "/chat", ai_sdk.stream_chat, NewChat, (404, 409, 500), in_plain_words=True),
    Streamed("GET", "/chat/{session_id}/stream", ai_sdk.stream_running_chat, has_nothing=True, in_plain_words=True),
    Streamed("POST", "/ag-ui", ag_ui.stream_run, NewRun, (404, 409, 500), takes_key=False),
)


async def _ready(_: object) -> Response:
    """Answer the adapter, which asks until the app listens."""
    return PlainTextResponse("ready")


_starlette = Starlette(
    routes=[
        Route("/ready", _ready),
        *(Route(one.path, Served(one.path, one.handle, one.show), methods=[one.method]) for one in ROUTES),
    ],
    exception_handlers={Exception: broken},
)
_starlette.router.default = no_route
_starlette.router.redirect_slashes = False
app = AsWritten(_starlette)
