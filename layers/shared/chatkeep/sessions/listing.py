"""The list of a user's sessions, one Query per status and page, and the search through it."""

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import Any

from chatkeep import sessions
from chatkeep.models.session import Session, Status
from chatkeep.sessions.folding import folded

SEARCH_BATCH = 100
"""Candidates whose details are fetched at once; the most a BatchGetItem takes."""


@dataclass(frozen=True)
class Wanted:
    """The sessions that a search is for: with `needle`, which is folded text, in title or metadata, and all of `tags`.

    It is false where it is for all of them.
    """

    needle: str = ""
    tags: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.needle or self.tags)

    def has(self, session: Session) -> bool:
        """Whether the session, with its details, is one of them."""
        if not self.tags <= set(session.tags or ()):
            return False
        return not self.needle or any(
            self.needle in folded(text) for text in (session.title, *_texts(session.metadata))
        )


def page(user_id: str, statuses: list[Status], wanted: Wanted, limit: int, after: str) -> tuple[list[Session], bool]:
    """Up to `limit` sessions with their details, and whether there are more.

    Pinned ones come first, then the newest. `after` is a session's `position` in that order, and no item, so that
    writes, moves and deletions meanwhile do not spoil it. Where all are `wanted`, a page costs one Query per status.
    """
    # One more than asked for tells whether there are more.
    most = None if wanted else limit + 1
    streams = [Session.listed(user_id, status, after, most) for status in statuses]
    ordered: Iterator[Session] = merge(*streams, key=lambda one: one.position, reverse=True)
    found = list(islice(_matching(ordered, wanted) if wanted else ordered, limit + 1))
    sessions.load_details(found[:limit])
    return found[:limit], len(found) > limit


def _matching(ordered: Iterator[Session], wanted: Wanted) -> Iterator[Session]:
    while candidates := list(islice(ordered, SEARCH_BATCH)):
        sessions.load_details(candidates)
        for one in candidates:
            if wanted.has(one):
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
