"""Answers that break off, run out of time or lose their session: the words kept and the usage billed."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from chatkeep.agent.models import failures
from tests.cases import cases
from tests.chat import deployment, meanwhile, new_session, send, sent
from tests.client import Client
from tests.provider import bedrock_replies, openai_refusals
from tests.provider.bedrock import Bedrock
from tests.provider.openai import Endpoint
from tests.provider.openai_replies import ALL, NO_USAGE, Reply, ToolCall, Usage, When, calls, says
from tests.provider.pauses import Pause
from tests.views import Views, views

SONNET = "bedrock:anthropic.claude-3-5-sonnet-20240620-v1:0"
WORDS = [f"word{number} " for number in range(50)]
SAID = "".join(WORDS)


def recorded(now: Views) -> list[dict[str, Any]]:
    """The model calls of all turns."""
    return [call for turn in now.turns.values() for call in json.loads(turn.get("calls") or "[]")]


def test_a_stream_that_breaks_after_fifty_words_keeps_them_and_bills_an_estimate(
    api: Client, dynamodb: Any, user_id: str, endpoint: Endpoint
) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    endpoint.script = [says(*WORDS, cut_after=51, usage=NO_USAGE)]
    first = sent(api, session_id, "hi", key="k")
    assert (first["status"], first["error"]["code"]) == ("failed", "model_unavailable")
    assert (first["message"]["content"], first["message"]["status"]) == (SAID, "failed")
    assert first["message"]["finish_reason"] == "unknown"
    assert first["usage"]["estimated"]
    assert 40 < first["usage"]["output_tokens"] < 200
    assert sent(api, session_id, "hi", key="k") == first
    assert len(endpoint.asked) == 1
    sent(api, session_id, "go on")
    assert endpoint.asked[-1]["messages"][1]["content"] == SAID
    views(dynamodb, user_id, session_id).check()


ENDS: dict[str, dict[str, Any]] = {
    "an error event": {"error_event": {"message": "overloaded", "type": "server_error"}, "error_after": 51},
    "an error event with a number": {"error_event": {"message": "overloaded", "code": 503}, "error_after": 51},
    "an error event of another kind": {"error_event": {"message": "no", "code": "rate_limit_exceeded"}},
    "an error that is no event of its own": {"error_event": {"message": "died", "code": 500}, "bare_error": True},
    "a cut": {"cut_after": 51},
    "a cut without an end": {"cut_after": ALL},
}


@pytest.mark.parametrize("end", ENDS)
def test_however_a_stream_breaks_its_words_are_kept(
    api: Client, dynamodb: Any, user_id: str, endpoint: Endpoint, end: str
) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    endpoint.script = [says(*WORDS, usage=NO_USAGE, **ENDS[end])]
    answer = sent(api, session_id, "hi")
    assert (answer["status"], answer["message"]["content"]) == ("failed", SAID)
    assert answer["usage"]["estimated"]
    sent(api, session_id, "go on")
    views(dynamodb, user_id, session_id).check()


@pytest.mark.parametrize("when", [When.FIRST, When.CUMULATIVE])
def test_a_turn_that_is_stopped_after_usage_was_reported_is_billed_as_reported(
    api: Client, dynamodb: Any, user_id: str, endpoint: Endpoint, when: When
) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    told = {"prompt_tokens": 1_000, "completion_tokens": 600, "total_tokens": 1_600}
    held = Pause(after=4)
    endpoint.script = [says(*"abcde", usage=Usage(told, when), pause=held)]
    with once_held(held, lambda: api.post(f"/sessions/{session_id}/cancel"), for_good=True):
        answer = sent(api, session_id, "hi")
    assert (answer["status"], answer["message"]["content"]) == ("cancelled", "abc")
    assert answer["usage"]["input_tokens"] == 1_000
    assert answer["usage"]["output_tokens"] == (600 if when is When.FIRST else 342)
    assert not answer["usage"]["estimated"]
    views(dynamodb, user_id, session_id).check()


@pytest.mark.thorough
def test_turns_that_were_stopped_leave_the_next_one_its_threads(api: Client, bedrock: Bedrock) -> None:
    session_id = new_session(api, model_name=SONNET)
    started = time.monotonic()
    for _ in range(7):
        held = Pause(after=3)
        bedrock.script = [bedrock_replies.says("a ", "b ", "c ", pause=held)]
        with once_held(held, lambda: api.post(f"/sessions/{session_id}/cancel"), for_good=True):
            assert sent(api, session_id, "hi")["status"] == "cancelled"
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("when", [When.FIRST, When.FINISHING, When.ALONE, When.CUMULATIVE])
def test_a_break_after_usage_was_reported_is_billed_as_reported(
    api: Client, dynamodb: Any, user_id: str, endpoint: Endpoint, when: When
) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    endpoint.script = [says("Hello", usage=Usage(when=when), cut_after=ALL)]
    answer = sent(api, session_id, "hi")
    assert answer["status"] == "failed"
    assert (answer["usage"]["input_tokens"], answer["usage"]["output_tokens"]) == (120, 40)
    assert not answer["usage"]["estimated"]
    views(dynamodb, user_id, session_id).check()


def test_a_break_before_the_first_word_is_tried_again_by_the_sender_and_billed_as_reported(
    api: Client, dynamodb: Any, user_id: str, endpoint: Endpoint
) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    endpoint.script = [Reply(words=(), usage=Usage(when=When.FIRST), cut_after=1)]
    failed = send(api, session_id, "hi", key="k")
    assert (failed.status, failed.json["code"]) == (503, "model_unavailable")
    now = views(dynamodb, user_id, session_id)
    assert [(call["input_tokens"], call["output_tokens"]) for call in recorded(now)] == [(120, 40)]
    sent(api, session_id, "hi", key="k")
    views(dynamodb, user_id, session_id).check()


def test_bedrocks_streams_break_alike(
    api: Client, dynamodb: Any, user_id: str, bedrock: Bedrock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "USUAL_PAUSE", 0.01)
    session_id = new_session(api, model_name=SONNET)
    throttled = bedrock_replies.Failure("throttlingException", "Too many requests")
    for broken in ({"cut_after": 6}, {"failure": throttled, "fails_after": 6}, {"stop": None}):
        bedrock.script = [bedrock_replies.says("a ", "b ", "c ", "d ", "e ", **broken)]
        answer = sent(api, session_id, "hi")
        assert (answer["status"], answer["message"]["content"]) == ("failed", "a b c d e ")
    bedrock.script = [bedrock_replies.says("a ", failure=throttled, fails_after=0)] * 2
    refused = send(api, session_id, "hi")
    assert (refused.status, refused.json["code"]) == (429, "model_rate_limited")
    sent(api, session_id, "go on")
    views(dynamodb, user_id, session_id).check()


OUT_OF_TIME = {
    "after many words": (says(*WORDS, pause=Pause(after=51)), SAID),
    "before the first": (Reply(pause=Pause()), ""),
    "while it thinks": (Reply(words=(), reasoning=("hm",), pause=Pause(after=2)), ""),
}


@pytest.mark.parametrize(("reply", "content"), cases(OUT_OF_TIME, thorough=OUT_OF_TIME.keys() - {"after many words"}))
def test_a_turn_that_runs_out_of_its_time_keeps_its_words_and_is_billed(
    api: Client,
    dynamodb: Any,
    user_id: str,
    endpoint: Endpoint,
    capsys: pytest.CaptureFixture[str],
    reply: Reply,
    content: str,
) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    endpoint.script = [reply]
    first = sent(api.with_deadline(8), session_id, "hi", key="k")
    assert (first["status"], first["error"]) == ("timed_out", None)
    assert '"TurnsTimedOut":[1.0]' in capsys.readouterr().out
    assert (first["message"]["content"], first["message"]["status"]) == (content, "timed_out")
    assert first["usage"]["estimated"]
    assert first["usage"]["input_tokens"] > 0
    assert sent(api, session_id, "hi", key="k") == first
    sent(api, session_id, "go on")
    now = views(dynamodb, user_id, session_id)
    now.check()
    now.check_nothing_is_pending()


def test_an_agent_that_fails_after_a_tool_has_run_keeps_what_it_found(
    api: Client, dynamodb: Any, user_id: str, tools: Endpoint
) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    tools.script = [calls(ToolCall("c", "keep", '{"value": 7}')), openai_refusals.rate_limited(30)]
    answer = sent(api, session_id, "hi", key="k")
    assert (answer["status"], answer["error"]["code"]) == ("failed", "model_rate_limited")
    assert sent(api, session_id, "hi", key="k") == answer
    now = views(dynamodb, user_id, session_id)
    now.check()
    assert [one["content"] for one in now.transcript] == ["hi", "", "kept int", ""]
    sent(api, session_id, "go on")
    assert tools.violations == []
    assert [one["role"] for one in tools.asked[-1]["messages"]] == ["user", "assistant", "tool", "assistant", "user"]


@contextmanager
def once_held(held: Pause, act: Callable[[], object], *, for_good: bool = False) -> Iterator[None]:
    """Does `act` in a thread of its own once the endpoint is silent, and then lets it go on unless it is `for_good`."""

    def done() -> None:
        act()
        if not for_good:
            held.until.set()

    with meanwhile(lambda: held.reached.wait(20), done):
        yield


def test_a_session_that_is_deleted_while_its_turn_runs_is_billed_all_the_same(
    api: Client, dynamodb: Any, user_id: str, endpoint: Endpoint
) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    held = Pause(after=1)
    endpoint.script = [Reply(pause=held)]
    with once_held(held, lambda: api.delete(f"/sessions/{session_id}")):
        refused = send(api, session_id, "hi")
    assert (refused.status, refused.json["code"]) == (409, "session_deleted")
    now = views(dynamodb, user_id, session_id)
    now.check()
    now.check_nothing_is_pending()
    assert (now.transcript, now.session["total_tokens"], now.totals["total_tokens"]) == ([], 160, 160)
    assert api.get("/stats/daily").json["days"][0]["output_tokens"] == 40


def test_a_graph_that_fails_where_nothing_was_said_is_no_models_fault(
    api: Client, dynamodb: Any, user_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = new_session(api)
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:raising"}):
        failed = send(api, session_id, "hi")
    assert (failed.status, failed.json["code"]) == (500, "graph_failed")
    assert "retry-after" not in failed.headers
    now = views(dynamodb, user_id, session_id)
    now.check_nothing_is_pending()
    assert now.turns == {}
