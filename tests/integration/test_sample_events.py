"""Each sample event of tests/events, through its function's handler: what `sam local invoke` would answer."""

import importlib
import json
import re
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from chatkeep.agent.catalogue import NO_CREDENTIALS
from chatkeep.clock import milliseconds, now, stamp
from chatkeep.models import due
from chatkeep.models.background import BackgroundTurn, packed
from chatkeep.models.day import Day
from chatkeep.models.deletion import Deletion, DeletionKind
from chatkeep.models.job import JobStatus
from chatkeep.models.message import Message, Role
from chatkeep.models.session import Session
from chatkeep.models.titling import Titling
from chatkeep.models.totals import Totals
from chatkeep.models.turn import Turn, TurnStatus
from chatkeep.sessions.preferences import TITLE
from infra.local.events import LambdaContext
from infra.local.template import load_functions, load_routes
from tests import permissions
from tests.adapter import answer_of
from tests.client import STACK
from tests.engines import Engine

EVENTS = Path(__file__).parents[1] / "events"
SESSION = "0198c0de-5e55-7000-8000-000000000001"
QUESTION = "0198c0de-5e55-7000-8000-0000000000a1"
ANSWER = "0198c0de-5e55-7000-8000-0000000000a2"
TURN = "0198c0de-5e55-7000-8000-0000000000f0"
DELETION = "0198c0de-5e55-7000-8000-0000000000d1"
USER = "0198c0de-0000-4000-8000-00000000a11c"
FUNCTIONS = load_functions(STACK)
GRANTED = permissions.granted(STACK)
FUNCTION_OF = {
    re.sub(r"(?<!^)(?=[A-Z])", "_", event).lower(): function
    for function, properties in STACK.of_type("AWS::Serverless::Function")
    for event in properties.get("Events", ())
} | {"carry_out_jobs": "PurgeFunction", "carry_out_turns": "WorkerFunction", "make_titles": "WorkerFunction"}
"""The function of each event: of those in the template, and of those that other functions send."""
WITHOUT_ANSWER = {"carry_out_jobs", "carry_out_turns", "every_five_minutes", "make_titles", "orphans"}
"""Events that nobody waits for an answer to."""

THREAD = {"thread_id": SESSION, "model_name": "scripted:echo", "temperature": 0.7, "max_tokens": 4096}
EXPECTED: dict[str, tuple[int, Any]] = {
    "create_session": (201, {"title": "Trip to Lisbon", "metadata": {"topic": "travel"}, "status": "active"}),
    "list_sessions": (200, {"sessions": [{"session_id": SESSION, "title": "A trip"}], "next_cursor": None}),
    "get_session": (200, {"session_id": SESSION, "model_name": "scripted:echo", "message_count": 1}),
    "update_session": (200, {"title": "Trip to Porto", "is_pinned": True, "temperature": 0}),
    "delete_session": (200, {"session_id": SESSION, "status": "deleted"}),
    "restore_session": (200, {"session_id": SESSION, "status": "active", "purge_at": None}),
    "change_sessions": (200, {"results": [{"session_id": SESSION, "status": 200}]}),
    "list_deletions": (200, {"deletions": [{"deletion_id": DELETION, "status": "pending"}], "next_cursor": None}),
    "get_deletion": (200, {"deletion_id": DELETION, "session_id": SESSION, "finished_at": None}),
    "erase_user": (202, {"kind": "user", "session_id": None, "status": "pending"}),
    "list_messages": (200, {"messages": [{"message_id": ANSWER, "content": "To Lisbon"}], "next_cursor": None}),
    "get_message": (200, {"message_id": ANSWER, "content": "Lisbon", "content_characters": 9, "truncated": False}),
    "list_turns": (200, {"turns": [{"turn_id": TURN, "status": "completed"}], "next_cursor": None}),
    "get_turn": (200, {"turn_id": TURN, "usage": {"total_tokens": 12}, "message": {"message_id": ANSWER}}),
    "get_thread_config": (200, {"configurable": THREAD}),
    "record_usage": (200, {"message_count": 2, "tokens_used": 120, "cost": 0.0015}),
    "get_preferences": (200, {"default_model": "scripted:echo", "default_temperature": 0.7}),
    "put_preferences": (200, {"default_model": "bedrock:amazon.nova-lite-v1:0", "default_temperature": 0}),
    "list_models": (200, [{"model_name": "scripted:echo", "provider": "scripted", "input_price": None}]),
    "send_message": (200, {"message": {"role": "assistant", "content": "echo: Where shall we eat?"}}),
    "cancel_turn": (202, {"turn_id": TURN, "status": "cancelling"}),
    "compact_session": (202, {"status": "queued", "attempts": 0}),
    "put_feedback": (200, {"message_id": ANSWER, "feedback": {"rating": "thumbs_up", "comment": "Just what I wanted"}}),
    "delete_feedback": (200, {"message_id": ANSWER, "feedback": None}),
    "get_session_stats": (200, {"session_id": SESSION, "title": "A trip", "message_count": 1}),
    "get_user_stats": (200, {"total_sessions": 1, "active_sessions": 1, "total_messages": 1}),
    "get_daily_stats": (200, {"days": [{"date": "2026-01-15", "turns": 1, "messages": 2}]}),
}
STREAMED: dict[str, tuple[int, str]] = {
    "stream_message": (200, "event: done"),
    "stream_turn": (200, "event: done"),
    "stream_chat": (200, "data: [DONE]"),
    "stream_running_chat": (204, ""),
    "stream_run": (200, "RUN_FINISHED"),
}
"""The status of each stream, and a word of its last frame."""


