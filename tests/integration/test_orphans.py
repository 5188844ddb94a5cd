"""The sweep for orphans finds each kind, repairs it and counts it, once."""

import json
from collections.abc import Callable
from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from chatkeep.checkpointer import DynamoDBSaver
from chatkeep.jobs.due import now_due
from chatkeep.kinds import Table
from chatkeep.models.timer import Timer
from tests.cases import one_in
from tests.chat import new_session, sent
from tests.checkpoint_threads import Thread
from tests.client import Client
from tests.orphans import Store, carry_out, delete_for_good, kinds, pass_through

pytestmark = pytest.mark.usefixtures("empty_tables")
LONG = {"metadata": {"a": "x" * 300}}
STATES: list[dict[str, bool]] = [{}, {"is_pinned": True}, {"is_archived": True}]
PLACES = [None, {"S": "deleted#0#2026#nowhere"}]


@pytest.fixture
def store(dynamodb: Any) -> Store:
    return Store(dynamodb)


@pytest.fixture
def found(caplog: pytest.LogCaptureFixture, store: Store) -> Callable[[], list[str]]:
    """Has a pass end, and another find nothing and change nothing; returns the orphans that the first one told of."""

    def look() -> list[str]:
        pass_through()
        told = kinds(caplog)
        before = store.items()
        pass_through()
        assert (kinds(caplog), store.items()) == ([], before)
        return told

    return look


@pytest.fixture
def session_id(api: Client) -> str:
    """A session with settings, answers, messages, a timer and a thread."""
    made = new_session(api, expire_after_days=3, **LONG)
    sent(api, made, "hello", key="k")
    return made


def test_contents_and_thread_without_a_header_are_removed_and_leave_a_receipt(
    api: Client, store: Store, session_id: str, found: Any
) -> None:
    store.remove(store.item(f"SESSION#{session_id}"))
    assert found() == ["contents without a session"]
    (receipt,) = api.get("/deletions").json["deletions"]
    removed = receipt["removed"]
    assert (receipt["status"], removed["messages"], removed["turns"]) == ("done", 2, 1)
    assert removed["checkpoint_items"] > 0
    assert [place[2] for place in store.of(session_id)] == [f"DELETION#{receipt['deletion_id']}"]


def test_a_thread_that_is_all_there_is_of_a_session_is_removed(
    store: Store, user_id: str, session_id: str, found: Any
) -> None:
    for place, item in store.items().items():
        if place[0] == Table.SESSIONS and session_id in place[1] + place[2]:
            store.remove(item)
    assert found() == ["thread without a session"]
    assert [place[2].split("#")[0] for place in store.of(session_id)] == ["DELETION"]


def test_nothing_is_kept_of_what_is_left_of_an_erased_user(
    api: Client, store: Store, user_id: str, session_id: str, found: Any
) -> None:
    left = [item for place, item in store.items().items() if place[0] == Table.CHECKPOINTS]
    api.delete("/me", json={"confirm": user_id})
    carry_out(*now_due())
    for item in left:
        store.put(item, Table.CHECKPOINTS)
    assert found() == ["thread without a session"]
    assert store.of(user_id) == store.of(session_id) == []


def test_a_thread_that_an_agent_went_on_with_is_removed_again(
    api: Client, store: Store, saver: DynamoDBSaver, session_id: str, found: Any
) -> None:
    deletion = delete_for_good(api, session_id)
    before = api.get(f"/deletions/{deletion}").json
    Thread(saver, session_id).put({"messages": ["late"]})
    assert found() == ["thread after its deletion"]
    after = api.get(f"/deletions/{deletion}").json
    assert after["removed"]["checkpoint_items"] > before["removed"]["checkpoint_items"]
    assert (after["status"], after["removed"]["sessions"]) == ("done", 1)
    assert len(store.of(session_id)) == 1


@pytest.mark.parametrize(("place", "state"), one_in(4, product(PLACES, STATES)))
def test_a_header_is_put_in_its_place(api: Client, store: Store, state: Any, place: Any, found: Any) -> None:
    session_id = new_session(api)
    api.patch(f"/sessions/{session_id}", json=state)
    header = store.item(f"SESSION#{session_id}")
    store.alter(header, place=place)
    assert found() == ["header out of its place"]
    assert store.item(f"SESSION#{session_id}") == header


def test_a_temporary_session_and_a_tombstone_have_no_place(api: Client, store: Store, found: Any) -> None:
    temporary, gone = new_session(api, is_temporary=True), new_session(api)
    api.delete(f"/sessions/{gone}?permanent=true")
    for session_id in (temporary, gone):
        store.alter(store.item(f"SESSION#{session_id}"), place={"S": f"active#0#2026#{session_id}"})
    assert found() == ["header out of its place"] * 2
    assert [item for item in store.items().values() if "place" in item] == []


LEASE = {"lease_turn_id": {"S": "a turn"}, "lease_owner": {"S": "somebody"}, "lease_fence": {"N": "7"}}
ENDS = {"due_at": {"N": "1700000000000"}, "due_shard": {"S": "3"}}


@pytest.mark.parametrize("known", one_in(3, [{}, {"due_at": ENDS["due_at"]}, {"due_shard": ENDS["due_shard"]}]))
def test_a_lease_that_no_sweep_would_find_is_found_when_it_has_ended(
    api: Client, store: Store, pass_time: Callable[[timedelta], None], known: Any, found: Any
) -> None:
    session_id = new_session(api)
    store.alter(store.item(f"SESSION#{session_id}"), **LEASE, **known)
    assert found() == ["lease without its time"]
    pass_time(timedelta(minutes=16))
    assert session_id in str(list(now_due()))


