"""The sweep for orphans changes nothing that is as it should be, whoever else changes it meanwhile."""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatkeep import ids
from chatkeep.checkpointer import DynamoDBSaver
from chatkeep.deadline import Deadline
from chatkeep.errors import ChatkeepError
from chatkeep.kinds import Table
from chatkeep.models.session import Session
from chatkeep.removal import receipts
from chatkeep.sessions import timers
from chatkeep.sessions.activity import MovedError
from chatkeep.turns import lease
from chatkeep.turns.lease import Sender, TakenError
from functions.purge.orphans import headers, missing, remains
from functions.purge.orphans.reading import Reader
from tests.cases import one_in
from tests.chat import new_session, send, sent
from tests.checkpoint_threads import TABLE, Thread
from tests.client import IDLE, Client
from tests.orphans import Store, carry_out, delete_for_good, kinds, pass_through

pytestmark = pytest.mark.usefixtures("empty_tables")


@pytest.fixture
def store(dynamodb: Any) -> Store:
    return Store(dynamodb)


def hold(api: Client, session_id: str) -> None:
    """Have a turn run that does not end, where one can."""
    user_id = str(api.user_id)
    sender = Sender(user_id, ids.of_session(user_id, session_id), ids.new(), Deadline.within(60).lease_expiry())
    with suppress(ChatkeepError, TakenError):
        lease.acquire(sender, Session.sk.exists())


def purge(api: Client, session_id: str) -> None:
    response = api.delete(f"/sessions/{session_id}?permanent=true")
    if response.status == 202:
        carry_out((f"USER#{api.user_id}", f"DELETION#{response.json['deletion_id']}"))


BODIES = st.fixed_dictionaries(
    {},
    optional={
        "metadata": st.sampled_from([{"a": "x"}, {"a": "x" * 300}]),
        "expire_after_days": st.integers(1, 9),
        "is_temporary": st.just(True),
        "session_id": st.integers(0, 10**9).map("mine:{}".format),
    },
)
STEPS: dict[str, Callable[[Client, str], Any]] = {
    "say": lambda api, session_id: send(api, session_id, "hello", key="k"),
    "archive": lambda api, session_id: api.patch(f"/sessions/{session_id}", json={"is_archived": True}),
    "pin": lambda api, session_id: api.patch(f"/sessions/{session_id}", json={"is_pinned": True}),
    "expire": lambda api, session_id: api.patch(f"/sessions/{session_id}", json={"expire_after_days": 5}),
    "never expire": lambda api, session_id: api.patch(f"/sessions/{session_id}", json={"expire_after_days": None}),
    "delete": lambda api, session_id: api.delete(f"/sessions/{session_id}"),
    "restore": lambda api, session_id: api.post(f"/sessions/{session_id}/restore"),
    "bury": lambda api, session_id: api.delete(f"/sessions/{session_id}?permanent=true"),
    "purge": purge,
    "hold": hold,
}
"""What becomes of a session; one that is refused changes nothing."""
BODIES = BODIES.filter(lambda body: not {"is_temporary", "expire_after_days"} <= body.keys())
LIVES = st.tuples(BODIES, st.lists(st.sampled_from(sorted(STEPS)), max_size=4))


@given(lives=st.lists(LIVES, min_size=1, max_size=4), erased=st.booleans())
@settings(max_examples=min(12, int(os.environ.get("CHATKEEP_EXAMPLES", "3"))))
def test_no_item_of_sessions_in_any_state_is_changed(
    store: Store, caplog: pytest.LogCaptureFixture, lives: Any, erased: bool
) -> None:
    user_id = f"user-{uuid4()}#SESSION"
    api = Client(user_id)
    for body, steps in lives:
        session_id = new_session(api, **body)
        for step in steps:
            STEPS[step](api, session_id)
    if erased:
        api.delete("/me", json={"confirm": user_id})
    before = store.items()
    caplog.clear()
    pass_through()
    assert (kinds(caplog), store.items()) == ([], before)


@pytest.mark.parametrize("tail", one_in(5, ["2", "", "#", "#SESSION", "#DETAILS"]))
def test_only_the_session_itself_is_removed_and_none_whose_owner_has_a_similar_id(store: Store, tail: str) -> None:
    one = Client(f"user-{uuid4()}")
    other = one.as_user(f"{one.user_id}{tail}" if tail else str(one.user_id)[:-1])
    lost, kept = (new_session(api, metadata={"a": "x" * 300}) for api in (one, other))
    for api, session_id in ((one, lost), (other, kept)):
        sent(api, session_id, "hello")
    before = {place: item for place, item in store.items().items() if kept in repr(item)}
    store.remove(store.item(f"SESSION#{lost}"))
    pass_through()
    assert len(store.of(lost)) == 1  # its receipt
    assert {place: item for place, item in store.items().items() if kept in repr(item)} == before


