"""Turns and threads that fail: one line at ERROR that names session and code, and the metric that has an alarm."""

import logging
from typing import Any

import pytest

from chatkeep.telemetry import logger
from tests.chat import deployment, new_session, send, sent
from tests.client import Client
from tests.provider.openai import Endpoint
from tests.provider.openai_refusals import invalid_api_key, unsupported_parameter
from tests.provider.openai_replies import Reply
from tests.provider.pauses import Pause


@pytest.fixture(autouse=True)
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, logger=logger.service)
    return caplog


def logged(caplog: pytest.LogCaptureFixture, message: str) -> list[tuple[str, str, str]]:
    """Level, code and session of the lines with that message."""
    return [(one.levelname, one.code, one.session_id) for one in caplog.records if one.message == message]


def test_a_thread_that_cannot_be_read_is_an_error_and_counted_by_the_function_that_met_it(
    api: Client, dynamodb: Any, user_id: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    session_id = new_session(api)
    message_id = sent(api, session_id, "\U0001f600" * 100_000)["message"]["message_id"]
    key = {"pk": {"S": f"SESSION#{user_id}#{session_id}"}, "sk": {"S": f"PART#{message_id}#0000"}}
    dynamodb.delete_item(TableName="chatkeep-SessionsTable", Key=key)
    assert api.get(f"/sessions/{session_id}/messages").json["code"] == "broken_thread"
    assert '"BrokenThreads":[1.0]' in capsys.readouterr().out
    assert logged(caplog, "request failed") == [("ERROR", "broken_thread", session_id)]


def test_a_turn_that_cannot_be_read_is_the_same_problem_where_it_is_streamed(
    api: Client, dynamodb: Any, user_id: str
) -> None:
    session_id = new_session(api)
    turn = sent(api, session_id, "\U0001f600" * 100_000)
    path = f"/sessions/{session_id}/turns/{turn['turn_id']}"
    key = {"pk": {"S": f"SESSION#{user_id}#{session_id}"}, "sk": {"S": f"PART#{turn['message']['message_id']}#0000"}}
    dynamodb.delete_item(TableName="chatkeep-SessionsTable", Key=key)
    streamed = api.get(f"{path}/stream")
    assert (streamed.status, streamed.json) == (500, api.get(path).json)


def test_a_stream_that_breaks_before_it_begins_fails_its_function_and_is_one_line(
    api: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    session_id = new_session(api)
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:unmade"}):
        answer = api.post(f"/sessions/{session_id}/messages/stream", json={"content": "hi"})
    assert (answer.status, answer.json["code"]) == (502, "internal_error")
    assert logged(caplog, "function failed") == [("ERROR", "internal_error", session_id)]
    assert logged(caplog, "request failed") == []


@pytest.mark.parametrize(
    ("refused", "level", "code"),
    [
        (invalid_api_key(), "ERROR", "model_access_denied"),
        (unsupported_parameter("logit_bias"), "INFO", "model_refused_request"),
    ],
)
def test_a_refused_turn_is_an_error_where_its_sender_cannot_mend_it(
    api: Client, endpoint: Endpoint, caplog: pytest.LogCaptureFixture, refused: Any, level: str, code: str
) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    endpoint.script = [refused]
    send(api, session_id, "hi")
    assert logged(caplog, "request failed") == logged(caplog, "turn failed") == [(level, code, session_id)]


def test_a_turn_that_ran_out_of_time_is_an_error_though_it_is_answered(
    api: Client, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    endpoint.script = [Reply(pause=Pause())]
    assert sent(api.with_deadline(8), session_id, "hi")["status"] == "timed_out"
    assert logged(caplog, "turn failed") == [("ERROR", "turn_timed_out", session_id)]
