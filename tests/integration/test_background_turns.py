"""Background turns: taken at once, run by the worker, and found by whoever asks for them."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from chatkeep.models.background import BackgroundTurn
from chatkeep.models.event_batch import EventBatch
from chatkeep.models.turn import Turn
from chatkeep.streams import batches
from chatkeep.streams.event import Event, Name, before_list
from chatkeep.streams.following import Following
from functions.worker import claims
from tests.background import Nudges, ask, asked, keys, nudged, run_worker
from tests.cases import cases
from tests.chat import new_session, send, sent
from tests.client import Client
from tests.jobs import carry_out_jobs
from tests.views import views

pytestmark = pytest.mark.usefixtures("empty_tables")
MOST_CHARACTERS = 100_000


@pytest.fixture
def session_id(api: Client) -> str:
    return new_session(api)


@pytest.fixture
def nudges(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nudges]:
    with nudged(monkeypatch) as found:
        yield found


def record(api: Client, session_id: str, turn_id: str) -> Turn:
    found = Turn.find(api.user_id, session_id, turn_id)
    assert found
    return found


def job(api: Client, session_id: str, turn_id: str) -> BackgroundTurn | None:
    return BackgroundTurn.find(api.user_id, session_id, turn_id)


def test_a_background_turn_is_taken_at_once_and_the_worker_is_told(
    api: Client, session_id: str, nudges: Nudges
) -> None:
    response = ask(api, session_id, "hello")
    assert (response.status, response.json | {"turn_id": ""}) == (
        202,
        {"turn_id": "", "status": "queued", "attempts": 0},
    )
    assert nudges.to("TURNS_FUNCTION") == [[keys(api, session_id, response.json["turn_id"])]]
    assert api.get(f"/sessions/{session_id}/messages").json["messages"] == []


def test_the_worker_stores_the_turn_as_any_other_and_leaves_no_job(api: Client, session_id: str, dynamodb: Any) -> None:
    turn_id = asked(api, session_id, "hello")
    assert run_worker(keys(api, session_id, turn_id)) == {"left": 0}
    found = views(dynamodb, str(api.user_id), session_id)
    found.check()
    found.check_nothing_is_pending()
    assert [(one["turn_id"], one["content"]) for one in found.transcript] == [
        (turn_id, "hello"),
        (turn_id, "echo: hello"),
    ]
    assert job(api, session_id, turn_id) is None


def test_a_nudge_that_comes_again_runs_nothing(api: Client, session_id: str, dynamodb: Any) -> None:
    turn_id = asked(api, session_id, "hello")
    for _ in range(2):
        run_worker(*[keys(api, session_id, turn_id)] * 2)
    assert len(views(dynamodb, str(api.user_id), session_id).turns) == 1


@pytest.mark.parametrize("character", cases(["x", "é", "\U0001f600"], thorough=["x", "é"]))
def test_a_question_of_any_length_that_a_turn_may_have_comes_back_whole(
    api: Client, session_id: str, character: str
) -> None:
    content = character * MOST_CHARACTERS
    run_worker(keys(api, session_id, asked(api, session_id, content)))
    assert api.get(f"/sessions/{session_id}/messages").json["messages"][0]["content"] == content


def test_a_repetition_gets_the_turn_as_it_is_and_runs_nothing_more(api: Client, session_id: str, dynamodb: Any) -> None:
    first = ask(api, session_id, "hello", key="k").json
    assert ask(api, session_id, "hello", key="k").json == first
    run_worker(keys(api, session_id, first["turn_id"]))
    again = ask(api, session_id, "hello", key="k")
    assert (again.status, again.json["turn_id"], again.json["message"]["content"]) == (
        200,
        first["turn_id"],
        "echo: hello",
    )
    assert run_worker() == {"left": 0}
    assert len(views(dynamodb, str(api.user_id), session_id).turns) == 1


def test_a_key_is_of_one_body_before_and_after_the_turn(api: Client, session_id: str) -> None:
    turn_id = asked(api, session_id, "hello", key="k")
    for _ in range(2):
        refused = ask(api, session_id, "goodbye", key="k")
        assert (refused.status, refused.json["code"]) == (422, "idempotency_key_reused")
        run_worker(keys(api, session_id, turn_id))
    assert send(api, session_id, "hello", key="k").json["code"] == "idempotency_key_reused"


def test_a_repetition_nudges_again_as_the_first_nudge_may_be_lost(api: Client, session_id: str, nudges: Nudges) -> None:
    for _ in range(3):
        turn_id = asked(api, session_id, "hello", key="k")
    assert nudges.to("TURNS_FUNCTION") == [[keys(api, session_id, turn_id)]] * 3


@pytest.mark.parametrize(
    ("act", "status", "code"),
    [
        (lambda api, one: api.patch(f"/sessions/{one}", json={"is_archived": True}), 409, "session_archived"),
        (lambda api, one: api.delete(f"/sessions/{one}"), 409, "session_deleted"),
        (lambda api, one: api.delete(f"/sessions/{one}?permanent=true"), 404, "session_not_found"),
        (lambda api, one: None, 404, "session_not_found"),
    ],
)
def test_a_session_that_takes_no_turns_takes_none_in_the_background(
    api: Client, session_id: str, act: Any, status: int, code: str
) -> None:
    target = session_id if act(api, session_id) else "another"
    response = ask(api, target, "hello")
    assert (response.status, response.json["code"]) == (status, code)
    assert run_worker() == {"left": 0}


def test_a_turn_that_waits_or_runs_rejects_another_unless_that_waits_too(api: Client, session_id: str) -> None:
    first = asked(api, session_id, "one")
    refused = ask(api, session_id, "two")
    assert (refused.status, refused.json["code"], refused.json["turn_id"]) == (409, "turn_in_progress", first)
    second = asked(api, session_id, "two", strategy="enqueue")
    run_worker(keys(api, session_id, second))  # nudges overtake each other
    run_worker(keys(api, session_id, first))
    said = [one["content"] for one in api.get(f"/sessions/{session_id}/messages").json["messages"]]
    assert said == ["one", "echo: one", "two", "echo: two"]


@pytest.mark.thorough
def test_a_session_holds_a_limited_number_of_turns_that_wait(api: Client, session_id: str) -> None:
    statuses = [ask(api, session_id, str(at), strategy="enqueue").status for at in range(12)]
    assert statuses == [202] * 10 + [409] * 2
    assert run_worker() == {"left": 0}
    questions = [one["content"] for one in api.get(f"/sessions/{session_id}/messages").json["messages"]][::2]
    assert questions == [str(at) for at in range(10)]


def test_a_turn_that_meets_a_problem_ends_as_failed_and_is_not_tried_again(
    api: Client, dynamodb: Any, pass_time: Any
) -> None:
    session_id = new_session(api, model_name="scripted:fail")
    turn_id = asked(api, session_id, "hello")
    run_worker(keys(api, session_id, turn_id))
    pass_time(timedelta(hours=1))
    run_worker(keys(api, session_id, turn_id))
    failed = record(api, session_id, turn_id)
    assert (failed.status, failed.error["code"]) == ("failed", "model_unavailable")
    assert job(api, session_id, turn_id) is None
    views(dynamodb, str(api.user_id), session_id).check()


@pytest.mark.parametrize(("changes", "code"), [({"is_archived": True}, "session_archived"), (None, "session_deleted")])
def test_a_turn_whose_session_closes_before_it_ends_as_failed(
    api: Client, session_id: str, changes: dict[str, Any] | None, code: str
) -> None:
    turn_id = asked(api, session_id, "hello")
    path = f"/sessions/{session_id}"
    assert (api.patch(path, json=changes) if changes else api.delete(path)).status == 200
    run_worker(keys(api, session_id, turn_id))
    assert record(api, session_id, turn_id).error["code"] == code


def test_a_turn_whose_session_is_gone_leaves_nothing(api: Client, session_id: str, dynamodb: Any) -> None:
    turn_id = asked(api, session_id, "hello")
    api.delete(f"/sessions/{session_id}?permanent=true")
    run_worker(keys(api, session_id, turn_id))
    carry_out_jobs()
    left = dynamodb.scan(TableName="chatkeep-SessionsTable", ConsistentRead=True)["Items"]
    assert [one for one in left if session_id in one["pk"]["S"] + one["sk"]["S"]] == []


def test_a_turn_runs_beside_others_of_its_session_that_are_sent_the_usual_way(
    api: Client, session_id: str, dynamodb: Any
) -> None:
    turn_id = asked(api, session_id, "one")
    sent(api, session_id, "two")
    run_worker(keys(api, session_id, turn_id))
    sent(api, session_id, "three")
    found = views(dynamodb, str(api.user_id), session_id)
    found.check()
    assert [one["content"] for one in found.transcript][::2] == ["two", "one", "three"]


def test_a_failed_turn_is_run_again_when_it_is_asked_for_again(api: Client, dynamodb: Any) -> None:
    session_id = new_session(api, model_name="scripted:fail")
    turn_id = asked(api, session_id, "hello", key="k")
    run_worker()
    for _ in range(2):
        assert asked(api, session_id, "hello", key="k") == turn_id
    run_worker()
    assert (record(api, session_id, turn_id).status, record(api, session_id, turn_id).attempts) == ("failed", 2)
    assert api.patch(f"/sessions/{session_id}", json={"model_name": "scripted:echo"}).status == 200
    asked(api, session_id, "hello", key="k")
    run_worker()
    found = views(dynamodb, str(api.user_id), session_id)
    found.check()
    assert [one["content"] for one in found.transcript] == ["hello", "echo: hello"]
    assert ask(api, session_id, "hello", key="k").json["turn_id"] == turn_id


def test_an_answer_is_made_again_in_the_background(api: Client, session_id: str) -> None:
    answer = sent(api, session_id, "hello")["message"]["message_id"]
    path = f"/sessions/{session_id}/messages"
    unknown = api.post(path, json={"regenerate": str(uuid4()), "background": True})
    assert (unknown.status, unknown.json["code"]) == (404, "message_not_found")
    taken = api.post(path, json={"regenerate": answer, "background": True})
    assert taken.status == 202, taken.text
    run_worker()
    assert record(api, session_id, taken.json["turn_id"]).status == "completed"
    assert len(api.get(path).json["messages"][-1]["siblings"]) == 2


def followed(api: Client, session_id: str, turn_id: str, after: int = 0) -> tuple[list[Event], bool]:
    """The events of a turn as a stream shows them now, and whether there are no more to come."""
    following = Following(str(api.user_id), session_id, turn_id, after)
    events = list(following.look())
    if not following.is_over:
        events += following.look()
    return events, following.is_over


def test_a_background_turn_can_be_followed_from_before_it_begins_to_its_end(api: Client, session_id: str) -> None:
    turn_id = asked(api, session_id, "hello")
    assert followed(api, session_id, turn_id) == ([], False)
    run_worker()
    events, is_over = followed(api, session_id, turn_id)
    assert is_over
    assert [one.name for one in events] == ["turn", "token", "token", "message", "done"]


def test_the_stream_of_a_turn_that_was_lost_ends_with_that_problem(
    api: Client, session_id: str, pass_time: Any
) -> None:
    turn_id = asked(api, session_id, "hello")
    lost = job(api, session_id, turn_id)
    assert lost
    assert claims.take(lost)
    told = batches.packed([Event(1, Name.CUSTOM, {"value": 1})])
    EventBatch(api.user_id, session_id, turn_id, 1, 0, data=told[0], expires_at=0).save()
    assert followed(api, session_id, turn_id)[1] is False
    pass_time(timedelta(minutes=2))
    run_worker()
    events, is_over = followed(api, session_id, turn_id, after=1)
    assert is_over
    assert [(one.name, one.data["code"]) for one in events] == [("error", "turn_lost")]


def test_what_a_lost_attempt_has_told_is_left_out_once_the_turn_is_asked_for_again(
    api: Client, session_id: str, pass_time: Any
) -> None:
    turn_id = asked(api, session_id, "hello", key="k")
    lost = job(api, session_id, turn_id)
    assert lost
    assert claims.take(lost)
    first = before_list(1) + 1
    told = batches.packed([Event(first, Name.CUSTOM, {"value": 1})])
    EventBatch(api.user_id, session_id, turn_id, first, 0, data=told[0], expires_at=2**40).save()
    assert [one.number for one in followed(api, session_id, turn_id)[0]] == [first]
    pass_time(timedelta(minutes=2))
    run_worker()
    assert [one.name for one in followed(api, session_id, turn_id)[0]] == ["custom", "error"]
    assert asked(api, session_id, "hello", key="k") == turn_id
    assert followed(api, session_id, turn_id) == ([], False)
    run_worker()
    assert [one.name for one in followed(api, session_id, turn_id)[0]][:2] == ["turn", "token"]


def test_a_turn_can_be_asked_after_from_its_request_to_its_end(api: Client, session_id: str) -> None:
    turn_id = asked(api, session_id, "hello")
    path = f"/sessions/{session_id}/turns/{turn_id}"
    assert (api.get(path).json["status"], api.get(path).json["attempts"]) == ("queued", 0)
    run_worker()
    ended = api.get(path).json
    assert (ended["status"], ended["attempts"], ended["message"]["content"]) == ("completed", 1, "echo: hello")
