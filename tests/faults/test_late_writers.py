"""Those who write to a session that is gone for good, or to an erased user, are told so and bring nothing back."""

from collections.abc import Callable
from itertools import count

import pytest

from chatkeep.removal import erasing
from tests.chat import new_session, sent
from tests.faults.injector import interrupted
from tests.faults.removals import MARKER, OWN, Life
from tests.faults.writers import BULK, CREATORS, NOT_FOUND, READERS, SESSION, WRITERS, Request, outcome


@pytest.fixture
def deleted(life: Life) -> Life:
    assert life.api.delete(f"{SESSION}?permanent=true").status == 202
    return life


@pytest.fixture(params=["has its tombstone", "is purged"])
def gone(deleted: Life, request: pytest.FixtureRequest) -> Life:
    if request.param == "is purged":
        deleted.purge_all()
    return deleted


def test_every_writer_to_a_session_that_is_gone_is_told_so_and_stores_nothing(gone: Life) -> None:
    before = gone.stored()
    assert {name: outcome(one.send(gone)) for name, one in WRITERS.items()} == dict.fromkeys(WRITERS, NOT_FOUND)
    results = [one.send(gone).json["results"] for one in BULK.values()]
    assert results == [[{"session_id": OWN, "status": 404, "code": "session_not_found"}]] * len(BULK)
    assert gone.stored() == before


def test_nobody_reads_a_session_that_is_gone(gone: Life) -> None:
    answers = [gone.api.get(path.format(message=gone.message_id)) for path in READERS]
    assert [outcome(one) for one in answers] == [NOT_FOUND] * len(READERS)
    assert OWN not in [
        one["session_id"] for one in gone.api.get("/sessions", params={"status": "all"}).json["sessions"]
    ]


def test_deleting_for_good_again_gives_the_same_receipt(gone: Life) -> None:
    (receipt,) = gone.api.get("/deletions").json["deletions"]
    again = gone.api.delete(f"{SESSION}?permanent=true")
    assert (again.status, again.json) == (202, receipt)


@pytest.mark.parametrize("creator", CREATORS)
def test_the_id_of_a_session_is_taken_until_it_is_purged_and_then_free_for_a_fresh_one(
    deleted: Life, creator: str
) -> None:
    assert outcome(CREATORS[creator].send(deleted)) == (409, "session_deleted")
    deleted.purge_all()
    created = CREATORS[creator].send(deleted)
    assert (created.status, created.json["message_count"], created.json["total_cost"]) == (201, 0, 0)
    assert deleted.api.get(f"{SESSION}/messages").json["messages"] == []
    assert sent(deleted.api, OWN, "quick and fresh", key="rooms")["user_message"]["content"] == "quick and fresh"
    deleted.stored().check_totals(deleted.user_id)


def write_all(life: Life) -> list[tuple[int, str]]:
    every = [*WRITERS.values(), *BULK.values(), *CREATORS.values()]
    return [outcome(one.send(life)) for one in every]


@pytest.mark.thorough
def test_writers_between_any_two_requests_of_a_purge_bring_nothing_back(
    new_life: Callable[..., Life],
) -> None:
    for at in count():
        life = new_life()
        assert life.api.delete(f"{SESSION}?permanent=true").status == 202
        told: list[tuple[int, str]] = []
        with interrupted(at, lambda life=life, told=told: told.extend(write_all(life))) as met:
            life.purge_all()
        if (201, "") in told:  # the deletion is done: this is another session with the same id
            break
        assert set(told) <= {NOT_FOUND, (409, "session_deleted"), (200, "")}
        assert life.left() == []
        life.stored().check_totals(life.user_id)
        if not met.hit:
            break
    assert at > 8


def write_as_user(life: Life) -> list[tuple[int, str]]:
    """All that a user may do to come back while being erased; returns what creating and preferring are answered."""
    write_all(life)
    api = life.api
    api.delete(f"/sessions/{life.other_id}?permanent=true")
    api.post("/sessions/bulk", json={"session_ids": [OWN], "action": "pin"}, headers={"Idempotency-Key": "bulk"})
    api.delete("/me", json={"confirm": life.user_id})
    created = api.post("/sessions", json={"title": MARKER}, headers={"Idempotency-Key": "new"})
    preferred = api.put("/preferences", json={"custom_system_prompt": MARKER})
    return [outcome(created), outcome(preferred)]


@pytest.mark.thorough
def test_a_user_who_writes_between_any_two_requests_of_the_erasure_leaves_nothing(
    new_life: Callable[..., Life],
) -> None:
    for at in count():
        life = new_life()
        told: list[tuple[int, str]] = []
        assert life.api.delete("/me", json={"confirm": life.user_id}).status == 202
        with interrupted(at, lambda life=life, told=told: told.extend(write_as_user(life))) as met:
            life.purge_all()
        life.purge_all()
        assert life.left_of_user() == []
        if not met.hit:
            break
        assert told == [(409, "user_being_erased")] * 2
    assert at > 15


def test_a_user_who_was_erased_starts_anew(life: Life) -> None:
    assert life.api.delete("/me", json={"confirm": life.user_id}).status == 202
    life.purge_all()
    assert {name: outcome(one.send(life)) for name, one in WRITERS.items()} == dict.fromkeys(WRITERS, NOT_FOUND)
    assert life.left_of_user() == []
    assert life.api.get("/stats").json["total_sessions"] == 0
    sent(life.api, new_session(life.api), "hello")
    life.stored().check_totals(life.user_id)
    assert life.api.get("/stats").json["total_messages"] == 2


def test_a_creation_repeated_with_its_key_tells_nothing_of_the_session_that_it_created(life: Life) -> None:
    plain = Request("POST", "/sessions", {"title": MARKER}, key="plain")
    session_id = plain.send(life).json["session_id"]
    assert life.api.delete(f"/sessions/{session_id}?permanent=true").status == 202
    assert outcome(plain.send(life)) == (409, "session_deleted")
    life.purge_all()
    again = plain.send(life)
    assert again.status == 201
    assert again.json["session_id"] != session_id


@pytest.mark.thorough
def test_the_answer_of_a_bulk_action_does_not_outlive_the_user(life: Life) -> None:
    """The user is erased while the action is on its way through the sessions."""

    def erase() -> None:  # not by its route, which is the same function's
        erasing.begin(life.user_id, "a digest")
        life.purge_all()

    wanted = {"session_ids": [OWN, life.other_id], "action": "pin"}
    for at in count(2):  # before the action has read anything, it is a request after the erasure
        life = life.anew(life.pass_time)
        with interrupted(at, erase) as met:
            answer = life.api.post("/sessions/bulk", json=wanted, headers={"Idempotency-Key": "late"})
        assert answer.status == 200
        if not met.hit:
            break
        assert life.left_of_user() == []
    assert at > 4
