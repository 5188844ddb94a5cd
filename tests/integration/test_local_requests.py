"""The local runner in API Gateway's place: routes, events, tokens and the answers that no function gives."""

import base64
import time
from collections.abc import Iterator

import httpx
import jwt
import pytest

from infra.local import tokens
from tests.runner import PROBE, RUN, Runner, running


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    caller = {"NOT_DECLARED": "of the caller", "SHARED_VALUE": "of the caller"}
    with running(tmp_path_factory.mktemp("data"), command=[*RUN, PROBE], environment=caller) as runner:
        yield runner


@pytest.fixture
def alice(runner: Runner) -> Iterator[httpx.Client]:
    with runner.client("alice") as client:
        yield client


def test_a_handler_gets_the_event_that_api_gateway_sends(alice: httpx.Client) -> None:
    response = alice.get("/show/a%20b", params=[("x", "1"), ("x", "2"), ("empty", "")], headers={"X-Note": "here"})
    event = response.json()["event"]
    assert event["resource"] == "/show/{name}"
    assert event["path"] == "/show/a%20b"  # as it was written: see proxy_event
    assert event["pathParameters"] == {"name": "a%20b"}
    assert event["queryStringParameters"] == {"x": "2", "empty": ""}
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "2"], "empty": [""]}
    assert event["headers"]["x-note"] == "here"
    assert event["multiValueHeaders"]["x-note"] == ["here"]
    assert event["body"] is None
    assert event["stageVariables"] is None


def test_a_handler_learns_from_the_context_who_calls_and_how_long_it_has(alice: httpx.Client) -> None:
    response = alice.get("/show/x")
    seen = response.json()
    context = seen["event"]["requestContext"]
    assert context["stage"] == "v1"
    assert context["path"] == "/v1/show/x"
    assert context["authorizer"]["claims"]["sub"] == "alice"
    assert context["authorizer"]["claims"]["token_use"] == "id"
    assert context["requestId"] == seen["request_id"] == response.headers["x-amzn-requestid"]
    assert 0 < seen["milliseconds"] <= 20_000


def test_a_query_is_split_at_semicolons_too(alice: httpx.Client) -> None:
    event = alice.get("/show/x?a=1;b=2&a=%3B").json()["event"]
    assert event["multiValueQueryStringParameters"] == {"a": ["1", ";"], "b": ["2"]}


def test_an_encoded_slash_stays_in_its_parameter(alice: httpx.Client) -> None:
    event = alice.get("/show/a%2Fb%0A").json()["event"]
    assert event["resource"] == "/show/{name}"
    assert event["path"] == "/show/a%2Fb%0A"
    assert event["pathParameters"] == {"name": "a%2Fb%0A"}


def test_a_slash_at_the_end_leads_to_the_same_resource(alice: httpx.Client) -> None:
    event = alice.get("/show/fixed/").json()["event"]
    assert (event["resource"], event["path"]) == ("/show/fixed", "/show/fixed/")
    assert alice.get("/show/fixed//").status_code == 403


def test_a_fixed_path_wins_over_a_parameter(alice: httpx.Client) -> None:
    assert alice.get("/show/fixed").json()["event"]["resource"] == "/show/fixed"


def test_a_request_without_query_and_body_has_nulls_there(alice: httpx.Client) -> None:
    event = alice.get("/show/fixed").json()["event"]
    assert event["queryStringParameters"] is None
    assert event["multiValueQueryStringParameters"] is None
    assert event["pathParameters"] is None
    assert event["isBase64Encoded"] is False


@pytest.mark.parametrize("content_type", ["application/json", "text/plain; charset=utf-8", "application/problem+json"])
def test_text_arrives_as_text(alice: httpx.Client, content_type: str) -> None:
    event = alice.post("/show/x", content='{"ü": 1}'.encode(), headers={"Content-Type": content_type}).json()["event"]
    assert (event["body"], event["isBase64Encoded"]) == ('{"ü": 1}', False)


def test_other_bodies_arrive_in_base64(alice: httpx.Client) -> None:
    event = alice.post("/show/x", content=b"\xff\x00", headers={"Content-Type": "image/png"}).json()["event"]
    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == b"\xff\x00"


def test_an_answer_keeps_each_value_of_a_header(alice: httpx.Client) -> None:
    assert alice.get("/show/x").headers.get_list("set-cookie") == ["a=1", "b=2"]


def test_a_body_over_ten_megabytes_is_refused(alice: httpx.Client) -> None:
    response = alice.post("/show/x", content=b"x" * (10 * 1024 * 1024 + 1))
    assert response.status_code == 413


