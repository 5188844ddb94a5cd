"""The one line that the log has of each turn, however it ended, and the ids by which a turn is found from outside."""

import logging
import time
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph import START, MessagesState, StateGraph

from chatkeep.telemetry import logger
from chatkeep.tracing.sending import LONGEST_SECONDS
from tests.chat import deployment, meanwhile, new_session, send, sent
from tests.client import Client, Response
from tests.collector import tracing_here
from tests.faults.network import perform
from tests.provider.openai import Endpoint
from tests.provider.openai_refusals import invalid_api_key
from tests.provider.openai_replies import ALL, Reply
from tests.provider.pauses import Pause

seen: list[dict[str, Any]] = []
"""The run's metadata, as a node of the graph had it."""


def watching(model: Any, system_prompt: str, checkpointer: Any) -> Any:
    """A graph whose node and whose library tell what they see of the request."""

    def answer(state: MessagesState, config: RunnableConfig) -> dict[str, Any]:
        seen.append(dict(config["metadata"]))
        logging.getLogger("a.library").warning("answering")
        return {"messages": [AIMessage("yes")]}

    graph = StateGraph(MessagesState).add_node("answer", answer).add_edge(START, "answer")
    return graph.compile(checkpointer=checkpointer)


@pytest.fixture(autouse=True)
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, logger=logger.service)
    return caplog


@pytest.fixture
def session_id(api: Client, endpoint: Endpoint) -> str:
    return new_session(api, model_name="openai:tiny")


