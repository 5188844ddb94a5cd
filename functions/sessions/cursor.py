"""Cursors: a place in a list, signed for one list of one user."""

from contextlib import suppress

from itsdangerous import BadData, URLSafeSerializer

from chatkeep.errors import FieldProblem, InvalidFieldError
from functions.sessions.settings import settings


def seal(position: str, *listing: str) -> str:
    """An opaque cursor to `position`, good for the list that `listing` names and for no other."""
    return str(_serializer(settings().cursor_secret.current(), listing).dumps(position))


def open_sealed(cursor: str | None, *listing: str) -> str | None:
    """The position of a cursor that `seal` gave for this list, before the last rotation of the secret or since.

    Raises InvalidFieldError for any other text.
    """
    if cursor is None:
        return None
    for key in settings().cursor_secret.candidates():
        with suppress(BadData):
            return str(_serializer(key, listing).loads(cursor))
    raise InvalidFieldError(FieldProblem("cursor", "is not a cursor of this list"))


def _serializer(key: str, listing: tuple[str, ...]) -> URLSafeSerializer:
    return URLSafeSerializer(key, salt="\x1f".join(listing))