def test_a_lease_without_its_end_is_left_to_a_turn_that_may_run(api: Client, store: Store, found: Any) -> None:
    store.alter(store.item(f"SESSION#{new_session(api)}"), **LEASE)
    assert found() == ["lease without its time"]
    assert list(now_due()) == []


@pytest.mark.parametrize("left", one_in(3, [ENDS, {"due_at": ENDS["due_at"]}, {"due_shard": ENDS["due_shard"]}]))
def test_the_time_of_no_lease_is_removed(api: Client, store: Store, left: Any, found: Any) -> None:
    header = store.item(f"SESSION#{new_session(api)}")
    store.alter(header, **left)
    assert found() == ["lease without its time"]
    assert store.item("SESSION#") == header


@pytest.mark.parametrize("deleted", [False, True], ids=["expiry", "purge"])
def test_a_timer_that_is_missing_is_set(api: Client, store: Store, deleted: bool, found: Any) -> None:
    session_id = new_session(api, expire_after_days=3)
    if deleted:
        api.delete(f"/sessions/{session_id}")
    timer = store.item("TIMER")
    store.remove(timer)
    assert found() == ["session without its timer"]
    assert store.item("TIMER") == timer


def test_a_timer_that_nobody_would_find_rings_again(
    api: Client, user_id: str, store: Store, pass_time: Callable[[timedelta], None], found: Any
) -> None:
    session_id = new_session(api, expire_after_days=3)
    timer = store.item("TIMER")
    store.alter(timer, due_at=None)
    assert found() == ["timer asleep"]
    again = Timer.find(user_id, session_id)
    assert again is not None
    assert again.due_at == int(timer["due_at"]["N"])


def test_a_tombstone_without_its_deletion_gets_it(api: Client, store: Store, session_id: str, found: Any) -> None:
    deletion = api.delete(f"/sessions/{session_id}?permanent=true").json["deletion_id"]
    store.remove(store.item("DELETION#"))
    assert found() == ["tombstone without its deletion"]
    receipt = api.get(f"/deletions/{deletion}").json
    assert (receipt["status"], receipt["removed"]["messages"]) == ("done", 2)
    assert len(store.of(session_id)) == 1


def test_an_erasure_whose_job_is_gone_ends_all_the_same(
    api: Client, user_id: str, store: Store, session_id: str, found: Any
) -> None:
    erasure = api.delete("/me", json={"confirm": user_id}).json["deletion_id"]
    store.remove(store.item("DELETION#"))
    assert found() == ["erasure without its job"]
    assert api.get(f"/deletions/{erasure}").json["status"] == "done"
    assert store.of(user_id) == store.of(session_id) == []


@pytest.mark.parametrize("lost", one_in(2, [{"due_at": None}, {"due_shard": None}, {"due_at": {"N": "9999999999999"}}]))
def test_a_deletion_that_nobody_comes_for_is_carried_out(
    api: Client, store: Store, session_id: str, lost: Any, found: Any
) -> None:
    deletion = api.delete(f"/sessions/{session_id}?permanent=true").json["deletion_id"]
    store.alter(store.item("DELETION#"), **lost)
    assert found() == ["deletion asleep"]
    assert api.get(f"/deletions/{deletion}").json["status"] == "done"
    assert len(store.of(session_id)) == 1


def test_an_erasure_that_nobody_comes_for_is_carried_out(
    api: Client, user_id: str, store: Store, session_id: str, found: Any
) -> None:
    api.delete("/me", json={"confirm": user_id})
    store.alter(store.item("DELETION#"), due_at=None)
    assert found() == ["erasure asleep"]
    assert store.of(user_id) == store.of(session_id) == []


@pytest.mark.parametrize("left", one_in(3, [ENDS, {"due_at": ENDS["due_at"]}, {"due_shard": ENDS["due_shard"]}]))
def test_nobody_comes_for_a_deletion_that_is_done(api: Client, store: Store, left: Any, found: Any) -> None:
    delete_for_good(api, new_session(api))
    receipt = store.item("DELETION#")
    store.alter(receipt, **left)
    assert found() == ["deletion asleep"]
    assert store.item("DELETION#") == receipt


def test_what_is_found_is_a_metric_and_a_line_with_its_ids(
    api: Client, user_id: str, store: Store, session_id: str, capsys: Any, caplog: pytest.LogCaptureFixture
) -> None:
    store.remove(store.item(f"SESSION#{session_id}"))
    store.alter(store.item(f"SESSION#{new_session(api)}"), place=None)
    capsys.readouterr()
    pass_through()
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "OrphansFound" in line]
    assert [(one["OrphansFound"], one["OrphansRepaired"]) for one in told] == [([2.0], [2.0])]
    lines = [vars(one) for one in caplog.records if hasattr(one, "orphan")]
    (line,) = [one for one in lines if one["orphan"] == "contents without a session"]
    assert (line["user_id"], line["session_id"]) == (user_id, session_id)
    pass_through()
    assert "OrphansFound" not in capsys.readouterr().out


def test_an_item_that_nobody_can_read_is_told_and_stops_no_pass(
    api: Client, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    broken, lost = sorted([new_session(api, expire_after_days=1), new_session(api)])
    store.alter(store.item(f"SESSION#{broken}"), updated_at={"S": "yesterday"}, expire_after_days={"N": "1"})
    store.alter(store.item(f"SESSION#{lost}"), place=None)
    pass_through()
    told = [(one.getMessage(), one.orphan) for one in caplog.records if hasattr(one, "orphan")]
    assert ("an orphan was found and not repaired", "unreadable item") in told
    assert ("an orphan was found and repaired", "header out of its place") in told
    assert "place" in store.item(f"SESSION#{lost}")