@pytest.fixture
def session(engine: Engine, user_id: str) -> Session:
    """The session and the answer that the events name, stored for a user of this test alone."""
    at = stamp(now())
    stored = Session(user_id, SESSION, title="A trip", created_at=at, updated_at=at, message_count=1)
    stored.model_name, stored.temperature, stored.max_tokens = "scripted:echo", 0.7, 4096
    stored.enable_summarization, stored.custom_system_prompt, stored.metadata = True, "", {}
    stored.is_archived = stored.is_pinned = False
    stored.last_message_id = ANSWER
    stored.place_in_list()
    stored.save()
    Message(user_id, SESSION, ANSWER, turn_id=TURN, role=Role.ASSISTANT, content="To Lisbon", created_at=at).save()
    turn = Turn(user_id, SESSION, TURN, status=TurnStatus.COMPLETED, created_at=at, input_tokens=5, output_tokens=7)
    turn.calls, turn.message_ids = [], [ANSWER, ANSWER]
    turn.save()
    totals = Totals(user_id)
    totals.active_sessions = totals.total_messages = 1
    totals.save()
    day = Day(user_id, date(2026, 1, 15))
    day.turns, day.messages = 1, 2
    day.save()
    return stored


def lease(session: Session, lasts: timedelta = timedelta(minutes=1)) -> None:
    """Have a turn run on the session, or have died on it."""
    session.lease_turn_id, session.lease_shard = TURN, due.shard(SESSION)
    session.lease_expires_at = milliseconds(now() + lasts)
    session.lease_owner = f"{TURN}@{session.lease_expires_at}"
    session.save()


def delete_softly(session: Session) -> None:
    session.deleted_at, session.purge_at = stamp(now()), stamp(now() + timedelta(days=30))
    session.save()


def delete_for_good(session: Session) -> Deletion:
    """Have the session be gone, and its contents due to be removed."""
    session.deletion_id, session.place = DELETION, None
    session.save()
    job = Deletion(session.user_id, DELETION, kind=DeletionKind.SESSION, session_id=SESSION, requested_at=stamp(now()))
    job.due_at, job.due_shard = milliseconds(now()), due.shard(DELETION)
    job.save()
    return job


BEFORE: dict[str, Callable[[Session], Any]] = {
    "cancel_turn": lease,
    "restore_session": delete_softly,
    "list_deletions": delete_for_good,
    "get_deletion": delete_for_good,
}
"""What has become of the session when an event arrives."""


def sample(name: str, user_id: str = USER) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8").replace(USER, user_id))


def invoke(name: str, user_id: str) -> Any:
    event = sample(name, user_id)
    function = FUNCTIONS[FUNCTION_OF[name]]
    context = LambdaContext(function.name, "a-request", time.monotonic() + function.timeout_seconds)
    module, _, handler = function.handler.rpartition(".")
    with permissions.only(GRANTED[function.name]):
        return getattr(importlib.import_module(module), handler)(event, context)


