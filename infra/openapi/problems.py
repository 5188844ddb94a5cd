"""Problems: their codes, and the responses of each status with their headers."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chatkeep.errors import ChatkeepError
from chatkeep.http.problems import CONTENT_TYPE, REASONS
from infra.openapi.examples import PROBLEMS

CODE = "ProblemCode"
REQUEST_ID = "x-amzn-RequestId"
HEADERS = {
    REQUEST_ID: "The request's id, which the logs have too",
    "Retry-After": "Seconds after which the same request may succeed; not there where it will not",
    "WWW-Authenticate": "The scheme of the token that is needed",
}
_RETRIED = ("409", "429", "503")
OF_ROUTES_ALONE = "404"
"""The status of a missing route: a route answers it only for reasons of its own."""
_OF_BODIES = "413"
Document = dict[str, Any]


@dataclass(frozen=True)
class Meaning:
    """The meaning of a problem's code, and its status."""

    code: str
    status: int
    text: str


def meanings(gateway: Mapping[str, Any]) -> list[Meaning]:
    """Each code once: the functions' own, then those of the gateway alone."""
    own = [Meaning(one.code, one.status, _meaning(one)) for one in _tree(ChatkeepError)]
    theirs = [Meaning(one["code"], one["status"], _sentence(one["detail"])) for one in bodies(gateway)]
    first = {one.code: one for one in reversed([*own, *theirs])}
    return sorted(first.values(), key=lambda one: (one.status, one.code))


def bodies(gateway: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The problems that the gateway answers in a function's place."""
    return [json.loads(one["ResponseTemplates"]["application/json"]) for one in gateway.values()]


def describe(document: Document, gateway: Mapping[str, Any]) -> None:
    """Complete the responses and the problems of `document` in place; `gateway` is the template's responses."""
    known, theirs = meanings(gateway), bodies(gateway)
    everywhere = {str(one["status"]) for one in theirs}
    used: set[str] = set()
    for operations in document["paths"].values():
        for operation in operations.values():
            used |= _complete(operation, everywhere)
    components = document["components"]
    components["headers"] = {
        name: {"description": description, "schema": {"type": "integer" if name == "Retry-After" else "string"}}
        for name, description in HEADERS.items()
    }
    components["responses"] = {_name(status): _response(status, known, theirs) for status in sorted(used)}
    components["schemas"][CODE] = _codes(known)
    code = components["schemas"]["Problem"]["properties"]["code"]
    code["$ref"] = f"#/components/schemas/{CODE}"
    del code["type"]


def _complete(operation: Document, everywhere: set[str]) -> set[str]:
    """Give an operation its responses and their headers. Returns the statuses of its problems."""
    failures = _failures(operation, everywhere)
    for response in operation["responses"].values():
        response["headers"] = _headers(REQUEST_ID)
    operation["responses"] |= {status: {"$ref": f"#/components/responses/{_name(status)}"} for status in failures}
    return failures


def _failures(operation: Document, everywhere: set[str]) -> set[str]:
    """The statuses of the problems that an operation answers: its route's, and the gateway's in its place."""
    route = {status for status in operation["responses"] if status >= "400"}
    missing = {OF_ROUTES_ALONE} if "requestBody" in operation else {OF_ROUTES_ALONE, _OF_BODIES}
    return route | (everywhere - missing)


def _response(status: str, known: list[Meaning], theirs: list[dict[str, Any]]) -> Document:
    names = [REQUEST_ID]
    names += ["Retry-After"] if status in _RETRIED else []
    names += ["WWW-Authenticate"] if status == "401" else []
    shown = [one for one in (*(error.as_problem() for error in PROBLEMS), *theirs) if str(one["status"]) == status]
    codes = ", ".join(f"`{one.code}`" for one in known if one.code in _codes_of(status, known, theirs))
    return {
        "description": f"{REASONS[int(status)]}: {codes}",
        "headers": _headers(*names),
        "content": {
            CONTENT_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                # If two share a code, the first is shown.
                "examples": {one["code"]: {"value": one} for one in reversed(shown)},
            }
        },
    }


def _codes_of(status: str, known: list[Meaning], theirs: list[dict[str, Any]]) -> set[str]:
    """The codes of a status; the gateway may answer a code with another status than the functions."""
    return {one.code for one in known if str(one.status) == status} | {
        one["code"] for one in theirs if str(one["status"]) == status
    }


def _codes(known: list[Meaning]) -> Document:
    lines = [f"- `{one.code}` ({one.status}): {one.text}" for one in known]
    return {
        "description": "\n".join(["The kind of a problem, and the status it comes with.", "", *lines]),
        "type": "string",
        "enum": [one.code for one in known],
    }


def _headers(*names: str) -> Document:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _name(status: str) -> str:
    return REASONS[int(status)].replace(" ", "")


def _tree(root: type[ChatkeepError]) -> Iterator[type[ChatkeepError]]:
    for branch in root.__subclasses__():
        yield branch
        yield from _tree(branch)


def _sentence(detail: str) -> str:
    return detail[0].upper() + detail[1:]


def _meaning(error: type[ChatkeepError]) -> str:
    return " ".join((error.__doc__ or f"{error.title}.").split()).removesuffix(".")
