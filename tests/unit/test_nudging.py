"""Nudges: asynchronous invocations that may fail, and then nothing is lost but time."""

import json
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError

from chatkeep.jobs import nudging
from chatkeep.jobs.nudging import MOST_KEYS, nudge

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:purge:live"
THROTTLED = ClientError({"Error": {"Code": "TooManyRequestsException", "Message": ""}}, "Invoke")
SILENT = ConnectTimeoutError(endpoint_url="a Lambda that does not answer")


class Lambda:
    """Remembers what it is asked, and fails with the errors that are left to it."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.failures: list[Exception] = []

    def invoke(self, **request: Any) -> None:
        self.asked.append(request)
        if self.failures:
            raise self.failures.pop(0)


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Lambda:
    asked = Lambda()
    monkeypatch.setattr(nudging, "_client", lambda: asked)
    return asked


@pytest.mark.parametrize("count", [0, 1, MOST_KEYS, MOST_KEYS + 1, 3 * MOST_KEYS])
def test_each_key_is_in_one_invocation_and_no_invocation_has_too_many(platform: Lambda, count: int) -> None:
    keys = [("USER#ada", f"DELETION#{number}") for number in range(count)]
    nudge(keys, FUNCTION)
    events = [json.loads(one["Payload"])["jobs"] for one in platform.asked]
    assert [tuple(one) for event in events for one in event] == keys
    assert all(0 < len(event) <= MOST_KEYS for event in events)
    assert {(one["FunctionName"], one["InvocationType"]) for one in platform.asked} <= {(FUNCTION, "Event")}


@pytest.mark.parametrize("failure", [THROTTLED, SILENT])
def test_a_nudge_that_fails_is_no_failure_of_whoever_nudges(
    platform: Lambda, failure: ClientError | BotoCoreError
) -> None:
    platform.failures = [failure]
    nudge([("USER#ada", f"DELETION#{number}") for number in range(3 * MOST_KEYS)], FUNCTION)
    assert len(platform.asked) == 1  # the others would wait as long, and the schedule comes for all of them


def test_where_nobody_carries_out_jobs_nobody_is_asked(platform: Lambda) -> None:
    nudge([("USER#ada", "DELETION#1")], None)
    assert platform.asked == []


def test_jobs_that_are_to_be_apart_go_to_invocations_of_their_own(platform: Lambda) -> None:
    nudge(
        [(user, f"JOB#{number}") for number in range(3) for user in ("ada", "bob")], FUNCTION, apart=lambda one: one[0]
    )
    events = [json.loads(one["Payload"])["jobs"] for one in platform.asked]
    assert events == [[[user, f"JOB#{number}"] for number in range(3)] for user in ("ada", "bob")]
