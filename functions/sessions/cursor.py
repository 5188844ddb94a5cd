"""Cursors: a place in a list, signed for one list of one user."""

from itsdangerous import BadData, URLSafeSerializer

from chatkeep.errors import FieldProblem, InvalidFieldError
from functions.sessions.settings import settings


def seal(position: str, *listing: str) -> str:
    """An opaque cursor to `position`, good for the list that `listing` names and for no other."""
    return str(_serializer(listing).dumps(position))


def open_sealed(cursor: str | None, *listing: str) -> str | None:
    """The position of a cursor that `seal` gave for this list. Raises InvalidFieldError for any other text."""
    if cursor is None:
        return None
    try:
        return str(_serializer(listing).loads(cursor))
    except BadData:
        raise InvalidFieldError(FieldProblem("cursor", "is not a cursor of this list")) from None


def _serializer(listing: tuple[str, ...]) -> URLSafeSerializer:
    return URLSafeSerializer(settings().cursor_secret, salt="\x1f".join(listing))
