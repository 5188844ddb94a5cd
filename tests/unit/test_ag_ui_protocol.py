"""Rules about the stream that AG-UI's client reads."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given

from chatkeep.models.message import Message, Role
from chatkeep.streams.event import Event, Name
from functions.stream.protocols import ag_ui_messages
from functions.stream.protocols.ag_ui import Run, RunEvents
from tests.protocols.ag_ui_client import Client
from tests.protocols.event_lists import (
    NAMES,
    PROBLEM,
    TURN,
    TURN_EVENT,
    ended,
    events_of,
    few,
    message,
    numbered,
    stored_turns,
    token,
    turns,
)
from tests.protocols.streamed import streamed

RUN = Run("a thread", "a run", version="1.0")


def run(events: Sequence[Event], before: Sequence[dict[str, Any]] = (), of: Run = RUN) -> Client:
    return Client(list(before)).run(streamed(RunEvents(of), events))


@few
@given(turn=turns())
def test_every_list_of_events_is_a_run_that_the_client_takes(turn: list[Event]) -> None:
    run(turn)


@few
@given(stored=stored_turns(reused=False))
def test_a_thread_that_is_opened_again_shows_what_the_run_showed(stored: list[Message]) -> None:
    asked, *said = ag_ui_messages.messages(stored)
    spoken = [one for one in said if one["content"] or one["role"] == "tool" or "toolCalls" in one]
    assert run(events_of(stored), [asked]).messages == [asked, *spoken]


def test_a_run_ends_with_its_outcome_and_usage() -> None:
    end = run(numbered([TURN_EVENT, token("Hello!"), ended("completed")])).end
    assert end == {
        "type": "RUN_FINISHED",
        "threadId": "a thread",
        "runId": "a run",
        "outcome": {"type": "success"},
        "usage": [{"model": "m", "inputTokens": 3, "outputTokens": 2, "totalTokens": 5}],
        "result": {
            "session_id": "my-chat",
            "turn_id": TURN,
            "message_id": NAMES[0],
            "status": "completed",
            "context_tokens": None,
            "context_limit": None,
        },
    }


@pytest.mark.parametrize(("status", "outcome"), [("cancelled", "cancelled"), ("timed_out", "success")])
def test_a_turn_that_was_stopped_says_by_whom(status: str, outcome: str) -> None:
    assert run(numbered([TURN_EVENT, token("Hel"), ended(status)])).end["outcome"] == {"type": outcome}


@pytest.mark.parametrize("status", ["completed", "cancelled"])
def test_a_client_before_1_0_gets_no_outcome_that_it_does_not_know(status: str) -> None:
    end = run(numbered([TURN_EVENT, token("Hel"), ended(status)]), of=Run("t", "r")).end
    assert end.get("outcome", {"type": "success"}) == {"type": "success"}
    assert end["result"]["status"] == status


def test_a_problem_is_the_runs_error() -> None:
    end = run(numbered([TURN_EVENT, token("Hel"), (Name.ERROR, PROBLEM)])).end
    assert end == {"type": "RUN_ERROR", "message": "the model did not answer", "code": "model_unavailable"}


def test_a_client_without_the_transcript_gets_it_before_its_own_question() -> None:
    old = [{"id": name, "role": role, "content": name} for name, role in (("u1", "user"), ("a1", "assistant"))]
    new = {"id": "u2", "role": "user", "content": "And?"}
    client = run(numbered([TURN_EVENT, token("Hello!"), ended("completed")]), [new], Run("t", "r", old, ("u2", "And?")))
    assert [one["id"] for one in client.messages] == ["u1", "a1", "u2", NAMES[0]]
    assert client.messages[2] == new


def test_a_run_that_asks_nothing_gets_the_transcript_and_ends() -> None:
    old = ag_ui_messages.messages([message("u1", Role.USER, "What?"), message("a1", Role.ASSISTANT, "That.")])
    events = RunEvents(Run("t", "r", old))
    assert Client().run(events.opening() + events.nothing_to_do()).messages == old
