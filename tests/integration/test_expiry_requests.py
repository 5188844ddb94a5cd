"""Days after which sessions expire, as requests set them, and temporary sessions."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from chatkeep.clock import milliseconds
from chatkeep.models.timer import Timer, TimerKind
from functions.sessions.settings import settings
from tests.cases import one_in
from tests.chat import new_session, sent
from tests.client import IDLE, Client
from tests.jobs import carry_out_jobs

PassTime = Callable[[timedelta], None]
DAY = timedelta(days=1)
SOON = timedelta(minutes=1)
FIELD = "default_expire_after_days"


def timer(user_id: str, session_id: str) -> Timer | None:
    return Timer.find(user_id, session_id)


def status(api: Client, session_id: str) -> str:
    carry_out_jobs()
    response = api.get(f"/sessions/{session_id}")
    return str(response.json["status"] if response.status == 200 else response.json["code"])


@pytest.fixture
def by_default(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Has sessions of this deployment expire after so many days."""

    def expire_after(days: int) -> None:
        monkeypatch.setenv("DEFAULT_EXPIRE_AFTER_DAYS", str(days))
        settings.cache_clear()

    yield expire_after
    monkeypatch.undo()
    settings.cache_clear()


@pytest.mark.parametrize("days", one_in(2, [3_650, 1, None]))
def test_the_days_that_are_given_are_kept(api: Client, days: int | None) -> None:
    session = api.post("/sessions", json={"expire_after_days": days}).json
    assert session["expire_after_days"] == days
    assert api.get(f"/sessions/{session['session_id']}").json == session | IDLE
    assert api.get("/sessions").json["sessions"] == [session]


@pytest.mark.parametrize("value", one_in(3, [0, -1, 10**30, 3_651, 1.5, 1.0, True, "1", [], {}]))
def test_days_out_of_bounds_are_refused_and_nothing_changes(api: Client, value: Any) -> None:
    path = f"/sessions/{new_session(api, expire_after_days=2)}"
    before = (api.get(path).json, api.get("/preferences").json)
    refused = [
        api.post("/sessions", json={"expire_after_days": value}),
        api.patch(path, json={"expire_after_days": value, "title": "half written"}),
        api.put("/preferences", json={FIELD: value}),
    ]
    fields = [[one["field"] for one in response.json["errors"]] for response in refused]
    assert fields == [["expire_after_days"], ["expire_after_days"], [FIELD]]
    assert (api.get(path).json, api.get("/preferences").json) == before
    assert api.get("/stats").json["total_sessions"] == 1


@pytest.mark.parametrize(
    ("deployment", "preference", "given", "expected"),
    [
        (0, {}, {}, None),
        (7, {}, {}, 7),
        (7, {FIELD: 3}, {}, 3),
        (7, {FIELD: None}, {}, None),
        (7, {FIELD: 3}, {"expire_after_days": None}, None),
        (7, {FIELD: None}, {"expire_after_days": 9}, 9),
        (0, {FIELD: 3}, {"expire_after_days": 1}, 1),
    ],
)
def test_the_days_come_from_the_request_the_user_or_the_deployment(
    api: Client, by_default: Any, deployment: int, preference: Any, given: Any, expected: int | None
) -> None:
    by_default(deployment)
    api.put("/preferences", json=preference)
    assert api.post("/sessions", json=given).json["expire_after_days"] == expected


def test_preferences_show_the_days_that_new_sessions_get(api: Client, by_default: Any) -> None:
    by_default(7)
    assert api.get("/preferences").json[FIELD] == 7
    for days in (3, None):
        assert api.put("/preferences", json={FIELD: days}).json[FIELD] == days
        assert api.get("/preferences").json[FIELD] == days
    assert api.put("/preferences", json={}).json[FIELD] == 7


def test_days_that_a_user_prefers_later_do_not_change_a_session(api: Client, user_id: str) -> None:
    session_id = new_session(api)
    api.put("/preferences", json={FIELD: 1})
    assert api.get(f"/sessions/{session_id}").json["expire_after_days"] is None
    assert timer(user_id, session_id) is None


@pytest.mark.parametrize("changes", [{}, {"is_archived": True}, {"is_pinned": True}], ids=str)
def test_a_session_expires_whether_archived_or_pinned(api: Client, pass_time: PassTime, changes: Any) -> None:
    session_id = new_session(api, expire_after_days=2)
    if changes:
        api.patch(f"/sessions/{session_id}", json=changes)
    before = api.get(f"/sessions/{session_id}").json["status"]
    pass_time(2 * DAY - SOON)
    assert status(api, session_id) == before
    pass_time(2 * SOON)
    assert status(api, session_id) == "deleted"