def test_threads_of_other_applications_are_left_alone(
    api: Client, dynamodb: Any, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    for saver in (DynamoDBSaver(TABLE, dynamodb), DynamoDBSaver(TABLE, dynamodb, require_head_parent=True)):
        Thread(saver, str(uuid4())).put({"messages": ["hello"] * 50})
    session_id = new_session(api)
    sent(api, session_id, "hello")
    before = store.items()
    pass_through()
    assert (kinds(caplog), store.items()) == ([], before)


def test_the_thread_of_a_session_is_marked_with_its_owner_by_the_turn_that_writes_it(
    api: Client, dynamodb: Any, user_id: str, store: Store
) -> None:
    session_id = new_session(api)
    sent(api, session_id, "hello")
    head = (Table.CHECKPOINTS, session_id, "G!")
    assert store.items()[head]["u"] == {"S": user_id}
    Thread(DynamoDBSaver(TABLE, dynamodb, require_head_parent=True), session_id)
    sent(api, session_id, "again")
    assert store.items()[head]["u"] == {"S": user_id}


def test_a_session_that_is_made_again_keeps_its_thread_though_the_receipt_of_the_first_one_is_done(
    api: Client, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    new_session(api, session_id="mine")
    delete_for_good(api, "mine")
    new_session(api, session_id="mine")
    sent(api, "mine", "hello")
    before = store.items()
    pass_through()
    assert (kinds(caplog), store.items()) == ([], before)


def test_a_session_that_is_made_again_while_its_remains_are_found_is_kept(
    api: Client, user_id: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_session(api, session_id="mine")
    sent(api, "mine", "hello")
    stored_id = ids.of_session(user_id, "mine")
    store.remove(store.item(f"SESSION#{stored_id}"))
    look = receipts.Latest.of_session

    def made_meanwhile(*wanted: Any) -> Any:
        new_session(api, session_id="mine")
        return look(*wanted)

    monkeypatch.setattr(receipts.Latest, "of_session", made_meanwhile)
    with pytest.raises(MovedError):
        remains.bury(Reader(TABLE), user_id, stored_id)
    assert api.get("/sessions/mine").status == 200
    assert not [place for place in store.items() if place[2].startswith("DELETION#")]


def test_nobody_makes_a_session_of_remains_that_are_being_removed(api: Client, user_id: str, store: Store) -> None:
    new_session(api, session_id="mine")
    sent(api, "mine", "hello")
    stored_id = ids.of_session(user_id, "mine")
    store.remove(store.item(f"SESSION#{stored_id}"))
    due = remains.bury(Reader(TABLE), user_id, stored_id)
    assert api.post("/sessions", json={"session_id": "mine"}).json["code"] == "session_deleted"
    assert due is not None
    carry_out(*due)
    assert api.post("/sessions", json={"session_id": "mine"}).status == 201
    assert api.get("/sessions/mine/messages").json["messages"] == []


CHANGES: dict[str, Callable[[Client, str], Any]] = {
    name: STEPS[name] for name in ("say", "pin", "archive", "delete", "bury", "purge")
}


@pytest.mark.parametrize("change", one_in(6, list(CHANGES)))
def test_a_change_between_a_look_at_a_header_and_its_repair_wins(
    api: Client, user_id: str, store: Store, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    session_id = new_session(api)
    header = store.item(f"SESSION#{session_id}")
    store.alter(header, place=None)
    find = Session.find.__func__  # type: ignore[attr-defined]

    def changed_meanwhile(*owner: str) -> Any:
        found = find(Session, *owner)
        monkeypatch.undo()
        CHANGES[change](api, session_id)
        return found

    monkeypatch.setattr(Session, "find", changed_meanwhile)
    with pytest.raises(MovedError):
        headers._put_in_place(user_id, session_id)
    listed = api.get("/sessions", params={"status": "all"}).json["sessions"]
    shown = api.get(f"/sessions/{session_id}")
    assert [one | IDLE for one in listed] == ([] if shown.status == 404 else [shown.json])


@pytest.mark.parametrize("change", one_in(4, ["delete", "never expire", "bury", "purge"]))
def test_a_timer_is_not_set_for_a_session_that_has_changed_meanwhile(
    api: Client, user_id: str, store: Store, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    session_id = new_session(api, expire_after_days=3)
    store.remove(store.item("TIMER"))
    wanted = timers.timer_of

    def changed_meanwhile(session: Session) -> Any:
        monkeypatch.undo()
        STEPS[change](api, session_id)
        return wanted(session)

    monkeypatch.setattr(timers, "timer_of", changed_meanwhile)
    with suppress(MovedError):
        assert missing.set_timer(user_id, session_id) is None
    left = [item["kind"]["S"] for place, item in store.items().items() if place[2] == "TIMER"]
    assert left == (["purge"] if change == "delete" else [])
