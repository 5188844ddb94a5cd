"""The local runner and bytes that no client should send: each is answered with a problem, and nothing breaks."""

import base64
import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.local_server import Received, exchange, receive
from tests.runner import Runner, running

ANY_BYTES = st.binary(max_size=60)
LINE = st.binary(max_size=60).map(lambda text: text.translate(None, b"\r\n\0"))
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "BREW", "get"]
A_SESSION = "/v1/sessions/0198c0de-5e55-7000-8000-000000000001"
PATHS = [
    A_SESSION,
    f"{A_SESSION}/messages",
    "/v1/sessions",
    "/v1/sessions/",
    "/v1/stats/daily?from=1",
    "/v1",
    "/",
    "*",
    "x:1",
    "http://x/v1/sessions",
    "//v1",
]
WEBSOCKET = (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="
)
HEADERS = [
    b"Authorization: Bearer TOKEN",
    b"Authorization: Bearer TOKEN",
    b"Expect: 100-continue",
    b"Expect: something",
    WEBSOCKET,
    b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AA",
    b"Connection: close",
    b"Transfer-Encoding: gzip",
    b"Content-Length: 0\r\nContent-Length: 1",
    b"Content-Length: -1",
    b"Content-Encoding: gzip",
    b"Content-Type: \xff",
    b"Idempotency-Key: \xe9\x80",
    b"Host: y",
]


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    with running(tmp_path_factory.mktemp("data")) as runner:
        with runner.client() as client:
            assert client.get("/sessions").status_code == 200
        yield runner


@pytest.fixture
def alive(runner: Runner) -> Iterator[Runner]:
    """The runner, whose processes are all still there afterwards and have shown no traceback.

    A request that is not so odd may have started another function's worker.
    """
    before = runner.children()
    yield runner
    with runner.client() as client:
        assert client.get("/sessions").status_code == 200
    assert set(before) <= set(runner.children())
    assert [line for line in runner.said if "Traceback" in line] == []


def connect(runner: Runner) -> socket.socket:
    address = urlsplit(runner.url)
    return socket.create_connection((address.hostname, address.port), timeout=20)


def check(response: Received) -> None:
    """It is a refusal, and says so as every refusal does."""
    assert 400 <= response.status < 500, response
    assert response.headers["content-type"] == "application/problem+json"
    if response.body:
        assert json.loads(response.body)["status"] == response.status


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, bytes]:
    """The method and the bytes of a request in HTTP's form, most of it odd."""
    method = draw(st.sampled_from(METHODS))
    path = draw(st.sampled_from(PATHS)).encode()
    path += draw(
        st.one_of(
            st.just(b""), LINE, st.binary(max_size=9).map(lambda text: b"".join(b"%%%02X" % byte for byte in text))
        )
    )
    version = draw(st.sampled_from([b"1.1", b"1.1", b"1.0", b"0.9", b"2.0"]))
    lines = draw(st.lists(st.one_of(st.sampled_from(HEADERS), LINE), max_size=4))
    head = b"\r\n".join([b"%b %b HTTP/%b" % (method.encode(), path, version), b"Host: x", *lines])
    return method, head + b"\r\n\r\n" + draw(ANY_BYTES)


@settings(max_examples=300)
@given(requests())
def test_an_odd_request_succeeds_or_is_answered_with_a_problem(alive: Runner, request_: tuple[str, bytes]) -> None:
    method, raw = request_
    with connect(alive) as client:
        client.sendall(raw.replace(b"TOKEN", alive.token().encode()))
        client.shutdown(socket.SHUT_WR)
        (response,) = receive(client, method)
        if response.status not in (200, 201):
            check(response)


@settings(max_examples=100)
@given(st.binary(min_size=1, max_size=300))
def test_bytes_that_are_no_request_are_answered_with_a_problem(alive: Runner, raw: bytes) -> None:
    with connect(alive) as client:
        client.sendall(raw)
        client.shutdown(socket.SHUT_WR)
        (response,) = receive(client, "GET")
        check(response)


def _jose(*parts: bytes) -> bytes:
    return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)


TOKENS = st.one_of(
    LINE,
    st.builds(_jose, ANY_BYTES, ANY_BYTES, ANY_BYTES),
    st.builds(_jose, st.sampled_from([b'{"alg": "HS256"}', b'{"alg": []}', b"[]", b"[" * 2000]), ANY_BYTES, ANY_BYTES),
)


@settings(max_examples=200)
@given(st.sampled_from([b"Bearer ", b"bearer\t", b"Basic ", b""]), TOKENS)
def test_an_odd_token_is_answered_401(alive: Runner, scheme: bytes, token: bytes) -> None:
    with connect(alive) as client:
        response = exchange(
            client, b"GET /v1/sessions HTTP/1.1\r\nHost: x\r\nAuthorization: %b%b\r\n\r\n" % (scheme, token)
        )
        check(response)
        assert response.status in (400, 401)  # 400 where HTTP itself forbids it


def test_a_websocket_finds_no_route_for_it(alive: Runner) -> None:
    with connect(alive) as client:
        response = exchange(client, b"GET /v1/socket HTTP/1.1\r\nHost: x\r\n" + WEBSOCKET + b"\r\n\r\n")
    assert response.status == 404
    check(response)


def test_the_address_may_be_written_in_full(alive: Runner) -> None:
    token = alive.token().encode()
    for target in (b"http://elsewhere:1/v1/sessions", b"HTTPS://x/v1/sessions?limit=1", b"/v1/sessions/"):
        with connect(alive) as client:
            raw = b"GET %b HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n\r\n" % (target, token)
            assert exchange(client, raw).status == 200


@pytest.mark.parametrize("query", ["q=a|b", "q={}", "q=}"])
def test_a_query_that_api_gateway_does_not_take_is_refused(alive: Runner, query: str) -> None:
    with connect(alive) as client:
        check(exchange(client, f"GET /v1/sessions?{query} HTTP/1.1\r\nHost: x\r\n\r\n".encode()))
