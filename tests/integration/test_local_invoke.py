"""Lambda's Invoke as the local runner has it, asked by botocore and by those who may not."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from botocore.exceptions import ClientError
from botocore.session import get_session
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.local.template import Schedule
from tests.local_server import Served, serving
from tests.waiting import wait_until

MEGABYTE = 1024 * 1024
Json = dict[str, Any]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving() as served:
        yield served


@pytest.fixture(scope="module")
def aws(served: Served) -> Any:
    return get_session().create_client("lambda", endpoint_url=served.invoke_url)


def invoke(aws: Any, path: str, body: Any = "", name: str = "ProbeFunction", kind: str = "RequestResponse") -> Json:
    payload = json.dumps({"path": path, "body": body})
    answer: Json = aws.invoke(FunctionName=name, InvocationType=kind, Payload=payload.encode())
    return answer


def result(answer: Json) -> Json:
    content: Json = json.loads(answer["Payload"].read())
    return content


def test_an_invocation_answers_with_the_handlers_result(aws: Any) -> None:
    answer = invoke(aws, "/show/x")
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    seen = json.loads(result(answer)["body"])
    assert seen["request_id"] == answer["ResponseMetadata"]["RequestId"]
    assert 19_000 < seen["milliseconds"] <= 20_000


@given(VALUES)
@settings(max_examples=30)
def test_an_event_arrives_as_it_was_sent(aws: Any, value: Any) -> None:
    seen = json.loads(result(invoke(aws, "/show/x", value))["body"])
    assert seen["event"] == {"path": "/show/x", "body": value}


def test_an_alias_of_the_template_is_invoked_by_its_arn(aws: Any) -> None:
    arn = "arn:aws:lambda:us-east-1:123456789012:function:ProbeFunction"
    assert invoke(aws, "/show/x", name=f"{arn}:live")["StatusCode"] == 200
    assert aws.invoke(FunctionName=arn, Qualifier="live", Payload=b'{"path": "/x"}')["StatusCode"] == 200


@pytest.mark.parametrize("name", ["Nobody", "ProbeFunction:dead", "210987654321:function:ProbeFunction"])
def test_a_function_that_is_not_there_is_not_found(aws: Any, name: str) -> None:
    with pytest.raises(aws.exceptions.ResourceNotFoundException, match="Function not found"):
        invoke(aws, "/show/x", name=name)


def test_an_event_is_accepted_before_it_is_carried_out(aws: Any, tmp_path: Path) -> None:
    started, ended = tmp_path / "started", tmp_path / "ended"
    answer = invoke(aws, "/wait", f"0.5 {started} {ended}", kind="Event")
    assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
    assert not ended.exists()
    wait_until(ended.exists)


def test_a_dry_run_is_not_carried_out(aws: Any, tmp_path: Path) -> None:
    assert invoke(aws, "/wait", f"0 {tmp_path / 'started'}", kind="DryRun")["StatusCode"] == 204
    invoke(aws, "/show/x")
    assert not (tmp_path / "started").exists()


FAILURES = [
    ("/raise", "", "ValueError", "on demand"),
    ("/unspeakable", "", "Runtime.MarshalError", "set is not JSON serializable"),
    ("/die", "", "Runtime.ExitError", "Runtime exited"),
    ("/wait", "30", "Sandbox.Timedout", "timed out after 1.00 seconds"),
    ("/show/x", '"' * 2 * MEGABYTE, "Function.ResponseSizeTooLarge", "6291556 bytes"),
]


@pytest.mark.parametrize(("path", "body", "kind", "message"), FAILURES)
def test_a_failure_is_reported_in_lambdas_form(aws: Any, path: str, body: str, kind: str, message: str) -> None:
    answer = invoke(aws, path, body, "NeighbourFunction" if path == "/wait" else "ProbeFunction")
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    report = result(answer)
    assert report["errorType"] == kind
    assert message in report["errorMessage"]


@pytest.mark.parametrize(("kind", "most"), [("Event", MEGABYTE), ("RequestResponse", 6 * MEGABYTE)])
def test_an_event_has_lambdas_limit_to_the_byte(aws: Any, kind: str, most: int) -> None:
    event = b'{"path": "/nonsense", "body": "%b"}'
    payload = event % (b"x" * (most - len(event) + len(b"%b")))
    assert aws.invoke(FunctionName="ProbeFunction", InvocationType=kind, Payload=payload)["StatusCode"] in (200, 202)
    with pytest.raises(ClientError, match=f"RequestEntityTooLargeException.*{most}"):
        aws.invoke(FunctionName="ProbeFunction", InvocationType=kind, Payload=payload + b" ")


def is_json(content: bytes) -> bool:
    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        json.loads(content, parse_constant=refuse)
    except (ValueError, RecursionError):
        return False
    return True


@given(st.binary(min_size=1).filter(lambda content: not is_json(content)) | st.sampled_from([b"NaN", b"[" * 100_000]))
@settings(max_examples=30)
def test_a_payload_that_is_no_json_is_refused(aws: Any, payload: bytes) -> None:
    with pytest.raises(aws.exceptions.InvalidRequestContentException, match="Could not parse"):
        aws.invoke(FunctionName="ProbeFunction", InvocationType="Event", Payload=payload)


SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=x"}


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer x"}, {**SIGNED, "Host": "rebound.example"}, {**SIGNED, "Host": "127.0.0.1:1"}],
)
def test_a_web_page_cannot_invoke_a_function(served: Served, tmp_path: Path, headers: dict[str, str]) -> None:
    url = f"{served.invoke_url}/2015-03-31/functions/ProbeFunction/invocations"
    event = {"path": "/wait", "body": f"0 {tmp_path / 'started'}"}
    assert httpx.post(url, headers=headers, json=event).status_code == 403
    assert httpx.post(url, headers=SIGNED, json={"path": "/show/x"}).status_code == 200
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/2015-03-31/functions/ProbeFunction/invocations"), ("POST", "/"), ("POST", "/v1/open")],
)
def test_lambdas_other_operations_are_not_there(served: Served, method: str, path: str) -> None:
    answer = httpx.request(method, f"{served.invoke_url}{path}", headers=SIGNED)
    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (404, "UnknownOperationException")


def test_an_event_whose_invocation_fails_is_tried_as_often_as_the_template_says(aws: Any, tmp_path: Path) -> None:
    never_again, twice_more = tmp_path / "never", tmp_path / "twice"
    invoke(aws, "/count", str(never_again), "NeighbourFunction", "Event")
    invoke(aws, "/count", str(twice_more), "ProbeFunction", "Event")
    wait_until(lambda: twice_more.exists() and twice_more.read_text() == "xxx")
    time.sleep(0.5)
    assert (never_again.read_text(), twice_more.read_text()) == ("x", "xxx")


def test_a_frequent_schedule_runs_right_after_the_start_and_then_at_its_rate(tmp_path: Path) -> None:
    later, once, often = (tmp_path / name for name in ("later", "once", "often"))
    schedules = [
        Schedule("NeighbourFunction", file.name, seconds, {"path": "/count", "body": str(file)})
        for file, seconds in ((later, 3600), (once, 300), (often, 0.2))
    ]
    with serving(scheduled=schedules):
        wait_until(lambda: often.exists() and len(often.read_text()) > 2)
    assert (later.exists(), once.read_text()) == (False, "x")


def test_a_worker_is_told_where_the_runners_invoke_is(aws: Any, served: Served) -> None:
    seen = json.loads(result(invoke(aws, "/show/x"))["body"])
    assert seen["environment"]["AWS_ENDPOINT_URL_LAMBDA"] == served.invoke_url
    assert urlsplit(served.invoke_url).hostname == "127.0.0.1"