def told(lines: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [vars(one) for one in lines.records if one.message == "turn ended"]


def endings(lines: pytest.LogCaptureFixture) -> list[tuple[str, str | None, bool]]:
    return [(one["status"], one.get("code"), one["repeated"]) for one in told(lines)]


def interrupted(api: Client, endpoint: Endpoint, session_id: str, strategy: str, key: str) -> Response:
    """A turn that another one of that strategy ends in the middle of its answer."""
    pause = Pause(after=1)
    endpoint.script = [Reply(words=["one ", "two"], pause=pause), Reply(words=["next"])]
    with meanwhile(pause.reached.wait, lambda: sent(api, session_id, "stop", strategy=strategy)):
        return send(api, session_id, "hi", key=key)


def test_a_completed_turn_is_told_with_what_it_used_and_how_long_it_took(
    api: Client, endpoint: Endpoint, session_id: str, lines: pytest.LogCaptureFixture
) -> None:
    answered = sent(api, session_id, "hi")
    (line,) = told(lines)
    expected = {
        "user_id": api.user_id,
        "session_id": session_id,
        "turn_id": answered["turn_id"],
        "model_name": "openai:tiny",
        "status": "completed",
        "finish_reason": "stop",
        "input_tokens": answered["usage"]["input_tokens"],
        "output_tokens": answered["usage"]["output_tokens"],
        "response_time_ms": answered["response_time_ms"],
        "calls": 1,
    }
    assert expected.items() <= line.items()
    assert 0 <= line["first_token_ms"] <= line["response_time_ms"]
    assert line["checkpoint_bytes"] > 100
    assert line["waited_ms"] >= 0


def test_a_turn_that_failed_is_told_with_its_code(
    api: Client, endpoint: Endpoint, session_id: str, lines: pytest.LogCaptureFixture
) -> None:
    endpoint.script = [invalid_api_key()]
    send(api, session_id, "hi")
    endpoint.script = [Reply(words=["one ", "two"], cut_after=ALL)]
    assert sent(api, session_id, "hi")["status"] == "failed"
    assert endings(lines) == [("failed", "model_access_denied", False), ("failed", "model_unavailable", False)]
    assert "checkpoint_bytes" not in told(lines)[0]
    assert told(lines)[1]["checkpoint_bytes"] > 100


def test_a_turn_out_of_time_is_told_as_such_whether_it_has_said_something_or_not(
    api: Client, endpoint: Endpoint, session_id: str, lines: pytest.LogCaptureFixture
) -> None:
    sent(api, session_id, "what is imported first takes its time")
    endpoint.script = [Reply(pause=Pause(after=1))]
    assert sent(api.with_deadline(6.2), session_id, "hi")["status"] == "timed_out"
    assert send(api.after(24.5), session_id, "hi").json["code"] == "turn_timed_out"
    assert endings(lines)[1:] == [("timed_out", None, False), ("timed_out", "turn_timed_out", False)]


def test_a_cancelled_turn_is_told_and_so_is_its_repetition(
    api: Client, endpoint: Endpoint, session_id: str, lines: pytest.LogCaptureFixture
) -> None:
    assert interrupted(api, endpoint, session_id, "interrupt", "a-key").json["status"] == "cancelled"
    assert send(api, session_id, "hi", key="a-key").json["status"] == "cancelled"
    by_status = [one for one in endings(lines) if one[0] == "cancelled"]
    assert by_status == [("cancelled", None, False), ("cancelled", None, True)]
    first, again = (one for one in told(lines) if one["status"] == "cancelled")
    same = ("turn_id", "session_id", "user_id", "model_name", "input_tokens", "response_time_ms", "finish_reason")
    assert [first[name] for name in same] == [again[name] for name in same]


def test_a_turn_that_was_rolled_back_is_told_and_so_is_its_repetition(
    api: Client, endpoint: Endpoint, session_id: str, lines: pytest.LogCaptureFixture
) -> None:
    assert interrupted(api, endpoint, session_id, "rollback", "a-key").json["code"] == "turn_rolled_back"
    assert send(api, session_id, "hi", key="a-key").json["code"] == "turn_rolled_back"
    rolled_back = [one for one in told(lines) if one["status"] == "rolled_back"]
    assert [one["repeated"] for one in rolled_back] == [False, True]
    assert len({one["turn_id"] for one in rolled_back}) == 1
    assert rolled_back[0]["input_tokens"] == rolled_back[1]["input_tokens"] > 0


def test_a_repetition_that_was_overtaken_by_the_rolled_back_turn_is_told_as_one(
    api: Client, endpoint: Endpoint, session_id: str, lines: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtake(request: Any) -> None:
        if request.headers["X-Amz-Target"].endswith(b"UpdateItem"):
            monkeypatch.undo()
            interrupted(api, endpoint, session_id, "rollback", "a-key")

    monkeypatch.setattr("tests.engines.interceptors", [overtake])
    assert send(api, session_id, "hi", key="a-key").json["code"] == "turn_rolled_back"
    rolled_back = [one for one in told(lines) if one["status"] == "rolled_back"]
    assert [one["repeated"] for one in rolled_back] == [False, True]


def unanswered(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on turns are stored, but nobody hears of it."""

    def meet(request: Any) -> Any:
        if b'"completed"' not in request.body or b"Put" not in request.body:
            return None
        perform(request)
        raise ReadTimeoutError(endpoint_url=request.url)

    monkeypatch.setattr("tests.engines.interceptors", [meet])


def test_a_turn_whose_storage_lost_its_answer_is_told_and_counted_as_one_that_ran(
    api: Client,
    endpoint: Endpoint,
    session_id: str,
    lines: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    unanswered(monkeypatch)
    assert sent(api, session_id, "hi")["status"] == "completed"
    assert endings(lines) == [("completed", None, False)]
    assert '"TurnsCompleted":[1.0]' in capsys.readouterr().out.replace(" ", "")


def test_a_request_that_never_became_a_turn_has_no_line_of_one(
    api: Client, session_id: str, lines: pytest.LogCaptureFixture
) -> None:
    api.post(f"/sessions/{session_id}/messages", json={"content": ""})
    send(api.as_user("somebody else"), session_id, "hi")
    assert told(lines) == []


def test_the_graph_sees_the_requests_id_and_the_answer_leads_to_it(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = new_session(api)
    seen.clear()
    with deployment(monkeypatch, {"GRAPH": "tests.integration.test_turn_lines:watching"}):
        first, second = (sent(api, session_id, "hi") for _ in range(2))
    assert [one["turn_id"] for one in seen] == [first["turn_id"], second["turn_id"]]
    # Without a trace the request's id stands for it, by which the log is searched.
    assert [one["correlation_id"] for one in seen] == [one["message"]["trace_id"] for one in (first, second)]
    assert first["message"]["trace_id"] != second["message"]["trace_id"]


def test_an_answer_keeps_its_trace_id_through_transcript_and_feedback_and_an_older_one_has_none(
    api: Client, dynamodb: Any, user_id: str
) -> None:
    session_id = new_session(api)
    answer = sent(api, session_id, "hi")["message"]
    path = f"/sessions/{session_id}/messages/{answer['message_id']}"
    assert answer["trace_id"] == api.get(path).json["trace_id"]
    assert api.put(f"{path}/feedback", json={"rating": "thumbs_up"}).json["trace_id"] == answer["trace_id"]
    key = {"pk": {"S": f"SESSION#{user_id}#{session_id}"}, "sk": {"S": f"MESSAGE#{answer['message_id']}"}}
    dynamodb.update_item(TableName="chatkeep-SessionsTable", Key=key, UpdateExpression="REMOVE trace_id")
    question, older = api.get(f"/sessions/{session_id}/messages").json["messages"]
    assert (question["trace_id"], older["trace_id"]) == (None, None)


@pytest.mark.parametrize("how", [{"seconds": 30}, {"status": 500}, {"trickles": True}], ids=str)
def test_a_turn_is_answered_in_time_however_the_endpoint_for_its_spans_fails(
    api: Client, monkeypatch: pytest.MonkeyPatch, how: dict[str, Any]
) -> None:
    session_id = new_session(api)
    sent(api, session_id, "what is imported first takes its time")
    with tracing_here(monkeypatch) as collector:
        vars(collector).update(how)
        began = time.monotonic()
        answers = [sent(api, session_id, "hi") for _ in range(3)]
    assert time.monotonic() - began < LONGEST_SECONDS + 5
    assert [one["status"] for one in answers] == ["completed"] * 3
    assert len({one["message"]["trace_id"] for one in answers}) == 3
