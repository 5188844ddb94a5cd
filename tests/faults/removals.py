"""A session with everything that a session can leave, the ways in which it ends, and the purge that removes it."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from botocore.handlers import BUILTIN_HANDLERS

from chatkeep import ids
from chatkeep.jobs.due import Keys
from chatkeep.messages import parts
from functions.purge.app import lambda_handler as purge
from infra.local.events import LambdaContext
from tests import graphs, permissions
from tests.chat import deployment, new_session, sent
from tests.client import STACK, Client
from tests.faults.injector import apart
from tests.faults.stored import Key, Stored, restore, scan

MARKER = "Rumpelstilzchen"
OWN = "mine:1"
"""The id that the session's client has chosen."""
CREATION = {
    "session_id": OWN,
    "title": MARKER,
    "metadata": {"note": MARKER * 30},
    "custom_system_prompt": MARKER,
    "tags": [MARKER],
}
LONG_TIME = timedelta(days=40)
"""More than a session's expiry, and more than the days that a deleted one is kept."""
MOST_ROUNDS = 8
PERMISSIONS = permissions.granted(STACK)

_page: list[int] = []


def _shorten(params: dict[str, Any], **_: Any) -> None:
    if _page:
        params.setdefault("Limit", _page[-1])


BUILTIN_HANDLERS.append(("before-parameter-build.dynamodb.Query", _shorten))


@contextmanager
def short_pages(items: int) -> Iterator[None]:
    """Have each page of a query end after so many items, as it does at DynamoDB after a megabyte."""
    _page.append(items)
    try:
        yield
    finally:
        _page.pop()


@dataclass
class Life:
    """One user with the session that is to go, and another that stays.

    `before` is what the tables held when both were complete.
    """

    dynamodb: Any
    pass_time: Callable[[timedelta], None]
    user_id: str
    session_id: str
    other_id: str
    message_id: str
    before: Stored = field(default_factory=Stored)

    @property
    def api(self) -> Client:
        return Client(self.user_id)

    @property
    def traces(self) -> set[str]:
        """What must be found nowhere when the session is gone."""
        return {self.session_id, OWN, MARKER}

    def anew(self, pass_time: Callable[[timedelta], None]) -> "Life":
        """The same life where it stood when it was complete, by this clock."""
        restore(self.dynamodb, self.before)
        return replace(self, pass_time=pass_time)

    def purge(self, due: Iterable[Keys], seconds: float = 300) -> Any:
        """One invocation of the purge function."""
        return self.invoke("PurgeFunction", purge, {"jobs": list(due)}, seconds)

    def invoke(self, name: str, handler: Callable[..., Any], event: dict[str, Any], seconds: float = 300) -> Any:
        """A function's result, under its permissions, for an event."""
        with permissions.only(PERMISSIONS[name]):
            return handler(event, LambdaContext(name, str(uuid4()), time.monotonic() + seconds))

    def purge_all(self) -> None:
        """Let time pass and purge what is due, as the schedule's sweep would, until nothing is or will be."""
        for _ in range(MOST_ROUNDS):
            if not (due := self.scheduled()):
                return
            self.pass_time(LONG_TIME)
            self.purge(due)
        raise AssertionError("it does not end")

    def scheduled(self) -> list[Keys]:
        """The keys of whatever is due now or later, leases aside."""
        return [(pk, sk) for _, pk, sk in self.stored().waiting()]

    def stored(self) -> Stored:
        with apart():
            return scan(self.dynamodb)

    def left(self) -> list[Key]:
        """What still tells of the session, its receipt aside."""
        stored = self.stored()
        return [key for key in stored.telling_of(self.traces) if key not in stored.receipts()]

    def left_of_user(self) -> list[Key]:
        """What still tells of the user, the receipt included."""
        other = ids.of_session(self.user_id, self.other_id)
        return self.stored().telling_of({*self.traces, self.other_id, other, self.user_id})


_lives: dict[str, Life] = {}


def a_life(
    dynamodb: Any, pass_time: Callable[[timedelta], None], monkeypatch: pytest.MonkeyPatch, **settings: Any
) -> Life:
    """The same life each time, as building one takes longer than ending it."""
    kind = str(settings)
    if kind not in _lives:
        _lives[kind] = lived(dynamodb, pass_time, monkeypatch, **settings)
    return _lives[kind].anew(pass_time)


def lived(
    dynamodb: Any, pass_time: Callable[[timedelta], None], monkeypatch: pytest.MonkeyPatch, **settings: Any
) -> Life:
    """A life with two sessions; the first has `settings` too."""
    user_id = f"user-{uuid4()}"
    api = Client(user_id)
    other_id = new_session(api, session_id="another:1", title="another")
    sent(api, other_id, "one two")
    message_id = _fill(api, monkeypatch, settings)
    life = Life(dynamodb, pass_time, user_id, ids.of_session(user_id, OWN), other_id, message_id)
    life.before = life.stored()
    return life


def _fill(api: Client, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]) -> str:
    """Create the session and do with it all that leaves an item; returns the id of an answer."""
    created = api.post("/sessions", json={**CREATION, **settings}, headers={"Idempotency-Key": "create"})
    assert created.status == 201, created.text
    with monkeypatch.context() as small, deployment(monkeypatch, {"GRAPH": "tests.graphs:hall"}):
        small.setattr(graphs, "ROOMS", 2)
        small.setattr(parts, "INLINE_BYTES", 4_000)
        small.setattr(parts, "PART_BYTES", 2_000)
        message_id = str(sent(api, OWN, f"{MARKER} rooms", key="rooms")["message"]["message_id"])
        sent(api, OWN, f"quick {MARKER}" * 300, key="long")
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:patient"}):
        cancel = lambda: api.post(f"/sessions/{OWN}/cancel", headers={"Idempotency-Key": "cancel"})  # noqa: E731
        graphs.meanwhile[:] = [cancel]
        assert sent(api, OWN, f"think {MARKER}", key="cancelled")
    rated = api.put(f"/sessions/{OWN}/messages/{message_id}/feedback", json={"rating": "thumbs_up", "comment": MARKER})
    used = api.post(
        f"/sessions/{OWN}/usage", json={"tokens_used": 7, "cost": 0.5}, headers={"Idempotency-Key": "usage"}
    )
    assert (rated.status, used.status, api.delete(f"/sessions/{OWN}").status) == (200, 200, 200)
    restored = api.post(f"/sessions/{OWN}/restore", headers={"Idempotency-Key": "restore"})
    assert restored.status == 200
    return message_id
