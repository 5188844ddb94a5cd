"""Requests to make an answer again that are refused: with a clear problem, and nothing is changed."""

from collections.abc import Callable
from typing import Any

import pytest

from chatkeep.agent import runtime
from chatkeep.messages import branches
from tests.chat import new_session, send_again, sent, sent_again
from tests.client import Client, Response
from tests.faults.stored import Stored, scan
from tests.views import SESSIONS_TABLE, views

Answer = dict[str, Any]
UNKNOWN = "01234567-89ab-7def-8123-456789abcdef"


@pytest.fixture
def session_id(api: Client) -> str:
    return new_session(api)


def id_of(answer: Answer) -> str:
    return str(answer["message"]["message_id"])


def contents(dynamodb: Any, api: Client) -> Stored:
    """All that is stored of the user's sessions but where leases stand."""
    found = scan(dynamodb)
    for item in found.values():
        item.pop("lease_fence", None)
    return Stored({key: item for key, item in found.items() if str(api.user_id) in key[1]})


def check_refused(response: Response, status: int, code: str, field: str | None = None) -> None:
    assert (response.status, response.json["code"]) == (status, code), response.text
    assert [one["field"] for one in response.json.get("errors", [])] == ([field] if field else [])


BODIES: dict[str, tuple[dict[str, Any], str]] = {
    "neither": ({}, "content"),
    "both": ({"content": "hello", "regenerate": UNKNOWN}, "regenerate"),
    "no id": ({"regenerate": "the last one"}, "regenerate"),
    "an id in capitals": ({"regenerate": UNKNOWN.upper()}, "regenerate"),
    "a number": ({"regenerate": 7}, "regenerate"),
    "null": ({"regenerate": None}, "regenerate"),
    "no text": ({"regenerate": ""}, "regenerate"),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_has_either_a_question_or_an_answers_id(api: Client, session_id: str, name: str) -> None:
    body, field = BODIES[name]
    check_refused(api.post(f"/sessions/{session_id}/messages", json=body), 422, "invalid_field", field)


def test_only_an_answer_of_the_session_can_be_made_again(api: Client, dynamodb: Any, session_id: str) -> None:
    answer = sent(api, session_id, "one")
    other = new_session(api)
    before = contents(dynamodb, api)
    question = answer["user_message"]["message_id"]
    check_refused(send_again(api, session_id, question), 422, "invalid_field", "regenerate")
    check_refused(send_again(api, session_id, UNKNOWN), 404, "message_not_found")
    check_refused(send_again(api, other, id_of(answer)), 404, "message_not_found")
    check_refused(send_again(api.as_user("another"), session_id, id_of(answer)), 404, "session_not_found")
    assert contents(dynamodb, api) == before


def test_an_archived_or_deleted_sessions_answer_is_not_made_again(api: Client, session_id: str) -> None:
    answer = sent(api, session_id, "one")
    api.patch(f"/sessions/{session_id}", json={"is_archived": True})
    check_refused(send_again(api, session_id, id_of(answer)), 409, "session_archived")
    api.delete(f"/sessions/{session_id}")
    check_refused(send_again(api, session_id, id_of(answer)), 409, "session_deleted")


def without_checkpoints(dynamodb: Any, api: Client, session_id: str, answer: Answer) -> None:
    """Have the turn's record be one of before turns named their checkpoints."""
    key = {"pk": {"S": f"SESSION#{api.user_id}#{session_id}"}, "sk": {"S": f"TURN#{answer['turn_id']}"}}
    dynamodb.update_item(TableName=SESSIONS_TABLE, Key=key, UpdateExpression="REMOVE started_from, checkpoint_id")


def prune(dynamodb: Any, api: Client, session_id: str, answer: Answer) -> None:
    runtime.saver().prune([session_id])


@pytest.mark.parametrize("remove", [without_checkpoints, prune])
@pytest.mark.parametrize("strategy", ["reject", "interrupt"])
def test_an_answer_whose_checkpoint_is_gone_stays_as_it_is(
    api: Client, dynamodb: Any, session_id: str, remove: Callable[..., None], strategy: str
) -> None:
    _, two = sent(api, session_id, "one"), sent(api, session_id, "two")
    remove(dynamodb, api, session_id, two)
    before = contents(dynamodb, api)
    check_refused(send_again(api, session_id, id_of(two), strategy=strategy), 409, "checkpoint_gone")
    assert contents(dynamodb, api) == before
    sent(api, session_id, "three")
    views(dynamodb, str(api.user_id), session_id).check()


def test_a_checkpoint_that_is_pruned_after_the_answer_was_found_fails_the_turn(
    api: Client, dynamodb: Any, session_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, two = sent(api, session_id, "one"), sent(api, session_id, "two")
    prune(dynamodb, api, session_id, two)
    before = contents(dynamodb, api)
    monkeypatch.setattr(type(runtime.saver()), "holds", lambda *_: True)
    check_refused(send_again(api, session_id, id_of(two)), 409, "checkpoint_gone")
    assert contents(dynamodb, api) == before


def test_the_answer_to_a_question_of_an_inactive_branch_is_not_made_again(
    api: Client, dynamodb: Any, session_id: str
) -> None:
    one, two = sent(api, session_id, "one"), sent(api, session_id, "two")
    sent_again(api, session_id, id_of(one))
    before = contents(dynamodb, api)
    check_refused(send_again(api, session_id, id_of(two)), 409, "message_not_active")
    assert contents(dynamodb, api) == before


@pytest.mark.parametrize("limit", ["MOST_VERSIONS", "MOST_PAIRS"])
def test_versions_are_bounded(
    api: Client, dynamodb: Any, session_id: str, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(branches, limit, 3)
    answer = sent(api, session_id, "one")
    made = 0
    while (refused := send_again(api, session_id, id_of(answer))).status == 200:
        made += 1
    check_refused(refused, 409, "too_many_versions")
    assert made == 2, "beside the first one" if limit == "MOST_VERSIONS" else "pairs of a question and a version"
    found = views(dynamodb, str(api.user_id), session_id)
    found.check()
    found.check_nothing_is_pending()
