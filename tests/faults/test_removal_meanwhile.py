"""Deletions for good while a turn runs: it is told, its usage is in the day, and nothing of it comes back."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from chatkeep import ids
from chatkeep.errors import ChatkeepError, SessionNotFoundError
from chatkeep.messages import parts
from chatkeep.turns import overflow, supervision
from chatkeep.turns.admission import Strategy
from chatkeep.usage import reporting
from chatkeep.usage.reporting import Report
from tests import graphs
from tests.cases import cases
from tests.chat import deployment
from tests.faults.injector import interrupted
from tests.faults.removals import MARKER, OWN, Life
from tests.senders import Senders, gated
from tests.waiting import wait_until

SESSION = f"/sessions/{OWN}"
COUNTED = ("turns", "messages", "input_tokens", "output_tokens")


@pytest.fixture
def senders(life: Life, monkeypatch: pytest.MonkeyPatch) -> Iterator[Senders]:
    """The user's senders, while their turns wait for the gate."""
    with gated(monkeypatch, turns_per_user=5) as pool:
        yield Senders(life.api, pool)


@pytest.fixture
def talkers(senders: Senders, monkeypatch: pytest.MonkeyPatch) -> Iterator[Senders]:
    """The same, but the model has said two words by then, and says no more."""
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:patient"}):
        yield senders


@pytest.fixture
def unaware(senders: Senders, monkeypatch: pytest.MonkeyPatch) -> None:
    """Turns do not look at their session while they run."""
    monkeypatch.setattr(supervision, "FIRST_LOOK_SECONDS", 60)


def delete(life: Life) -> None:
    assert life.api.delete(f"{SESSION}?permanent=true").status == 202


def erase(life: Life) -> None:
    assert life.api.delete("/me", json={"confirm": life.user_id}).status == 202


def days(life: Life) -> dict[str, int]:
    days = life.stored().under(f"USER#{life.user_id}", "DAY#")
    return {name: sum(int(one[name]) for one in days) for name in COUNTED}


def start(senders: Senders, life: Life, key: str | None = "gated") -> Any:
    return senders.reach_the_model(senders.send_to(life.session_id, MARKER, Strategy.REJECT, key))


def error_of(turn: Any) -> ChatkeepError | None:
    error = turn.exception(timeout=30)
    assert error is None or isinstance(error, ChatkeepError), error
    return error


@pytest.mark.parametrize("purged", cases([False, True], thorough=[False]))
def test_a_turn_whose_session_is_deleted_meanwhile_is_told_and_counts_in_the_day(
    life: Life, talkers: Senders, purged: bool
) -> None:
    before, turn = days(life), start(talkers, life)
    delete(life)
    if purged:
        life.purge_all()
    talkers.gate.set()
    assert isinstance(error_of(turn), SessionNotFoundError)
    life.purge_all()
    assert life.left() == []
    after = days(life)
    assert (after["turns"], after["messages"]) == (before["turns"] + 1, before["messages"])
    assert after["output_tokens"] > before["output_tokens"]
    life.stored().check_totals(life.user_id)


def test_a_turn_whose_user_is_erased_meanwhile_is_told_and_counts_nowhere(
    life: Life, senders: Senders, unaware: None
) -> None:
    turn = start(senders, life)
    erase(life)
    life.purge_all()
    senders.gate.set()
    assert isinstance(error_of(turn), SessionNotFoundError)
    assert life.left_of_user() == []


def test_a_turn_that_ends_before_the_erasure_comes_to_its_session_is_answered_and_erased(
    life: Life, senders: Senders
) -> None:
    turn = start(senders, life)
    erase(life)
    senders.gate.set()
    assert error_of(turn) is None
    life.purge_all()
    assert life.left_of_user() == []


@pytest.mark.parametrize("end", cases([delete, erase], thorough=[erase]))
def test_those_who_wait_for_the_turn_of_a_session_that_goes_are_told(
    life: Life, senders: Senders, end: Callable[[Life], None]
) -> None:
    turn = start(senders, life)
    waiting = [senders.send_to(life.session_id, MARKER, Strategy.ENQUEUE, key) for key in ("first", None)]
    twin = senders.send_to(life.session_id, MARKER, Strategy.REJECT, "gated")
    wait_until(lambda: len(queued(life)) == 2)
    end(life)
    life.purge(life.scheduled())  # at once, while the leases last
    senders.gate.set()
    assert [type(error_of(one)) for one in (turn, twin, *waiting)] == [SessionNotFoundError] * 4
    life.purge_all()
    assert (life.left_of_user() if end is erase else life.left()) == []


