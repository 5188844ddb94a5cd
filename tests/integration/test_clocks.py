"""Clocks that are set back, and clocks that differ: a session's times and its place in the list never go back."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatkeep import clock, sessions
from chatkeep.clock import now, stamp
from chatkeep.sessions import changing
from chatkeep.usage import reporting
from chatkeep.usage.reporting import Report
from tests import graphs
from tests.cases import one_in
from tests.chat import deployment, new_session, send, sent
from tests.client import Client
from tests.engines import Engine
from tests.session_changes import place
from tests.wire import before_it_is_dated

HOUR = timedelta(hours=1)
Session = dict[str, Any]


class Watch:
    """A clock that moves only when a test moves it."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    made = Watch()
    monkeypatch.setattr(clock, "read", made)
    return made


def is_in_its_place(user_id: str, session_id: str) -> bool:
    """Whether the session's place in the list agrees with its own state."""
    header = sessions.header(user_id, session_id)
    return header.place == place(header)


JUMPS = st.sampled_from([timedelta(), timedelta(microseconds=1), timedelta(seconds=1), HOUR]).flatmap(
    lambda one: st.sampled_from([one, -one])
)
CHANGES: dict[str, Callable[[Client, str], Any]] = {
    "rename": lambda api, path: api.patch(path, json={"title": "renamed"}),
    "describe": lambda api, path: api.patch(path, json={"metadata": {"long": "x" * 200}}),
    "pin": lambda api, path: api.patch(path, json={"is_pinned": True}),
    "unpin": lambda api, path: api.patch(path, json={"is_pinned": False}),
    "archive": lambda api, path: api.patch(path, json={"is_archived": True}),
    "unarchive": lambda api, path: api.patch(path, json={"is_archived": False}),
    "report": lambda api, path: api.post(f"{path}/usage", json={"tokens_used": 1}),
    "say": lambda api, path: api.post(f"{path}/messages", json={"content": "hello"}),
    "delete": lambda api, path: api.delete(path),
}