@pytest.mark.parametrize("change", one_in(2, ["a turn", "a title", "a tag", "a pin", "usage"]))
def test_the_days_count_from_the_last_change(api: Client, pass_time: PassTime, change: str) -> None:
    session_id = new_session(api, expire_after_days=2)
    pass_time(2 * DAY - SOON)
    {
        "a turn": lambda: sent(api, session_id, "hello"),
        "a title": lambda: api.patch(f"/sessions/{session_id}", json={"title": "x"}),
        "a tag": lambda: api.post("/sessions/bulk", json={"session_ids": [session_id], "action": "tag", "tag": "t"}),
        "a pin": lambda: api.patch(f"/sessions/{session_id}", json={"is_pinned": True}),
        "usage": lambda: api.post(f"/sessions/{session_id}/usage", json={"tokens_used": 1}),
    }[change]()
    pass_time(2 * DAY - SOON)
    assert status(api, session_id) == "active"
    pass_time(2 * SOON)
    assert status(api, session_id) == "deleted"


def test_reading_does_not_put_off_the_end(api: Client, pass_time: PassTime) -> None:
    session_id = new_session(api, expire_after_days=1)
    pass_time(DAY - SOON)
    for path in ("", "/messages", "/stats", "/thread-config"):
        api.get(f"/sessions/{session_id}{path}")
    pass_time(2 * SOON)
    assert status(api, session_id) == "deleted"


def test_other_days_count_from_the_change_that_sets_them(api: Client, user_id: str, pass_time: PassTime) -> None:
    session_id = new_session(api)
    pass_time(40 * DAY)
    changed = api.patch(f"/sessions/{session_id}", json={"expire_after_days": 30}).json
    due_at = timer(user_id, session_id).due_at
    assert due_at == milliseconds(datetime.fromisoformat(changed["updated_at"]) + 30 * DAY)
    pass_time(30 * DAY - SOON)
    assert status(api, session_id) == "active"
    pass_time(2 * SOON)
    assert status(api, session_id) == "deleted"


def test_fewer_days_end_a_session_earlier_and_null_never(api: Client, user_id: str, pass_time: PassTime) -> None:
    early, never = new_session(api, expire_after_days=90), new_session(api, expire_after_days=1)
    api.patch(f"/sessions/{early}", json={"expire_after_days": 1})
    assert api.patch(f"/sessions/{never}", json={"expire_after_days": None}).json["expire_after_days"] is None
    assert timer(user_id, never) is None
    pass_time(DAY + SOON)
    assert (status(api, early), status(api, never)) == ("deleted", "active")


def test_an_expired_session_can_be_restored_and_expires_anew(api: Client, user_id: str, pass_time: PassTime) -> None:
    session_id = new_session(api, expire_after_days=1)
    pass_time(DAY + SOON)
    assert status(api, session_id) == "deleted"
    assert timer(user_id, session_id).kind == TimerKind.PURGE
    assert api.post(f"/sessions/{session_id}/restore").status == 200
    assert timer(user_id, session_id).kind == TimerKind.EXPIRY
    pass_time(DAY - SOON)
    assert status(api, session_id) == "active"
    pass_time(2 * SOON)
    assert status(api, session_id) == "deleted"


def test_an_expired_session_is_removed_for_good_at_its_purge_at(api: Client, pass_time: PassTime) -> None:
    session_id = new_session(api, expire_after_days=1)
    pass_time(DAY + SOON)
    carry_out_jobs()
    pass_time(30 * DAY + SOON)
    assert status(api, session_id) == "session_not_found"
    (receipt,) = api.get("/deletions").json["deletions"]
    assert (receipt["kind"], receipt["session_id"], receipt["status"]) == ("expiry", session_id, "done")
    assert api.get("/stats").json["total_sessions"] == 0


def test_a_clock_that_is_behind_does_not_end_a_session_early(api: Client, pass_time: PassTime) -> None:
    session_id = new_session(api, expire_after_days=1)
    pass_time(-DAY)
    before = api.get(f"/sessions/{session_id}").json["updated_at"]
    after = api.patch(f"/sessions/{session_id}", json={"expire_after_days": 2}).json["updated_at"]
    assert after > before
    pass_time(3 * DAY - SOON)
    assert status(api, session_id) == "active"
    pass_time(2 * SOON)
    assert status(api, session_id) == "deleted"


