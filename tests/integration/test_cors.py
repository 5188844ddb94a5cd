"""A browser application on another origin may read every answer, a refusal's among them."""

import pytest

from tests.client import Client

ORIGIN = {"Origin": "https://app.example.com"}
EXPOSED = {"retry-after", "x-amzn-requestid"}


@pytest.mark.parametrize("path", ["/sessions", "/sessions/unknown", "/sessions?limit=0", "/stats", "/nothing-here"])
def test_an_answer_may_be_read_by_the_origin_that_asked(api: Client, path: str) -> None:
    headers = api.get(path, headers=ORIGIN).headers
    assert headers["access-control-allow-origin"] in (ORIGIN["Origin"], "*")
    assert exposed(headers) == EXPOSED


def test_a_refusal_of_the_gateway_may_be_read_too(api: Client) -> None:
    refused = api.anonymous().get("/sessions", headers=ORIGIN)
    assert refused.status == 401
    assert refused.headers["access-control-allow-origin"] == "*"
    assert exposed(refused.headers) == EXPOSED


def exposed(headers: dict[str, str]) -> set[str]:
    """The headers that a page may read, in lower case as a browser compares them."""
    return {name.strip().lower() for name in headers["access-control-expose-headers"].split(",")}


def test_a_preflight_is_answered_without_a_token_and_names_the_idempotency_key(api: Client) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "idempotency-key", **ORIGIN}
    preflight = api.anonymous().request("OPTIONS", "/sessions", headers=asked)
    assert preflight.status == 200
    assert "Idempotency-Key" in preflight.headers["access-control-allow-headers"]
