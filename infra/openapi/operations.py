"""Operations: names, descriptions and tags from the routes' functions, and the parameters that many have."""

import importlib
import inspect
import re
from typing import Any

from chatkeep.formats import SESSION_ID
from chatkeep.http.caller import LONGEST_KEY
from chatkeep.idempotency import KEY_HEADER
from infra.local.template import load_functions, load_routes
from infra.openapi import streams
from infra.openapi.stack import STACK

TAGS = {
    "sessions": "Conversations with their settings",
    "messages": "Turns, and the transcript they make",
    "feedback": "Ratings of answers",
    "deletions": "What goes for good, and the receipts of it",
    "usage": "Usage of agents that run elsewhere",
    "preferences": "The settings that new sessions start with",
    "models": "The models that sessions may name",
    "stats": "Counters of a session, a user and a day",
}
_TAG_OF = {
    **{name: name for name in TAGS},
    "ag-ui": "messages",
    "bulk": "sessions",
    "cancel": "messages",
    "chat": "messages",
    "compact": "messages",
    "daily": "stats",
    "me": "deletions",
    "restore": "sessions",
    "stream": "messages",
    "thread-config": "sessions",
    "turns": "messages",
}
"""By the last fixed part of a path."""
_PATH_PARAMETERS = {
    "deletion_id": ("The deletion's id", {"format": "uuid"}),
    "message_id": ("The message's id", {"format": "uuid"}),
    "session_id": ("The session's id: a UUID, or what its client chose", {"pattern": SESSION_ID}),
    "turn_id": ("The turn's id", {"format": "uuid"}),
}
IDEMPOTENCY_KEY = {
    "name": KEY_HEADER,
    "in": "header",
    "required": False,
    "description": "Printable characters of the client's choice. The same key and body gets the first answer and "
    "changes nothing; the same key with another body is refused.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
}


def describe(document: dict[str, Any]) -> None:
    """Complete the operations of `document` in place."""
    modules = _modules()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if (method, path) not in modules:
                raise LookupError(f"template.yaml sends {method.upper()} {path} to no function")
            name, function = _function(operation, modules[method, path], method, path)
            operation |= {"operationId": name, "tags": [_tag(path)], **_documentation(function)}
            _complete_parameters(operation, method)


def _function(operation: dict[str, Any], module: str, method: str, path: str) -> tuple[str, Any]:
    """The name by which the operation is known, and the function that carries it out."""
    if streamed := streams.FUNCTIONS.get((method, path)):
        return streamed.__name__, streamed
    # Powertools' own is the function's name, the path and the method; names of functions are told apart here.
    name = operation["operationId"].removesuffix(re.sub(r"\W", "_", path) + f"_{method}")
    return name, getattr(importlib.import_module(module), name)


def _modules() -> dict[tuple[str, str], str]:
    """The module of each route's function."""
    modules = {name: function.module for name, function in load_functions(STACK).items()}
    return {(route.method.lower(), route.path): modules[route.function] for route in load_routes(STACK)}


def _documentation(function: Any) -> dict[str, str]:
    first, *others = (inspect.getdoc(function) or "").split("\n\n")
    summary, *paragraphs = (" ".join(one.split()) for one in (first, *others))
    return {"summary": summary.removesuffix("."), "description": "\n\n".join(paragraphs or [summary])}


def _complete_parameters(operation: dict[str, Any], method: str) -> None:
    parameters = operation.get("parameters", [])
    for parameter in parameters:
        parameter["schema"] = _plain(parameter["schema"])
        if parameter["in"] == "path":
            parameter["description"], form = _PATH_PARAMETERS[parameter["name"]]
            parameter["schema"] |= form
    if method == "post":
        operation["parameters"] = [*parameters, IDEMPOTENCY_KEY]


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Without what the parameter itself says, and without null, which no query string can."""
    kinds = [kind for kind in schema.pop("anyOf", []) if kind != {"type": "null"}]
    return {name: value for name, value in schema.items() if name not in ("title", "description")} | dict(*kinds)


def _tag(path: str) -> str:
    last = [part for part in path.split("/") if not part.startswith("{")][-1]
    if last not in _TAG_OF:
        raise LookupError(f"{path} has no tag in {__name__}")
    return _TAG_OF[last]
