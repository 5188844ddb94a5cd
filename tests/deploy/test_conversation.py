"""A conversation through the deployed gateway, authorizer, functions, tables and Bedrock."""

import time
from typing import Any

import httpx

from tests.deploy.deployment import Deployment
from tests.deploy.emulator import SECONDS_TO_ANSWER
from tests.deploy.talk import PROMPT, Talk, answers


def test_a_session_starts_with_the_users_preferences(ada: httpx.Client, talk: Talk) -> None:
    session = ada.get(talk.path).json()
    assert session["temperature"] == 0.2
    assert session["custom_system_prompt"] == PROMPT
    assert session["model_name"] == "bedrock:global.anthropic.claude-haiku-4-5-20251001-v1:0"


def test_the_model_is_given_the_prompt_and_the_whole_conversation(talk: Talk) -> None:
    assert all(answers(talk.said[place], talk.said[:place]) for place in (1, 3, 5))


def test_memory_is_billed(talk: Talk) -> None:
    tokens = [answer["message"]["usage"]["input_tokens"] for answer in talk.answers]
    assert tokens == sorted(set(tokens))
    assert tokens[0] > 0


def test_a_repeated_key_gets_the_first_answer_and_no_second_turn(ada: httpx.Client, talk: Talk) -> None:
    question = talk.answers[1]["user_message"]["content"]
    repeated = ada.post(f"{talk.path}/messages", json={"content": question}, headers={"Idempotency-Key": question})
    assert (repeated.status_code, repeated.json()) == (200, talk.answers[1])
    assert ada.get(talk.path).json()["message_count"] == 6


def test_the_transcript_has_what_was_said_in_order(ada: httpx.Client, talk: Talk) -> None:
    assert contents(ada, talk.path) == talk.said
    assert contents(ada, talk.path, order="desc", limit=2) == talk.said[:-3:-1]


def contents(client: httpx.Client, path: str, **params: Any) -> list[str]:
    page = client.get(f"{path}/messages", params=params)
    assert page.status_code == 200, page.text
    return [message["content"] for message in page.json()["messages"]]


def test_an_answer_is_rated(ada: httpx.Client, talk: Talk) -> None:
    message = talk.answers[0]["message"]["message_id"]
    rated = ada.put(f"{talk.path}/messages/{message}/feedback", json={"rating": "thumbs_up"})
    assert rated.status_code == 200
    assert ada.get(f"{talk.path}/stats").json()["thumbs_up"] == 1


def test_a_session_is_found_by_a_part_of_its_metadata(ada: httpx.Client, talk: Talk) -> None:
    assert [one["session_id"] for one in ada.get("/sessions?q=nordics").json()["sessions"]] == [talk.session_id]
    assert ada.get("/sessions?q=tropics").json()["sessions"] == []


def test_a_session_is_pinned_archived_and_brought_back(ada: httpx.Client, talk: Talk) -> None:
    for change in ({"is_pinned": True}, {"is_archived": True}):
        assert ada.patch(talk.path, json=change).status_code == 200
    archived = ada.get("/sessions?status=archived").json()["sessions"]
    assert [(one["session_id"], one["is_pinned"]) for one in archived] == [(talk.session_id, True)]
    assert ada.patch(talk.path, json={"is_archived": False}).status_code == 200


def test_counters_are_the_sum_of_the_turns(ada: httpx.Client, talk: Talk) -> None:
    spent = sum(answer["message"]["usage"]["total_tokens"] for answer in talk.answers)
    session, user = ada.get(f"{talk.path}/stats").json(), ada.get("/stats").json()
    assert (session["message_count"], session["total_tokens"]) == (6, spent)
    assert (user["total_messages"], user["total_tokens"]) == (6, spent)
    days = ada.get("/stats/daily").json()["days"]
    assert sum(day["input_tokens"] + day["output_tokens"] for day in days) == spent
    assert user["total_cost"] > 0


def test_a_background_turn_is_handed_to_the_worker_and_run(development: Deployment) -> None:
    bob = development.client(development.invite("bob@example.com"))
    path = f"/sessions/{bob.post('/sessions', json={}).json()['session_id']}"
    asked = bob.post(f"{path}/messages", json={"content": "Take your time", "background": True})
    assert asked.status_code == 202, asked.text
    ends = time.monotonic() + SECONDS_TO_ANSWER
    while len(said := contents(bob, path)) < 2 and time.monotonic() < ends:
        time.sleep(0.5)
    assert said[:1] == ["Take your time"]
    assert len(said) == 2


def test_a_foreign_user_does_not_find_the_session(development: Deployment, talk: Talk) -> None:
    mallory = development.client(development.invite("mallory@example.com"))
    assert mallory.get(talk.path).status_code == 404
    assert mallory.post(f"{talk.path}/messages", json={"content": "Hello"}).status_code == 404
    assert mallory.get("/sessions").json()["sessions"] == []


def test_a_deleted_session_takes_no_turn_and_leaves_the_list(ada: httpx.Client) -> None:
    session_id = ada.post("/sessions", json={"title": "For a moment"}).json()["session_id"]
    assert ada.delete(f"/sessions/{session_id}").json()["status"] == "deleted"
    refused = ada.post(f"/sessions/{session_id}/messages", json={"content": "Still there?"})
    assert (refused.status_code, refused.json()["code"]) == (409, "session_deleted")
    assert session_id not in ada.get("/sessions").text