@pytest.mark.parametrize("created", one_in(2, ["2028-02-29T12:00:00", "2028-02-28T23:59:59", "2027-03-28T00:30:00"]))
def test_a_day_has_24_hours_on_every_date(
    api: Client, user_id: str, monkeypatch: pytest.MonkeyPatch, created: str
) -> None:
    at = datetime.fromisoformat(f"{created}+00:00")
    monkeypatch.setattr("chatkeep.clock.read", lambda: at)
    session_id = new_session(api, expire_after_days=365)
    assert timer(user_id, session_id).due_at == milliseconds(at) + 365 * 24 * 3_600 * 1_000


LISTS = [
    "",
    "status=all",
    "status=deleted",
    "status=archived,deleted",
    "q=secret",
    "tag=t",
    "q=secret&tag=t&status=all",
]


@pytest.mark.parametrize("change", one_in(3, [None, {"is_archived": True}, {"is_pinned": True}, "delete"]))
def test_a_temporary_session_is_in_no_list_and_found_by_its_id(api: Client, change: Any) -> None:
    session_id = new_session(api, title="secret", tags=["t"], is_temporary=True)
    path = f"/sessions/{session_id}"
    sent(api, session_id, "hello")
    if change is not None:
        response = api.delete(path) if change == "delete" else api.patch(path, json=change)
        assert response.status == 200
    assert [api.get(f"/sessions?{query}").json["sessions"] for query in LISTS] == [[]] * len(LISTS)
    shown = api.get(path)
    assert (shown.status, shown.json["is_temporary"]) == (200, True)


def test_a_restored_temporary_session_is_in_no_list_either(api: Client) -> None:
    session_id = new_session(api, is_temporary=True)
    api.delete(f"/sessions/{session_id}")
    assert api.post(f"/sessions/{session_id}/restore").json["status"] == "active"
    assert api.get("/sessions?status=all").json["sessions"] == []


def test_a_temporary_session_is_gone_for_good_a_day_after_its_last_turn(api: Client, pass_time: PassTime) -> None:
    session_id = new_session(api, is_temporary=True)
    pass_time(DAY - SOON)
    sent(api, session_id, "hello")
    pass_time(DAY - SOON)
    assert status(api, session_id) == "active"
    pass_time(2 * SOON)
    assert status(api, session_id) == "session_not_found"
    (receipt,) = api.get("/deletions").json["deletions"]
    assert (receipt["kind"], receipt["session_id"], receipt["status"]) == ("expiry", session_id, "done")


def test_a_deleted_temporary_session_lives_no_longer_than_a_day(api: Client, pass_time: PassTime) -> None:
    session_id = new_session(api, is_temporary=True)
    deleted = api.delete(f"/sessions/{session_id}").json
    kept = datetime.fromisoformat(deleted["purge_at"]) - datetime.fromisoformat(deleted["updated_at"])
    assert kept == DAY
    pass_time(DAY + SOON)
    assert status(api, session_id) == "session_not_found"


def test_a_temporary_session_has_one_day_whatever_its_user_prefers(api: Client) -> None:
    api.put("/preferences", json={FIELD: 90})
    session = api.post("/sessions", json={"is_temporary": True}).json
    assert session["expire_after_days"] == 1
    assert api.get(f"/sessions/{session['session_id']}").json == session | IDLE


@pytest.mark.parametrize("days", one_in(2, [1, 2, None]))
def test_the_day_of_a_temporary_session_cannot_be_chosen(api: Client, days: int | None) -> None:
    path = f"/sessions/{new_session(api, is_temporary=True)}"
    before = api.get(path).json
    refused = [
        api.post("/sessions", json={"is_temporary": True, "expire_after_days": days}),
        api.patch(path, json={"expire_after_days": days, "title": "half written"}),
    ]
    assert [one.status for one in refused] == [422, 422]
    assert [one.json["errors"][0]["field"] for one in refused] == ["expire_after_days"] * 2
    assert api.get(path).json == before
    assert api.get("/stats").json["total_sessions"] == 1


@pytest.mark.parametrize("value", one_in(3, [None, 0, 1, "true", []]))
def test_whether_a_session_is_temporary_is_true_or_false_and_stays(api: Client, value: Any) -> None:
    refused = api.post("/sessions", json={"is_temporary": value})
    assert [one["field"] for one in refused.json["errors"]] == ["is_temporary"]
    for given in (value, True, False):
        changed = api.patch(f"/sessions/{new_session(api)}", json={"is_temporary": given})
        assert [one["field"] for one in changed.json["errors"]] == ["is_temporary"]
