"""Requests that arrive late, or run out of time: a model, a thread left behind and a sweep keep to the deadline."""

import time
from typing import Any

import pytest

from chatkeep import sessions
from chatkeep.clock import milliseconds, now
from chatkeep.deadline import RESERVE_SECONDS
from chatkeep.models import due
from chatkeep.models.session import Session
from functions.sweep.app import lambda_handler as sweep
from infra.local.events import LambdaContext
from tests import graphs
from tests.chat import deployment, new_session, send, sent
from tests.client import Client
from tests.provider.bedrock import Bedrock
from tests.provider.bedrock_replies import says
from tests.provider.openai import Endpoint
from tests.provider.pauses import Pause
from tests.waiting import wait_until

SONNET = "bedrock:anthropic.claude-3-5-sonnet-20240620-v1:0"


@pytest.mark.parametrize(("age", "seconds"), [(0, 28), (6, 23), (40, 28), (-3600, 28)])
def test_the_model_gets_what_is_left_of_the_gateways_patience(
    api: Client, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, age: float, seconds: float
) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    variables = {"GRAPH": "tests.graphs:timed", "OPENAI_BASE_URL": endpoint.url, "OPENAI_API_KEY": "key"}
    with deployment(monkeypatch, variables):
        began = time.monotonic()
        sent(api.after(age), session_id, "hi")
    assert graphs.answer_by[-1] - began == pytest.approx(seconds - RESERVE_SECONDS, abs=2)


def test_a_turn_that_nobody_could_get_the_answer_of_asks_no_model(api: Client, endpoint: Endpoint) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    sent(api, session_id, "what is imported first takes its time")
    late = send(api.after(24.5), session_id, "hi")
    assert (late.status, late.json["code"]) == (503, "turn_timed_out")
    assert len(endpoint.asked) == 1


@pytest.mark.thorough
def test_a_thread_that_waits_for_bedrock_is_not_left_behind_for_long(api: Client, bedrock: Bedrock) -> None:
    session_id = new_session(api, model_name=SONNET)
    sent(api, session_id, "what is imported first takes its time")
    bedrock.script = [says("a ", pause=Pause())]
    assert sent(api.with_deadline(8), session_id, "hi")["status"] == "timed_out"
    wait_until(lambda: bedrock.abandoned == 1)


def died(api: Client) -> str:
    """A session whose turn died long ago."""
    session_id = new_session(api)
    sessions.header(str(api.user_id), session_id).update(
        [
            Session.lease_turn_id.set("dead"),
            Session.lease_owner.set("dead@0"),
            Session.lease_expires_at.set(milliseconds(now()) - 60_000),
            Session.lease_shard.set(due.shard(session_id)),
        ]
    )
    return session_id


def test_a_sweep_stops_before_its_time_is_over_and_the_next_one_goes_on(api: Client) -> None:
    died_on = [died(api) for _ in range(5)]
    assert sweep({}, context(RESERVE_SECONDS))["repaired"] == 0
    assert sweep({}, context(60))["repaired"] >= len(died_on)
    assert [sessions.header(str(api.user_id), one).lease_turn_id for one in died_on] == [None] * 5


def context(seconds: float) -> Any:
    return LambdaContext("SweepFunction", "a-request", time.monotonic() + seconds)
