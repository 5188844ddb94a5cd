"""Rules about the stream that AI SDK's `useChat` reads."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given

from chatkeep.messages import ui_messages
from chatkeep.models.message import Message
from chatkeep.streams.event import Event, Name
from functions.stream.protocols.ai_sdk import UIMessageStream
from tests.protocols import sse, use_chat
from tests.protocols.event_lists import (
    AT,
    NAMES,
    PROBLEM,
    TURN,
    TURN_EVENT,
    answer,
    ended,
    events_of,
    few,
    numbered,
    spoken,
    stored_turns,
    token,
    turns,
    view,
)
from tests.protocols.streamed import streamed
from tests.protocols.use_chat import Shown

USAGE = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5, "estimated": False}


def stream(events: Sequence[Event]) -> bytes:
    return streamed(UIMessageStream(), events)


def shown(*named: tuple[Name, dict[str, Any]]) -> Shown:
    return use_chat.read(stream(numbered([TURN_EVENT, *named])))


@few
@given(turn=turns())
def test_every_list_of_events_is_a_stream_that_the_client_takes(turn: list[Event]) -> None:
    use_chat.read(stream(turn))


@few
@given(turn=turns())
def test_the_client_shows_all_words_of_each_message(turn: list[Event]) -> None:
    texts: dict[str, str] = {}
    for name, text in spoken([(one.name, one.data) for one in turn if one.name in (Name.TOKEN, Name.TOOL_CALL)]):
        texts[name] = texts.get(name, "") + text
    message = use_chat.read(stream(turn)).message
    said = "".join(part["text"] for part in message["parts"] if part["type"] == "text") if message else ""
    assert sorted(said) == sorted("".join(texts.values()))


@few
@given(stored=stored_turns())
def test_a_reload_shows_what_the_stream_showed(stored: list[Message]) -> None:
    _, reloaded = ui_messages.of(stored, "my-chat")
    live = use_chat.read(stream(events_of(stored))).message
    assert reloaded.model_dump(mode="json") == live


def test_an_answer_has_its_metadata_at_the_start_and_the_rest_at_the_end() -> None:
    events = [TURN_EVENT, token("Hello"), token("!"), (Name.MESSAGE, view(answer("completed"))), ended("completed")]
    parts = sse.data(stream(numbered(events)))
    told = {"session_id": "my-chat", "turn_id": TURN}
    assert parts[0] == {"type": "start", "messageId": NAMES[0], "messageMetadata": told}
    assert parts[1:-2] == [
        {"type": "start-step"},
        {"type": "text-start", "id": NAMES[0]},
        {"type": "text-delta", "id": NAMES[0], "delta": "Hello"},
        {"type": "text-delta", "id": NAMES[0], "delta": "!"},
        {"type": "text-end", "id": NAMES[0]},
        {"type": "finish-step"},
    ]
    rest = {"message_id": NAMES[0], "status": "completed", "model_name": "m", "usage": USAGE, "cost": 1.2e-05}
    metadata = {**told, **rest, "context_tokens": None, "context_limit": None, "created_at": AT}
    assert parts[-2:] == [{"type": "finish", "finishReason": "stop", "messageMetadata": metadata}, "[DONE]"]


def test_an_error_before_any_word_leaves_no_empty_message() -> None:
    failed = shown((Name.ERROR, PROBLEM))
    assert failed.message is None
    assert failed.end == {"type": "error", "errorText": "the model did not answer"}


@pytest.mark.parametrize(
    ("status", "end"),
    [("completed", "finish"), ("timed_out", "finish"), ("cancelled", "abort"), ("failed", "error")],
)
def test_a_turn_ends_in_the_clients_words(status: str, end: str) -> None:
    turn = shown(token("Hello!"), (Name.MESSAGE, view(answer(status))), ended(status))
    assert turn.end["type"] == end
    assert turn.message is not None
    assert turn.message["metadata"]["status"] == status


def test_reasoning_is_over_when_the_words_begin() -> None:
    thought = (Name.REASONING, {"message_id": NAMES[0], "text": "hm"})
    parts = sse.data(stream(numbered([TURN_EVENT, thought, thought, token("Hello!"), ended("completed")])))
    told = [part["type"] for part in parts[2:-4]]
    assert told == ["reasoning-start", *["reasoning-delta"] * 2, "reasoning-end", "text-start", "text-delta"]


def test_two_models_that_speak_at_once_are_not_torn_into_a_part_per_word() -> None:
    words = [token(f"{number} ", NAMES[number % 2]) for number in range(20)]
    turn = shown(*words, ended("completed"))
    assert turn.message is not None
    assert len([part for part in turn.message["parts"] if part["type"] == "text"]) == 3


def test_a_value_that_a_graph_writes_is_shown_at_once_and_kept_nowhere() -> None:
    written = {"name": "progress", "percent": 50}
    turn = shown((Name.CUSTOM, {"value": written}), token("Hello!"), ended("completed"))
    assert turn.transient == [{"type": "data-progress", "data": written, "transient": True}]


def test_a_result_of_an_earlier_turns_call_is_not_shown() -> None:
    late = (Name.TOOL_RESULT, {"tool_call_id": "call-of-before", "content": "late", "status": "error"})
    turn = shown(late, token("Hello!"), ended("completed"))
    assert turn.message is not None
    assert [part["type"] for part in turn.message["parts"]] == ["step-start", "text"]
