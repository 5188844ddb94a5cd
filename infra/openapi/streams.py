"""The routes of the function that streams: an ASGI app, of whose routes Powertools knows nothing."""

import inspect
import json
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.event_handler.openapi.params import Body

from chatkeep.http.problems import documented
from functions.stream.app import ROUTES, Streamed

EVENTS = {"text/event-stream": {"schema": {"type": "string"}}}
FUNCTIONS = {(route.method.lower(), route.path): route.handle for route in ROUTES}
"""By method and path."""


def add(document: dict[str, Any]) -> None:
    """Add the routes and their schemas to `document` in place."""
    resolver = APIGatewayRestResolver(enable_validation=True)
    for route in ROUTES:
        resolver.route(
            route.path.replace("{", "<").replace("}", ">"),
            method=route.method,
            responses=_responses(route),
        )(_like(route))
    described = json.loads(resolver.get_openapi_json_schema(title="", version=""))
    document["paths"] |= described["paths"]
    document["components"]["schemas"] |= described["components"]["schemas"]


def _responses(route: Streamed) -> dict[int, Any]:
    responses: dict[int, Any] = {**documented(*route.errors)}
    responses[200] = {"description": "A stream of server-sent events", "content": EVENTS}
    if route.has_nothing:
        responses[204] = {"description": "Nothing runs"}
    return responses


def _like(route: Streamed) -> Any:
    """A function with the parameters of the route, by which Powertools describes it."""

    def described() -> None: ...

    names = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
    annotations: dict[str, Any] = dict.fromkeys(names, str)
    if route.body is not None:
        annotations["body"] = Annotated[route.body, Body()]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(name, kind, annotation=annotation) for name, annotation in annotations.items()]
    described.__name__ = route.handle.__name__
    described.__annotations__ = {**annotations, "return": None}
    described.__signature__ = inspect.Signature(parameters, return_annotation=None)  # type: ignore[attr-defined]
    return described
