"""POST /chat and GET /chat/{id}/stream: a conversation with AI SDK's `useChat`."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from functions.stream.app import app
from tests.chat import deployment, meanwhile, new_session, sent
from tests.client import Client
from tests.front_ends import Chat, words
from tests.protocols import use_chat
from tests.streaming import StreamClient, headers_of, served

ASKED: dict[str, Any] = {"id": "m1", "role": "user", "parts": [{"type": "text", "text": "hello"}]}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(app) as address:
        yield address


@pytest.fixture
def chat(api: Client, url: str, user_id: str) -> Chat:
    return Chat(url, user_id)


def transcript(api: Client, session_id: str) -> list[dict[str, object]]:
    page: list[dict[str, object]] = api.get(f"/sessions/{session_id}/messages?format=ui&limit=200").json["messages"]
    return page


def said(chat: Chat) -> list[str]:
    return [words(one) for one in chat.messages]


def test_a_conversation_comes_back_as_it_was_shown(api: Client, chat: Chat) -> None:
    api.put("/preferences", json={"default_temperature": 0.25})
    assert chat.say("one two").end["finishReason"] == "stop"
    chat.say("three")
    assert said(chat) == ["one two", "echo: one two", "three", "echo: three"]
    assert transcript(api, "my-chat") == chat.messages
    session = api.get("/sessions/my-chat").json
    assert (session["temperature"], session["title"], session["message_count"]) == (0.25, "New Conversation", 4)


def test_a_session_that_a_chat_makes_is_like_any_other(api: Client, chat: Chat) -> None:
    api.put("/preferences", json={"default_max_tokens": 77, "default_expire_after_days": 9})
    chat.say("hello")
    new_session(api, session_id="another")
    made, other = (api.get(f"/sessions/{name}").json for name in ("my-chat", "another"))
    own = {"session_id", "created_at", "updated_at", "last_message_at", "message_count", "total_tokens_used"}
    assert {name for name in made if made[name] != other[name]} <= own


def test_a_session_of_our_own_goes_on_as_a_chat_with_its_tools(
    api: Client, chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:agent"}):
        chat.id = new_session(api)
        sent(api, chat.id, "some words")
        chat.messages = transcript(api, chat.id)  # type: ignore[assignment]
        chat.say("two more words")
        assert [part["type"] for part in chat.messages[-1]["parts"]] == [
            *("step-start", "dynamic-tool", "step-start", "text")
        ]
        assert transcript(api, chat.id)[-1] == chat.messages[-1]


def test_the_same_message_once_more_replays_its_turn(api: Client, chat: Chat) -> None:
    chat.say("hello", "a-message")
    first = chat.messages.pop()
    again = chat.post()
    assert use_chat.read(again.content).message == first
    assert api.get("/sessions/my-chat").json["message_count"] == 2


def test_the_same_message_with_other_words_is_refused_in_plain_words(chat: Chat) -> None:
    chat.say("hello", "a-message")
    chat.messages = []
    chat.messages.append({"id": "a-message", "role": "user", "parts": [{"type": "text", "text": "bye"}]})
    answer = chat.post()
    assert (answer.status_code, answer.headers["content-type"]) == (422, "text/plain; charset=utf-8")
    assert answer.text == "messages.0.id: was used before with another body"


def test_two_tabs_and_a_reload_get_one_answer(api: Client, chat: Chat) -> None:
    session_id = new_session(api, session_id="my-chat", model_name="scripted:slow")
    tabs: list[dict[str, object] | None] = []

    def reload() -> None:
        while (stream := chat.resume()).status_code == 204:
            time.sleep(0.05)
        tabs.append(use_chat.read(stream.content).message)

    def repeat() -> None:
        tabs.append(use_chat.read(Chat(chat.url, chat.user_id, messages=chat.messages[:1]).post().content).message)

    threads = [threading.Thread(target=one) for one in (reload, repeat)]
    with meanwhile(lambda: time.sleep(0.4), lambda: [one.start() for one in threads]):
        chat.say("one two three four")
    for one in threads:
        one.join()
    assert tabs == [chat.messages[-1]] * 2
    assert [one["id"] for one in transcript(api, session_id)] == [one["id"] for one in chat.messages]


def test_a_chat_in_which_nothing_runs_answers_204(api: Client, chat: Chat) -> None:
    assert chat.resume().status_code == 204
    chat.say("hello")
    resumed = chat.resume()
    assert (resumed.status_code, resumed.content) == (204, b"")


def test_a_uuid_that_is_no_session_is_not_found(api: Client, chat: Chat) -> None:
    chat.id = "0199aaaa-0000-7000-8000-00000000000A"
    chat.messages = [{"id": "m", "role": "user", "parts": [{"type": "text", "text": "hello"}]}]
    assert (chat.post().status_code, chat.resume().status_code) == (404, 404)
    assert api.get("/sessions").json["sessions"] == []


def test_an_answer_is_made_again(api: Client, chat: Chat) -> None:
    chat.say("hello")
    first = chat.messages[-1]
    assert words(chat.regenerate().message) == words(chat.regenerate(chat.messages[-1]["id"]).message) == "echo: hello"
    assert len(chat.messages) == 2
    assert chat.messages[-1]["id"] != first["id"]
    assert [one["id"] for one in transcript(api, "my-chat")] == [one["id"] for one in chat.messages]


@pytest.mark.parametrize("is_named", [False, True])
def test_no_answer_is_made_again_to_a_question_that_was_edited(api: Client, chat: Chat, is_named: bool) -> None:
    chat.say("hello")
    old = sent(api, "my-chat", "and again")["user_message"]["message_id"]
    answers = [one["id"] for one in transcript(api, "my-chat") if one["role"] == "assistant"]
    for asked, answer in zip([chat.messages[0]["id"], old], answers, strict=True):
        chat.messages = [{"id": asked, "role": "user", "parts": [{"type": "text", "text": "bye"}]}]
        again = chat.post(trigger="regenerate-message", **({"messageId": answer} if is_named else {}))
        assert (again.status_code, again.text) == (422, "messages.0.id: was used before with another body")
    assert api.get("/sessions/my-chat").json["message_count"] == 4


def test_a_question_that_failed_is_asked_again_and_no_older_one(api: Client, chat: Chat) -> None:
    chat.say("hello")
    api.patch("/sessions/my-chat", json={"model_name": "scripted:fail"})
    chat.messages.append({"id": "lost", "role": "user", "parts": [{"type": "text", "text": "and now?"}]})
    assert use_chat.read(chat.post().content).end["type"] == "error"
    api.patch("/sessions/my-chat", json={"model_name": "scripted:echo"})
    chat.regenerate()
    assert said(chat) == ["hello", "echo: hello", "and now?", "echo: and now?"]


def test_a_turn_that_is_stopped_ends_as_aborted_with_its_words(api: Client, chat: Chat) -> None:
    new_session(api, session_id="my-chat", model_name="scripted:slow")
    with meanwhile(lambda: time.sleep(1), lambda: api.post("/sessions/my-chat/cancel")):
        turn = chat.say("one two three four")
    assert turn.end["type"] == "abort"
    assert chat.messages[-1]["metadata"]["status"] == "cancelled"
    assert transcript(api, "my-chat")[-1] == chat.messages[-1]


def test_a_turn_beside_another_is_refused_in_plain_words(api: Client, chat: Chat) -> None:
    new_session(api, session_id="my-chat", model_name="scripted:slow")
    other = Chat(
        chat.url, chat.user_id, messages=[{"id": "b", "role": "user", "parts": [{"type": "text", "text": "x"}]}]
    )
    refused = []
    with meanwhile(lambda: time.sleep(0.5), lambda: refused.append(other.post())):
        chat.say("one two three")
    assert refused[0].status_code == 409
    assert not refused[0].text.startswith("{")


def test_the_same_chat_id_of_another_user_is_another_chat(api: Client, chat: Chat, url: str) -> None:
    chat.say("hello")
    assert Chat(url, f"{chat.user_id}-2").say("hello").message is not None
    assert api.get("/sessions/my-chat").json["message_count"] == 2


def test_the_native_stream_of_a_chats_turn_is_there_too(chat: Chat, url: str) -> None:
    chat.say("hello")
    turn_id = chat.messages[-1]["metadata"]["turn_id"]
    assert "event: done" in StreamClient(url, chat.user_id).resume("my-chat", turn_id).text


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"id": "a b"}, "id"),
        ({"messages": []}, "messages"),
        ({"messages": [{**ASKED, "id": "ü"}]}, "messages.0.id"),
        ({"messages": [{**ASKED, "parts": [{"type": "file", "url": "x"}]}]}, "messages.0.parts.0"),
        ({"messages": [ASKED, {**ASKED, "role": "assistant"}]}, "messages"),
    ],
)
def test_a_hostile_body_is_refused_by_the_name_of_its_field(
    api: Client, chat: Chat, body: dict[str, Any], field: str
) -> None:
    answer = chat.post(**{"messages": [ASKED], **body})
    assert (answer.status_code, answer.text.partition(": ")[0]) == (422, field)
    assert api.get("/sessions").json["sessions"] == []


def test_what_is_not_known_is_ignored(chat: Chat) -> None:
    more = {
        "selectedModel": "x",
        "id2": None,
        "messages": [{**ASKED, "metadata": 1, "parts": [*ASKED["parts"], {"type": "data-x"}]}],
    }
    assert words(use_chat.read(chat.post(**more).content).message) == "echo: hello"


def test_a_key_that_is_none_is_refused(url: str, user_id: str) -> None:
    message = {"id": "m1", "role": "user", "parts": [{"type": "text", "text": "hello"}]}
    body = {"id": "my-chat", "messages": [message], "trigger": "submit-message"}
    headers = headers_of(user_id, idempotency_key="x" * 256)
    answer = httpx.post(f"{url}/chat", json=body, headers=headers)
    assert (answer.status_code, answer.text.partition(":")[0]) == (422, "Idempotency-Key")
