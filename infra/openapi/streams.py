"""The routes of the function that streams: an ASGI app, of whose routes Powertools knows nothing."""

import inspect
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.event_handler.openapi.params import Body

from chatkeep.http.problems import documented
from chatkeep.idempotency import KEY_HEADER
from functions.stream.app import ROUTES, Streamed
from infra.openapi import problems

EVENTS = {"text/event-stream": {"schema": {"type": "string"}}}
WORDS = {"text/plain; charset=utf-8": {"schema": {"type": "string", "description": "The problem's `detail`"}}}
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


def leave_out_keys(document: dict[str, Any]) -> None:
    """Say of no route that it takes a key where it does not."""
    for route in (one for one in ROUTES if not one.takes_key):
        operation = document["paths"][route.path][route.method.lower()]
        operation["parameters"] = [one for one in operation["parameters"] if one["name"] != KEY_HEADER]


def put_in_plain_words(document: dict[str, Any], gateway: Mapping[str, Any]) -> None:
    """Say in place which problems are words alone: of some routes, those that the gateway does not answer for them."""
    theirs = {str(one["status"]) for one in problems.bodies(gateway)} - {problems.OF_ROUTES_ALONE}
    for route in (one for one in ROUTES if one.in_plain_words):
        responses = document["paths"][route.path][route.method.lower()]["responses"]
        for status in (str(one) for one in documented(*route.errors) if one >= HTTPStatus.BAD_REQUEST):
            problem = document["components"]["responses"][responses[status]["$ref"].rpartition("/")[2]]
            either = problem["content"] if status in theirs else {}
            responses[status] = {**problem, "content": {**WORDS, **either}}


def _responses(route: Streamed) -> dict[int, Any]:
    responses: dict[int, Any] = {**documented(*route.errors)}
    responses[200] = {"description": "A stream of server-sent events", "content": EVENTS}
    if route.has_nothing:
        responses[204] = {"description": "Nothing runs", "content": {}}
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
