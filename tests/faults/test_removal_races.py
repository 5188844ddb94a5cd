"""What comes between a look and the act that follows from it is not lost, and does not come back."""

from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from chatkeep import ids
from chatkeep.deadline import Deadline
from chatkeep.models.session import Session
from chatkeep.turns import lease
from chatkeep.turns.lease import Sender
from tests.chat import new_session, sent
from tests.client import Client
from tests.faults.injector import interrupted
from tests.jobs import carry_out_jobs, due, run_purge, run_sweep

pytestmark = pytest.mark.usefixtures("empty_tables")
KINDS: dict[str, dict[str, Any]] = {"expires": {"expire_after_days": 1}, "is temporary": {"is_temporary": True}}
each_kind = pytest.mark.parametrize("kind", KINDS)


@each_kind
def test_a_session_that_is_changed_while_its_timer_rings_goes_on(
    api: Client, pass_time: Callable[[timedelta], None], kind: str
) -> None:
    """The change comes before each request of the attempt in turn; what came too late was answered so."""
    for at in count():
        session_id = new_session(api, **KINDS[kind])
        pass_time(timedelta(days=1, minutes=1))
        told: list[int] = []
        with interrupted(at, lambda s=session_id, t=told: t.append(_rename(api, s))) as met:
            run_purge((f"SESSION#{api.user_id}#{session_id}", "TIMER"))
        if not met.hit:
            break
        assert told in ([200], [404], [409])
        now = api.get(f"/sessions/{session_id}")
        assert (now.status == 200 and now.json["status"] == "active") is (told == [200]), at
    assert at > 3


def _rename(api: Client, session_id: str) -> int:
    return api.patch(f"/sessions/{session_id}", json={"title": "in time"}).status


@each_kind
def test_a_session_on_which_a_turn_runs_does_not_expire(
    api: Client, pass_time: Callable[[timedelta], None], kind: str
) -> None:
    session_id = new_session(api, **KINDS[kind])
    pass_time(timedelta(days=1, minutes=1))
    sender = Sender(str(api.user_id), session_id, ids.new(), Deadline.within(60).lease_expiry())
    lease.acquire(sender, Session.sk.exists())
    run_purge(*due())
    assert api.get(f"/sessions/{session_id}").json["status"] == "active"
    pass_time(timedelta(minutes=2))
    run_sweep()
    carry_out_jobs()
    assert api.get(f"/sessions/{session_id}").json["status"] in ("deleted", 404)


def test_an_old_timer_leaves_a_new_session_with_the_same_id(
    api: Client, pass_time: Callable[[timedelta], None]
) -> None:
    for at in (1, 2):  # before the timer's look at the header, and before the tombstone
        api.post("/sessions", json={"session_id": f"mine{at}", "is_temporary": True})
        pass_time(timedelta(days=1, minutes=1))
        (timer,) = due()

        def renew(named: str = f"mine{at}") -> None:
            api.delete(f"/sessions/{named}?permanent=true")
            run_purge(*(keys for keys in due() if keys[1] != "TIMER"))
            assert api.post("/sessions", json={"session_id": named}).status == 201

        with interrupted(at, renew) as met:
            run_purge(timer)
        carry_out_jobs()
        assert met.hit
        assert api.get(f"/sessions/mine{at}").json["is_temporary"] is False


def test_a_session_made_amid_an_erasure_has_none_of_the_words_of_before(api: Client) -> None:
    for at in count():
        api.put("/preferences", json={"custom_system_prompt": "a secret"})
        sent(api, new_session(api), "hello")

        def erase() -> None:
            api.delete("/me", json={"confirm": api.user_id})
            carry_out_jobs()

        with interrupted(at, erase) as met:
            made = api.post("/sessions", json={})
        if not met.hit:
            break
        assert made.status == 409 or "a secret" not in api.get(f"/sessions/{made.json['session_id']}").text, at
    assert at > 1


def test_a_bulk_of_unknown_ids_reads_the_receipts_once(api: Client) -> None:
    named = [f"unknown-{number}" for number in range(5)]
    body = {"session_ids": named, "action": "delete_permanently"}
    with interrupted(10**6, lambda: None) as one:
        api.post("/sessions/bulk", json={**body, "session_ids": named[:1]})
    with interrupted(10**6, lambda: None) as five:
        api.post("/sessions/bulk", json=body)
    assert five.count == one.count + 4  # a header each


def test_a_tag_is_added_to_a_session_of_before_there_were_tags(api: Client, user_id: str) -> None:
    session_id = new_session(api)
    Session(user_id, session_id).update([Session.tags.remove()])
    bulk = {"session_ids": [session_id], "action": "tag", "tag": "new"}
    assert api.post("/sessions/bulk", json=bulk).json["results"][0]["status"] == 200
    assert api.get(f"/sessions/{session_id}").json["tags"] == ["new"]