class Sessions:
    """A user's sessions as they were last seen."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.api = Client(f"user-{uuid4()}")
        self.seen: dict[str, Session] = {}

    def step(self, jump: timedelta, which: int, change: str) -> None:
        self.watch.time += jump
        if change == "create" or not self.seen:
            self.look(new_session(self.api), changed=True)
            return
        session_id = list(self.seen)[which % len(self.seen)]
        deleted_before = self.seen[session_id]["status"] == "deleted"
        response = CHANGES[change](self.api, f"/sessions/{session_id}")
        assert response.status in (200, 409)
        self.look(session_id, changed=response.status == 200 and not deleted_before)

    def look(self, session_id: str, *, changed: bool) -> None:
        session = self.api.get(f"/sessions/{session_id}").json
        before = self.seen.get(session_id)
        del session["running_turn_id"]  # which a list does not have
        assert session["created_at"] <= session["updated_at"]
        assert (session["last_message_at"] or "") <= session["updated_at"]
        if before:
            assert (session["updated_at"] > before["updated_at"]) if changed else (session == before)
            assert (session["last_message_at"] or "") >= (before["last_message_at"] or "")
        self.seen[session_id] = session
        self.check_the_list(session if changed else None)

    def check_the_list(self, touched: Session | None) -> None:
        listed = self.api.get("/sessions?status=all").json["sessions"]
        assert listed == sorted(self.seen.values(), key=_place, reverse=True)
        above = listed[: listed.index(touched)] if touched else []
        same_group = [one for one in above if touched and one["is_pinned"] == touched["is_pinned"]]
        assert all(one["updated_at"] >= stamp(self.watch.time) for one in same_group), (
            "only what a clock ahead has written"
        )


def _place(session: Session) -> tuple[bool, str, str]:
    return session["is_pinned"], session["updated_at"], session["session_id"]


@pytest.mark.thorough
@settings(max_examples=12, derandomize=True)
@given(st.lists(st.tuples(JUMPS, st.integers(0, 2), st.sampled_from(["create", *CHANGES])), min_size=2, max_size=14))
def test_whatever_the_clock_does_a_session_rises_in_the_list_when_it_is_touched(
    engine: Engine, watch: Watch, steps: list[tuple[timedelta, int, str]]
) -> None:
    listed = Sessions(watch)
    for jump, which, change in steps:
        listed.step(jump, which, change)


@pytest.mark.parametrize("rival", [{"title": "by a rival"}, {"is_pinned": True}])
@pytest.mark.parametrize("change", one_in(3, CHANGES.keys()))
def test_a_change_does_not_undo_a_later_time_that_is_written_between_its_read_and_its_write(
    api: Client, user_id: str, watch: Watch, change: str, rival: dict[str, Any]
) -> None:
    session_id = new_session(api, is_pinned=change == "unpin")

    def come_between() -> None:
        watch.time += HOUR
        changing.change(user_id, session_id, rival)
        watch.time -= HOUR

    with before_it_is_dated(come_between, most=1):
        assert CHANGES[change](api, f"/sessions/{session_id}").status == 200
    session = api.get(f"/sessions/{session_id}").json
    assert session["updated_at"] >= stamp(watch.time + HOUR)
    assert is_in_its_place(user_id, session_id)


@pytest.mark.parametrize("change", ["pin", "archive", "delete", "say", "report", "rename"])
def test_a_change_is_made_though_somebody_touches_the_session_before_each_of_its_writes(
    api: Client, user_id: str, watch: Watch, change: str
) -> None:
    session_id = new_session(api)

    def come_between() -> None:
        watch.time += timedelta(milliseconds=5)
        reporting.record(user_id, session_id, Report(tokens=1), None)

    with before_it_is_dated(come_between):
        assert CHANGES[change](api, f"/sessions/{session_id}").status == 200
    lead = timedelta(seconds=1) if change in ("pin", "archive", "delete") else timedelta()
    assert api.get(f"/sessions/{session_id}").json["updated_at"] <= stamp(watch.time + lead)
    assert is_in_its_place(user_id, session_id)


def test_a_turn_during_which_the_clock_is_set_back_moves_no_time_back(
    api: Client, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = new_session(api)
    sent(api, session_id, "before")
    watch.time += timedelta(minutes=1)
    before = api.get(f"/sessions/{session_id}").json

    def set_back() -> None:
        watch.time -= HOUR

    graphs.meanwhile[:] = [set_back]
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:gated"}):
        assert send(api, session_id, "hello").status == 200
    after = api.get(f"/sessions/{session_id}").json
    messages = api.get(f"/sessions/{session_id}/messages").json["messages"]
    assert after["updated_at"] > max(before["updated_at"], *(one["created_at"] for one in messages))
    assert before["last_message_at"] <= after["last_message_at"] <= after["updated_at"]


def test_machines_whose_clocks_differ_never_set_a_session_back(
    engine: Engine, user_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = new_session(Client(user_id))
    machine, real = threading.local(), clock.read
    monkeypatch.setattr(clock, "read", lambda: real() + getattr(machine, "ahead", timedelta()))
    changes = [{"title": "a"}, {"is_pinned": True}, {"title": "b"}, {"is_pinned": False}]
    seen: list[str] = []

    def work(number: int) -> None:
        machine.ahead = timedelta(milliseconds=300 * (number - 3))
        for change in changes:
            changing.change(user_id, session_id, change)
            reporting.record(user_id, session_id, Report(tokens=1), None)

    with ThreadPoolExecutor(6) as pool:
        working = [pool.submit(work, number) for number in range(6)]
        while not all(one.done() for one in working):
            seen.append(sessions.header(user_id, session_id).updated_at)
        assert [one.exception() for one in working] == [None] * 6
    assert seen == sorted(seen)
    header = sessions.header(user_id, session_id)
    assert header.total_tokens == 24
    assert header.updated_at < stamp(now() + timedelta(seconds=2))
    assert is_in_its_place(user_id, session_id)
