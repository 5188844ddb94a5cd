"""A turn over HTTP: its answer, the three views of it, its idempotency, and its refusals."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from chatkeep import sessions
from chatkeep.errors import BrokenThreadError
from chatkeep.messages import parts
from chatkeep.messages.listing import page
from chatkeep.telemetry.log_lines import UnspokenError
from tests.chat import deployment, new_session, send, sent
from tests.client import Client
from tests.views import transcript, views


def test_a_turn_answers_and_all_views_agree(api: Client, dynamodb: Any, user_id: str) -> None:
    session_id = new_session(api)
    first = sent(api, session_id, "good morning")
    sent(api, session_id, "and now")
    assert first["message"]["content"] == "echo: good morning"
    assert first["usage"] == {
        "input_tokens": 2,
        "output_tokens": 3,
        "total_tokens": 5,
        "cost": None,
        "estimated": False,
    }
    assert first["message"]["usage"] == first["usage"]
    assert first["user_message"]["usage"] is None
    now = views(dynamodb, user_id, session_id)
    now.check()
    now.check_nothing_is_pending()
    assert now.memory == [
        ("user", "good morning"),
        ("assistant", "echo: good morning"),
        ("user", "and now"),
        ("assistant", "echo: and now"),
    ]


def test_a_turn_moves_its_session_to_the_top_of_the_list(api: Client) -> None:
    older, newer = new_session(api), new_session(api)
    sent(api, older, "hello")
    listed = api.get("/sessions").json["sessions"]
    assert [one["session_id"] for one in listed] == [older, newer]
    assert listed[0]["message_count"] == 2


def test_the_same_key_and_body_get_the_first_answer_and_change_nothing(
    api: Client, dynamodb: Any, user_id: str
) -> None:
    session_id = new_session(api)
    first = sent(api, session_id, "once", key="k")
    before = views(dynamodb, user_id, session_id)
    assert sent(api, session_id, "once", key="k") == first
    assert views(dynamodb, user_id, session_id) == before


def test_the_same_key_with_another_body_is_refused(api: Client) -> None:
    session_id = new_session(api)
    sent(api, session_id, "once", key="k")
    refused = send(api, session_id, "twice", key="k")
    assert (refused.status, refused.json["code"]) == (422, "idempotency_key_reused")
    assert len(transcript(api, session_id)) == 2


def test_the_same_key_on_another_session_is_another_request(api: Client) -> None:
    one, other = new_session(api), new_session(api)
    assert sent(api, one, "hello", key="k")["turn_id"] != sent(api, other, "hello", key="k")["turn_id"]


def test_a_repetition_is_answered_when_the_session_is_archived_or_deleted_meanwhile(api: Client) -> None:
    session_id = new_session(api)
    first = sent(api, session_id, "once", key="k")
    api.patch(f"/sessions/{session_id}", json={"is_archived": True})
    assert sent(api, session_id, "once", key="k") == first
    api.delete(f"/sessions/{session_id}")
    assert sent(api, session_id, "once", key="k") == first


def test_a_deleted_session_refuses_a_turn(api: Client) -> None:
    session_id = new_session(api)
    api.delete(f"/sessions/{session_id}")
    refused = send(api, session_id, "hello")
    assert (refused.status, refused.json["code"]) == (409, "session_deleted")


def test_an_archived_session_takes_turns_again_once_it_is_unarchived(api: Client) -> None:
    session_id = new_session(api)
    api.patch(f"/sessions/{session_id}", json={"is_archived": True})
    refused = send(api, session_id, "hello")
    assert (refused.status, refused.json["code"]) == (409, "session_archived")
    api.patch(f"/sessions/{session_id}", json={"is_archived": False})
    sent(api, session_id, "hello")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "content"),
        ({"content": ""}, "content"),
        ({"content": None}, "content"),
        ({"content": 7}, "content"),
        ({"content": ["hello"]}, "content"),
        ({"content": "x" * 100_001}, "content"),
        ({"content": "\ud800"}, "content"),
        ({"content": "hello", "strategy": "queue"}, "strategy"),
        ({"content": "hello", "strategy": None}, "strategy"),
        ({"content": "hello", "role": "system"}, "role"),
        ([], "body"),
    ],
)
def test_a_message_that_breaks_a_rule_is_refused_by_the_name_of_its_field(api: Client, body: Any, field: str) -> None:
    session_id = new_session(api)
    refused = api.post(f"/sessions/{session_id}/messages", json=body)
    assert refused.status == 422
    assert [one["field"] for one in refused.json["errors"]] == [field]
    assert transcript(api, session_id) == []


def test_a_question_of_a_wrong_length_is_refused_in_words_about_text(api: Client) -> None:
    refused = send(api, new_session(api), "")
    assert refused.json["detail"] == "content: String should have at least 1 character"


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there"])
def test_a_key_that_is_not_printable_or_of_no_fit_length_is_refused(api: Client, key: str) -> None:
    refused = send(api, new_session(api), "hello", key=key)
    assert refused.status == 422
    assert refused.json["errors"][0]["field"] == "Idempotency-Key"


@pytest.mark.parametrize("session_id", ["8b0c11a9-3a0c-4b0e-9d0c-3f6f1f5f3c11", "nonsense", "x" * 2_000])
@pytest.mark.parametrize("key", [None, "k"])
def test_an_unknown_session_takes_no_turn(api: Client, session_id: str, key: str | None) -> None:
    refused = send(api, session_id, "hello", key=key)
    assert (refused.status, refused.json["code"]) == (404, "session_not_found")


def test_a_session_of_somebody_else_is_unknown(api: Client) -> None:
    session_id = new_session(api)
    stranger = api.as_user("somebody-else")
    assert send(stranger, session_id, "hello").status == 404
    assert stranger.post(f"/sessions/{session_id}/cancel").status == 404
    assert transcript(api, session_id) == []


@pytest.mark.parametrize("route", ["messages", "cancel"])
def test_without_a_token_there_is_no_turn_and_no_cancel(api: Client, route: str) -> None:
    session_id = new_session(api)
    assert api.anonymous().post(f"/sessions/{session_id}/{route}", json={"content": "hello"}).status == 401


def test_a_cancel_without_a_running_turn_is_refused(api: Client) -> None:
    session_id = new_session(api)
    refused = api.post(f"/sessions/{session_id}/cancel")
    assert (refused.status, refused.json["code"]) == (409, "no_turn_running")
    assert api.post(f"/sessions/{uuid4()}/cancel").status == 404


@pytest.fixture
def own_graph(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[None]:
    with deployment(monkeypatch, {"GRAPH": f"tests.graphs:{request.param}"}):
        yield


@pytest.mark.parametrize("own_graph", ["agent"], indirect=True)
@pytest.mark.usefixtures("own_graph")
def test_an_agent_with_tools_stores_their_messages_and_records_each_call_by_its_kind(
    api: Client, dynamodb: Any, user_id: str
) -> None:
    session_id = new_session(api)
    answer = sent(api, session_id, "one three")
    assert answer["message"]["content"] == "The sum is 8."
    assert answer["usage"] == {
        "input_tokens": 20,
        "output_tokens": 10,
        "total_tokens": 30,
        "cost": None,
        "estimated": False,
    }
    now = views(dynamodb, user_id, session_id)
    now.check()
    assert [one["role"] for one in now.transcript] == ["user", "assistant", "tool", "assistant"]
    assert now.transcript[1]["tool_calls"][0]["args"] == {"numbers": [3, 5]}
    shown = api.get(f"/sessions/{session_id}/messages").json["messages"]
    assert shown[2]["tool_call_id"] == shown[1]["tool_calls"][0]["id"]
    assert [one["tool_status"] for one in shown] == [None, None, "success", None]
    assert [one["context_tokens"] for one in shown] == [None, None, None, 15]  # of the second call alone
    assert [call["kind"] for call in _calls(now.turns[answer["turn_id"]])] == ["tool", "message"]


def _calls(turn: dict[str, Any]) -> list[dict[str, Any]]:

    calls: list[dict[str, Any]] = json.loads(turn["calls"])
    return calls


@pytest.mark.parametrize("own_graph", ["careless"], indirect=True)
@pytest.mark.usefixtures("own_graph")
def test_a_tool_call_that_a_turn_left_open_is_answered_by_the_next(api: Client, dynamodb: Any, user_id: str) -> None:
    session_id = new_session(api)
    sent(api, session_id, "first")
    second = sent(api, session_id, "second")
    now = views(dynamodb, user_id, session_id)
    now.check()
    assert [role for role, _ in now.memory] == ["user", "assistant", "tool", "user", "assistant"]
    assert second["user_message"]["content"] == "second"


@pytest.mark.parametrize("own_graph", ["mute"], indirect=True)
@pytest.mark.usefixtures("own_graph")
def test_a_graph_that_ends_without_an_answer_fails_is_billed_and_leaves_nothing_else(
    api: Client, dynamodb: Any, user_id: str
) -> None:
    session_id = new_session(api)
    failed = send(api, session_id, "say something")
    assert (failed.status, failed.json["code"]) == (500, "graph_failed")
    assert "retry-after" not in failed.headers
    now = views(dynamodb, user_id, session_id)
    now.check()
    now.check_nothing_is_pending()
    assert now.memory == []
    assert [(turn["status"], turn["input_tokens"]) for turn in now.turns.values()] == [("failed", 2)]


def test_the_longest_question_and_its_answer_are_shown_whole(api: Client, dynamodb: Any, user_id: str) -> None:
    session_id, question = new_session(api), "\U0001f600" * 100_000
    answer = sent(api, session_id, question)
    assert answer["message"]["content"] == f"echo: {question}"
    now = views(dynamodb, user_id, session_id)
    now.check()
    assert now.transcript[0]["content"] == question
    rated = f"/sessions/{session_id}/messages/{answer['message']['message_id']}/feedback"
    assert (
        api.put(rated, json={"rating": "thumbs_up", "comment": "\U0001f600" * 5_000}).json["content"].endswith(question)
    )


@pytest.mark.parametrize("own_graph", ["flood"], indirect=True)
@pytest.mark.parametrize("calls", ["8 700000", "120 10"], ids=["5.6 MB of results", "122 messages"])
@pytest.mark.usefixtures("own_graph")
def test_a_turn_over_the_limits_of_a_transaction_is_stored_whole(
    api: Client, dynamodb: Any, user_id: str, calls: str
) -> None:
    session_id = new_session(api)
    first = sent(api, session_id, calls, key="k")
    assert sent(api, session_id, calls, key="k") == first
    sent(api, session_id, "1 10")
    now = views(dynamodb, user_id, session_id)
    now.check()
    assert "written_ahead" not in now.session
    assert len(now.transcript) == int(calls.split()[0]) + 3 + 4


def test_a_part_that_is_missing_is_an_error_and_no_shorter_message(api: Client, dynamodb: Any, user_id: str) -> None:
    session_id = new_session(api)
    message_id = sent(api, session_id, "\U0001f600" * 100_000)["message"]["message_id"]
    key = {"pk": {"S": f"SESSION#{user_id}#{session_id}"}, "sk": {"S": f"PART#{message_id}#0000"}}
    assert dynamodb.delete_item(TableName="chatkeep-SessionsTable", Key=key, ReturnValues="ALL_OLD")["Attributes"]
    with pytest.raises(BrokenThreadError, match=message_id):
        page(sessions.header(user_id, session_id), limit=50, after=None, newest_first=False)


def test_an_ordinary_message_needs_no_parts(api: Client, dynamodb: Any, user_id: str) -> None:
    session_id = new_session(api)
    sent(api, session_id, "x" * (parts.INLINE_BYTES // 4))
    found = dynamodb.query(
        TableName="chatkeep-SessionsTable",
        KeyConditionExpression="pk = :pk AND begins_with(sk, :part)",
        ExpressionAttributeValues={":pk": {"S": f"SESSION#{user_id}#{session_id}"}, ":part": {"S": "PART#"}},
    )
    assert found["Count"] == 0


def test_a_deployment_with_a_graph_that_does_not_exist_fails_as_a_whole(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = new_session(api)
    with (
        deployment(monkeypatch, {"GRAPH": "tests.graphs:nothing"}),
        pytest.raises(UnspokenError, match="AttributeError"),
    ):
        send(api, session_id, "hello")
    sent(api, session_id, "hello")