def is_part_of(expected: Any, actual: Any) -> bool:
    """Whether `actual` has everything that `expected` has; members it has besides are its own affair."""
    if isinstance(expected, dict):
        return all(name in actual and is_part_of(value, actual[name]) for name, value in expected.items())
    if isinstance(expected, list):
        return len(expected) == len(actual) and all(map(is_part_of, expected, actual))
    return bool(expected == actual)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_sample_event_is_answered_as_the_contract_says(
    name: str, session: Session, user_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", NO_CREDENTIALS)  # in place of moto's, for which Bedrock has models
    BEFORE.get(name, lambda _: None)(session)
    result = invoke(name, user_id)
    status, body = EXPECTED[name]
    assert result["statusCode"] == status, result["body"]
    assert is_part_of(body, json.loads(result["body"])), result["body"]


@pytest.mark.parametrize("name", STREAMED)
def test_a_sample_event_is_answered_with_a_stream(name: str, session: Session, user_id: str) -> None:
    at, ids = stamp(now()), [QUESTION, ANSWER]
    Message(user_id, SESSION, QUESTION, turn_id=TURN, role=Role.USER, content="Where to?", created_at=at).save()
    Turn(user_id, SESSION, TURN, status=TurnStatus.COMPLETED, message_ids=ids, created_at=at, response_time_ms=9).save()
    app = importlib.import_module(FUNCTIONS["StreamFunction"].module).app
    with permissions.only(GRANTED["StreamFunction"]):
        response = answer_of(app, sample(name, user_id))
    status, last = STREAMED[name]
    assert response.status_code == status, response.text
    assert last in response.text.rstrip().rpartition("\n\n")[2], response.text


def test_the_event_of_background_turns_runs_the_turn(session: Session, user_id: str) -> None:
    turn_id = sample("carry_out_turns")["jobs"][0][1].removeprefix("JOB#")
    job = BackgroundTurn(user_id, SESSION, turn_id, packed=packed("Where shall we eat?"), strategy="reject")
    job.fingerprint, job.requested_at = "", stamp(now())
    job.due_at, job.due_shard = milliseconds(now()), due.shard(SESSION)
    job.save()
    assert invoke("carry_out_turns", user_id) == {"left": 0}
    turn = Turn(user_id, SESSION, turn_id)
    turn.refresh(consistent_read=True)
    assert turn.status == TurnStatus.COMPLETED


def test_the_event_of_titles_names_the_session(session: Session, user_id: str) -> None:
    session.update([Session.title.set(TITLE), Session.wants_title.set(True)])
    job = Titling(user_id, SESSION, turn_id=TURN, requested_at=stamp(now()))
    job.due_at, job.due_shard = milliseconds(now()), due.shard(SESSION)
    job.save()
    assert invoke("make_titles", user_id) == {"left": 0}
    session.refresh(consistent_read=True)
    assert (session.title, Titling.find(user_id, SESSION)) == ("echo: Question: To Lisbon", None)


def test_the_scheduled_event_ends_the_lease_of_a_turn_that_died(session: Session, user_id: str) -> None:
    lease(session, timedelta(minutes=-1))
    assert invoke("every_five_minutes", user_id)["repaired"] >= 1
    session.refresh(consistent_read=True)
    assert (session.lease_turn_id, session.lease_shard) == (None, None)


def test_the_event_of_jobs_removes_the_session_and_completes_the_receipt(session: Session, user_id: str) -> None:
    job = delete_for_good(session)
    assert invoke("carry_out_jobs", user_id) == {"left": 0}
    job.refresh(consistent_read=True)
    assert (job.status, job.messages, job.sessions, job.due_at) == (JobStatus.DONE, 1, 1, None)
    assert Session.find(user_id, SESSION) is None
    assert list(Message.query(Message(user_id, SESSION, ANSWER).pk, consistent_read=True)) == []


def test_the_event_of_orphans_brings_a_session_back_into_its_list(session: Session, user_id: str) -> None:
    place = session.place
    session.update([Session.place.remove()])
    assert invoke("orphans", user_id) == {"left": 0}
    session.refresh(consistent_read=True)
    assert session.place == place


def test_there_is_one_sample_of_every_event_in_the_template() -> None:
    assert {file.stem for file in EVENTS.glob("*.json")} == set(FUNCTION_OF) == {*EXPECTED, *STREAMED, *WITHOUT_ANSWER}


@pytest.mark.parametrize("name", [*EXPECTED, *STREAMED])
def test_a_sample_is_an_event_of_its_route(name: str) -> None:
    event = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    declared = {(route.function, route.method, route.path) for route in load_routes(STACK)}
    assert (FUNCTION_OF[name], event["httpMethod"], event["resource"]) in declared
