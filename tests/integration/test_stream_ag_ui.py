"""POST /ag-ui: runs of an AG-UI client."""

import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from functions.stream.app import app
from tests.chat import deployment, meanwhile, new_session, sent
from tests.client import Client
from tests.front_ends import Agent, Chat, parts
from tests.streaming import served


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(app) as address:
        yield address


@pytest.fixture
def agent(api: Client, url: str, user_id: str) -> Agent:
    return Agent(url, user_id)


def turn(question: str) -> list[tuple[str, str]]:
    return [("user", question), ("assistant", f"echo: {question}")]


def test_a_conversation_is_stored_in_the_session_of_the_thread(api: Client, agent: Agent) -> None:
    assert agent.run("one two").end["outcome"] == {"type": "success"}
    agent.run("three")
    assert agent.said() == [
        ("user", "one two"),
        ("assistant", "echo: one two"),
        ("user", "three"),
        ("assistant", "echo: three"),
    ]
    stored = api.get("/sessions/my-thread/messages?format=ui").json["messages"]
    assert [one["id"] for one in stored] == [one["id"] for one in agent.messages]


def test_a_client_that_has_all_is_not_sent_the_transcript(agent: Agent) -> None:
    agent.run("one")
    agent.messages.append({"id": "next", "role": "user", "content": "two"})
    assert [one["type"] for one in parts(agent.post())][:2] == ["RUN_STARTED", "TEXT_MESSAGE_START"]


def test_an_old_thread_is_opened_and_goes_on(
    api: Client, url: str, user_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:agent"}):
        first, page = Agent(url, user_id), Agent(url, user_id)
        first.run("some words")
        page.run()
        assert page.messages == first.messages
        assert [one["role"] for one in page.messages] == ["user", "assistant", "tool", "assistant"]
        page.run("more words")
        assert len(page.messages) == 8


def test_a_client_without_the_transcript_can_ask_at_once(api: Client, url: str, user_id: str) -> None:
    Agent(url, user_id).run("one")
    late = Agent(url, user_id, messages=[{"id": "late", "role": "user", "content": "two"}])
    late.run()
    assert late.said() == [*turn("one"), *turn("two")]


def test_a_thread_of_the_clients_own_uuid_is_one_session(api: Client, agent: Agent) -> None:
    agent.thread_id = str(uuid.uuid4())
    agent.run("one")
    agent.run("two")
    (session,) = api.get("/sessions").json["sessions"]
    assert (session["session_id"], session["message_count"]) == (f"ag-ui:{agent.thread_id}", 4)


def test_a_session_of_our_own_is_a_thread(api: Client, agent: Agent) -> None:
    agent.thread_id = new_session(api)
    sent(api, agent.thread_id, "before")
    agent.run("now")
    assert agent.said()[-2:] == [("user", "now"), ("assistant", "echo: now")]
    assert len(api.get("/sessions").json["sessions"]) == 1


def test_the_same_message_once_more_is_the_same_turn(api: Client, url: str, agent: Agent) -> None:
    agent.run("hello")
    asked = agent.messages[0]
    again = Agent(url, agent.user_id, messages=[asked])
    again.run()
    assert again.messages == agent.messages
    assert api.get("/sessions/my-thread").json["message_count"] == 2


def test_the_same_message_with_other_words_is_refused(url: str, agent: Agent) -> None:
    agent.run("hello")
    agent.messages = [{**agent.messages[0], "content": "bye"}]
    answer = agent.post()
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


def test_messages_that_were_answered_as_one_are_not_asked_again(api: Client, url: str, agent: Agent) -> None:
    both = [{"id": name, "role": "user", "content": name} for name in ("first", "second")]
    for _ in range(2):
        client = Agent(url, agent.user_id, messages=list(both))
        client.run()
        assert client.said()[-1] == ("assistant", "echo: first\n\nsecond")
    client = Agent(url, agent.user_id, messages=[*both, {"id": "third", "role": "user", "content": "third"}])
    client.run()
    assert client.said() == [*turn("first\n\nsecond"), *turn("third")]
    assert api.get("/sessions/my-thread").json["message_count"] == 4


def test_what_was_said_while_a_run_failed_is_not_lost(api: Client, agent: Agent) -> None:
    new_session(api, session_id="my-thread", model_name="scripted:fail")
    assert agent.run("first").end["type"] == "RUN_ERROR"
    api.patch("/sessions/my-thread", json={"model_name": "scripted:echo"})
    agent.run("second")
    assert agent.said()[-1] == ("assistant", "echo: first\n\nsecond")


def test_a_run_that_is_stopped_says_so(api: Client, agent: Agent) -> None:
    new_session(api, session_id="my-thread", model_name="scripted:slow")
    with meanwhile(lambda: time.sleep(1), lambda: api.post("/sessions/my-thread/cancel")):
        assert agent.run("one two three four").end["outcome"] == {"type": "cancelled"}


def test_both_protocols_speak_of_one_conversation(agent: Agent, url: str) -> None:
    agent.run("hello")
    chat = Chat(url, agent.user_id, id="my-thread")
    chat.say("and you?", "from-chat")
    late = Agent(url, agent.user_id)
    late.run()
    assert [one["id"] for one in late.messages] == [
        *[one["id"] for one in agent.messages],
        *[one["id"] for one in chat.messages],
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"threadId": "a b"}, "threadId"),
        ({"runId": None}, "runId"),
        ({"messages": [{"content": "hello"}]}, "messages.0"),
        ({"messages": [{"id": "ü", "role": "user", "content": "hello"}]}, "messages.0.id"),
        ({"messages": [{"id": "m", "role": "user", "content": [{"type": "binary"}]}]}, "messages.0.content.0"),
    ],
)
def test_a_hostile_body_is_refused_by_the_name_of_its_field(
    api: Client, agent: Agent, body: dict[str, Any], field: str
) -> None:
    answer = agent.post(**body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert api.get("/sessions").json["sessions"] == []


def test_an_answer_of_any_shape_in_the_clients_list_is_passed_over(agent: Agent) -> None:
    agent.run("one")
    answer = agent.post(messages=[{"id": [], "role": "assistant"}, {"id": {}, "role": "x", "content": None}])
    assert answer.status_code == 200
    assert [one["type"] for one in parts(answer)] == ["RUN_STARTED", "MESSAGES_SNAPSHOT", "RUN_FINISHED"]
