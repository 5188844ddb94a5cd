"""The caller of a request: user, groups and idempotency key."""

import hashlib
import json
import re
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from chatkeep import ids
from chatkeep.errors import AccessDeniedError, FieldProblem, InvalidFieldError, UnauthorizedError
from chatkeep.idempotency import KEY_HEADER, Claim
from chatkeep.text import valid

LONGEST_KEY = 255
LONGEST_USER_BYTES = 1024
"""Half of DynamoDB's limit for a key, in which a user's id stands beside others. OpenID Connect allows 255."""
GROUPS_CLAIM = "cognito:groups"
NAME_CLAIMS = ("name", "given_name")
LONGEST_NAME = 100
"""Characters of a user's name in a prompt."""
JOINERS = "\u200c\u200d"
"""Invisible, and yet part of words in some scripts."""
BRACKETED = re.compile(r"\[(.*)\]", re.DOTALL)


def user_id(event: APIGatewayProxyEvent) -> str:
    """The `sub` that the authorizer took from the token. Raises UnauthorizedError for one that no key can hold."""
    subject = str(event.request_context.authorizer.claims["sub"])
    if valid(subject) != subject or not 1 <= len(subject.encode()) <= LONGEST_USER_BYTES:
        raise UnauthorizedError(f"the token's `sub` must be 1 to {LONGEST_USER_BYTES} bytes of valid Unicode")
    return subject


def user_name(event: APIGatewayProxyEvent) -> str | None:
    """The user's name by the token, `name` or else `given_name`, on one line of visible characters; None without any.

    An access token has none, as Cognito gives names in id tokens alone.
    """
    claims = event.request_context.authorizer.claims
    found = (_visible(claims.get(claim)) for claim in NAME_CLAIMS)
    return next(filter(None, found), None)


def _visible(told: Any) -> str:
    """The text without what nobody sees, such as control characters and line ends; "" for anything but text."""
    if not isinstance(told, str):
        return ""
    shown = "".join(one if one in JOINERS or one.isprintable() else " " for one in valid(told))
    return " ".join(shown.split())[:LONGEST_NAME].strip()


def about(event: APIGatewayProxyEvent) -> dict[str, str | None]:
    """The fields of a request's log lines beside its ids: the route, and the session by its stored id.

    Everything else is the caller's own, an id that the caller chose included.
    """
    told: dict[str, str | None] = {"route": f"{event.http_method} {event.resource}", "session_id": None}
    with suppress(UnauthorizedError):
        if named := event.path_parameters.get("session_id"):
            told["session_id"] = ids.of_session(user_id(event), unquote(named))
    return told


def groups(event: APIGatewayProxyEvent) -> frozenset[str]:
    """The caller's groups in the user pool, whose administrator names them.

    A REST API passes the list as `a,b`, an HTTP API as `[a b]`. No name contains blanks.
    """
    told = event.request_context.authorizer.claims.get(GROUPS_CLAIM) or ()
    if isinstance(told, str):
        listed = BRACKETED.fullmatch(told.strip())
        told = re.split(r"[,\s]+", listed[1]) if listed else told.split(",")
    return frozenset(str(one).strip() for one in told)


def require_group(event: APIGatewayProxyEvent, group: str) -> None:
    """Raises AccessDeniedError unless the caller is in `group`; an empty `group` admits nobody."""
    if not group or group not in groups(event):
        raise AccessDeniedError("this route is for a group of the user pool that the caller is not in")


def claim(event: APIGatewayProxyEvent, body: Any) -> Claim | None:
    """The request's claim, or None without a key. A key belongs to its caller, method and path.

    Raises InvalidFieldError for a key that is not 1 to 255 printable characters.
    """
    key = event.headers.get(KEY_HEADER)
    if key is None:
        return None
    if not 1 <= len(key) <= LONGEST_KEY or not key.isprintable():
        raise InvalidFieldError(FieldProblem(KEY_HEADER, f"must be 1 to {LONGEST_KEY} printable characters"))
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return Claim(
        id=ids.derived(user_id(event), event.http_method, event.path, key),
        fingerprint=hashlib.sha256(canonical.encode()).hexdigest(),
    )