def test_an_event_over_six_megabytes_is_refused(alice: httpx.Client) -> None:
    assert alice.post("/show/x", content=b"x" * 6 * 1024 * 1024).status_code == 413
    # In base64 it grows by a third.
    binary = {"Content-Type": "image/png"}
    assert alice.post("/show/x", content=b"x" * 5 * 1024 * 1024, headers=binary).status_code == 413
    assert alice.post("/show/x", content=b"x" * 4 * 1024 * 1024, headers=binary).status_code == 200


@pytest.mark.parametrize(("method", "path"), [("GET", "/nowhere"), ("DELETE", "/show/x"), ("GET", "/show/a/b")])
def test_what_the_template_does_not_route_is_answered_as_api_gateway_does(
    alice: httpx.Client, method: str, path: str
) -> None:
    response = alice.request(method, path)
    assert response.status_code == 403
    assert response.json() == {"message": "Missing Authentication Token"}


def test_a_path_outside_the_stage_leads_nowhere(runner: Runner) -> None:
    assert httpx.get(runner.url.removesuffix("/v1") + "/show/x").status_code == 403


def test_a_preflight_is_answered_as_the_template_says_and_without_a_token(runner: Runner) -> None:
    response = httpx.options(f"{runner.url}/show/x")
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == "https://app.example"
    assert response.headers["access-control-allow-methods"] == "GET,POST"


@pytest.mark.parametrize(("method", "path"), [("GET", "/show/x"), ("OPTIONS", "/show/x"), ("GET", "/nothing-here")])
def test_what_the_gateway_answers_itself_has_an_id_too(runner: Runner, method: str, path: str) -> None:
    answers = [httpx.request(method, f"{runner.url}{path}") for _ in range(2)]
    assert len({answer.headers["x-amzn-requestid"] for answer in answers}) == 2


def test_an_open_route_asks_for_no_token(runner: Runner) -> None:
    response = httpx.get(f"{runner.url}/open")
    assert response.status_code == 200
    assert "authorizer" not in response.json()["event"]["requestContext"]


def test_a_worker_sees_its_functions_variables_and_no_others(alice: httpx.Client) -> None:
    probe = alice.get("/show/x").json()["environment"]
    neighbour = alice.get("/neighbour").json()["environment"]
    assert probe["PROBE_VALUE"] == "a"
    assert neighbour["NEIGHBOUR_VALUE"] == "b"
    assert "NEIGHBOUR_VALUE" not in probe
    assert "PROBE_VALUE" not in neighbour
    assert "NOT_DECLARED" not in probe


def test_the_caller_overrides_a_variable_that_the_template_declares(alice: httpx.Client) -> None:
    assert alice.get("/show/x").json()["environment"]["SHARED_VALUE"] == "of the caller"


GOOD = {"sub": "alice", "token_use": "id", "iss": tokens.ISSUER, "aud": tokens.CLIENT}
KEY = "another key, and one that is long enough for the algorithm"


def _tokens(runner: Runner) -> dict[str, str]:
    key = (runner.folder / tokens.KEY).read_text()
    claims = {**GOOD, "exp": int(time.time()) + 60}
    return {
        "malformed": "Bearer not.a.token",
        "empty": "Bearer",
        "without a scheme": runner.token(),
        "with another scheme": f"Basic {runner.token()}",
        "expired": f"Bearer {runner.token(seconds=-5)}",
        "of another key": f"Bearer {tokens.issue(KEY, 'alice')}",
        "unsigned": f"Bearer {jwt.encode(claims, None, 'none')}",
        "without an end": f"Bearer {jwt.encode(GOOD, key, 'HS256')}",
        "of an access token": f"Bearer {jwt.encode({**claims, 'token_use': 'access'}, key, 'HS256')}",
        "of another client": f"Bearer {jwt.encode({**claims, 'aud': 'else'}, key, 'HS256')}",
        "without a user": f"Bearer {jwt.encode({**claims, 'sub': ''}, key, 'HS256')}",
        "tampered with": f"Bearer {runner.token()[:-6]}AAAAAA",
    }


@pytest.mark.parametrize(
    "kind",
    [
        "malformed",
        "empty",
        "without a scheme",
        "with another scheme",
        "expired",
        "of another key",
        "unsigned",
        "without an end",
        "of an access token",
        "of another client",
        "without a user",
        "tampered with",
    ],
)
def test_a_bad_token_is_refused(runner: Runner, kind: str) -> None:
    response = httpx.get(f"{runner.url}/show/x", headers={"Authorization": _tokens(runner)[kind]})
    assert response.status_code == 401
    assert response.json()["message"] in ("Unauthorized", "The incoming token has expired")


def test_a_request_without_a_token_is_refused(runner: Runner) -> None:
    response = httpx.get(f"{runner.url}/show/x")
    assert (response.status_code, response.json()) == (401, {"message": "Unauthorized"})