def queued(life: Life) -> list[Any]:
    (header,) = life.stored().under(f"USER#{life.user_id}", f"SESSION#{life.session_id}")
    return [*header.get("waiting", []), *header.get("interrupting", [])]


@pytest.mark.parametrize("end", cases([delete, erase], thorough=[delete, erase]))
def test_a_turn_that_is_being_cancelled_when_its_session_goes_leaves_nothing(
    life: Life, senders: Senders, unaware: None, end: Callable[[Life], None]
) -> None:
    turn = start(senders, life)
    assert life.api.post(f"{SESSION}/cancel").status == 202
    end(life)
    life.purge_all()
    senders.gate.set()
    assert isinstance(error_of(turn), SessionNotFoundError)
    assert (life.left_of_user() if end is erase else life.left()) == []


@pytest.mark.thorough
@pytest.mark.parametrize("graph", ["agent", "hall", "flood"])
@pytest.mark.parametrize("end", [delete, erase])
def test_a_session_that_goes_before_any_request_of_a_turn_gets_nothing_of_it(
    life: Life, monkeypatch: pytest.MonkeyPatch, end: Callable[[Life], None], graph: str
) -> None:
    """Those of `flood` write most of it ahead."""
    monkeypatch.setattr(overflow, "MOST_BYTES", overflow.MOST_BYTES if graph == "hall" else 20_000)
    monkeypatch.setattr(graphs, "ROOMS", 2)
    monkeypatch.setattr(parts, "INLINE_BYTES", 4_000)
    monkeypatch.setattr(parts, "PART_BYTES", 2_000)

    def gone() -> None:
        end(life)
        life.purge_all()

    with deployment(monkeypatch, {"GRAPH": f"tests.graphs:{graph}"}):
        for at in count():
            life = life.anew(life.pass_time)
            with interrupted(at, gone) as met:
                answer = life.api.post(f"{SESSION}/messages", json={"content": "6 5000"})
            if not met.hit:
                break
            assert (answer.status, answer.json.get("code")) in {(404, "session_not_found"), (200, None)}
            life.purge_all()
            assert (life.left_of_user() if end is erase else life.left()) == []
    assert at > 3


@pytest.mark.thorough
@pytest.mark.parametrize("end", [delete, erase])
def test_usage_that_is_stored_between_any_two_requests_of_a_deletion_leaves_exact_totals(
    life: Life, end: Callable[[Life], None]
) -> None:
    def use() -> None:  # not by its route, which is the same function's as the deletion's
        try:
            told.append(reporting.record(life.user_id, life.session_id, Report(tokens=1000), None).status)
        except ChatkeepError as error:
            told.append(error.code)

    told: list[str] = []
    for at in count():
        life, spent = life.anew(life.pass_time), len(told)
        with interrupted(at, use) as met:
            end(life)
            life.purge_all()
        if not met.hit:
            break
        assert len(told[spent:]) == 1
        if end is delete:
            life.stored().check_totals(life.user_id)
    assert set(told) == {"reported", "session_not_found"}


def fresh(life: Life) -> str:
    """The stored id of a new session, always the same."""
    assert life.api.post("/sessions", json={"session_id": "fresh:1"}).status == 201
    return ids.of_session(life.user_id, "fresh:1")


def replaced(life: Life) -> None:
    """Delete the session, and create another one with its id."""
    assert life.api.delete("/sessions/fresh:1?permanent=true").status == 202
    life.purge_all()
    fresh(life)


def test_a_turn_whose_session_is_replaced_by_one_with_the_same_id_counts_in_the_day_alone(
    life: Life, senders: Senders, unaware: None
) -> None:
    before = days(life)
    turn = senders.reach_the_model(senders.send_to(fresh(life), MARKER, Strategy.REJECT, "k"))
    replaced(life)
    senders.gate.set()
    assert error_of(turn) is not None
    assert life.api.get("/sessions/fresh:1").json["total_tokens_used"] == 0
    assert days(life)["turns"] == before["turns"] + 1
    life.stored().check_totals(life.user_id)


def test_a_turn_whose_session_is_replaced_by_one_with_the_same_id_does_not_answer_there(
    life: Life, senders: Senders, unaware: None
) -> None:
    """Both turns are the first of their session, under the same key: their ids and fences are the same."""
    session_id = fresh(life)
    old = senders.reach_the_model(senders.send_to(session_id, "old", Strategy.REJECT, "k"))
    replaced(life)
    new = senders.reach_the_model(senders.send_to(session_id, "new", Strategy.REJECT, "k"))
    senders.gate.set()
    assert error_of(old) is not None
    assert new.result(timeout=30).user_message.content == "new"
    shown = life.api.get("/sessions/fresh:1/messages").json["messages"]
    assert [one["content"] for one in shown] == ["new", "echo: new"]
