"""The list of a user's sessions, one Query a status and page, and the search through it."""

from collections.abc import Iterator
from heapq import merge
from itertools import islice
from typing import Any

from pynamodb.expressions.condition import Condition

from chatkeep import sessions
from chatkeep.messages import fitting
from chatkeep.models.session import ActivityIndex, Session, Status, list_partition
from functions.sessions import cursor as cursors
from functions.sessions.folding import folded
from functions.sessions.session_view import SessionView, view

SEARCH_BATCH = 100
"""Candidates whose details are fetched at once; the most a BatchGetItem takes."""


def page(
    user_id: str, statuses: list[Status], q: str, limit: int, cursor: str | None
) -> tuple[list[SessionView], str | None]:
    """Up to `limit` sessions, fewer where they are long, and the cursor of the next page or None.

    Pinned ones come first, then the newest. The cursor is a place in that order, not an item: what is written, moved
    or deleted meanwhile does not spoil it. Without `q` a page costs one Query for each status; a `q` that is blank is
    none. Raises InvalidFieldError for a cursor of another list.
    """
    needle = folded(q)
    listing = ("sessions", user_id, ",".join(statuses), needle)
    before = cursors.open_sealed(cursor, *listing)
    # One more than asked for tells whether there is a next page.
    streams = [_newest_first(user_id, status, before, None if needle else limit + 1) for status in statuses]
    ordered: Iterator[Session] = merge(*streams, key=lambda one: one.list_sk, reverse=True)
    found = list(islice(_matching(ordered, needle) if needle else ordered, limit + 1))
    sessions.load_details(found[:limit])
    shown = fitting.first([view(one) for one in found[:limit]])
    more = len(found) > len(shown)
    return shown, cursors.seal(found[len(shown) - 1].list_sk, *listing) if more else None


def _newest_first(user_id: str, status: Status, before: str | None, limit: int | None) -> Iterator[Session]:
    earlier: Condition | None = None if before is None else ActivityIndex.list_sk < before
    return iter(Session.activity.query(list_partition(user_id, status), earlier, scan_index_forward=False, limit=limit))


def _matching(ordered: Iterator[Session], needle: str) -> Iterator[Session]:
    while candidates := list(islice(ordered, SEARCH_BATCH)):
        sessions.load_details(candidates)
        for one in candidates:
            if any(needle in folded(text) for text in (one.title, *_texts(one.metadata))):
                yield one


def _texts(value: Any) -> Iterator[str]:
    """The values in a JSON value, as text; names of fields are not values."""
    if isinstance(value, dict):
        for member in value.values():
            yield from _texts(member)
    elif isinstance(value, list):
        for member in value:
            yield from _texts(member)
    elif isinstance(value, bool):
        yield str(value).lower()
    elif value is not None:
        yield str(value)
