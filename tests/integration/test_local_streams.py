"""The local runner in front of a function that streams: its requests and headers, time limits, vanished clients."""

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.local.reception import Patience
from tests.local_server import Served, exchange, receive, serving
from tests.runner import below
from tests.waiting import wait_until

PIECE = 65_536
QUICK = Patience(stream=1)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(authorize=lambda _: {"sub": "zoë 李"}) as served:
        yield served


@pytest.fixture
def client(served: Served) -> Iterator[httpx.Client]:
    with _client(served) as client:
        yield client


def _client(served: Served) -> httpx.Client:
    return httpx.Client(base_url=f"http://127.0.0.1:{served.port}/v1/stream", timeout=20)


def get(path: str, version: str = "1.1", method: str = "GET") -> bytes:
    return f"{method} /v1/stream{path} HTTP/{version}\r\nHost: x\r\n\r\n".encode()


def seen(client: httpx.Client, **options: Any) -> dict[str, Any]:
    """The request as the app saw it."""
    return dict(client.request(options.pop("method", "GET"), "/seen", **options).json())


def header(told: dict[str, Any], name: str) -> list[str]:
    return [value for one, value in told["headers"] if one == name]


def test_a_piece_arrives_before_the_next_one_is_made(client: httpx.Client, tmp_path: Path) -> None:
    with client.stream("GET", "/count", params={"to": 4, "folder": str(tmp_path)}) as response:
        for number, piece in enumerate(response.iter_raw(), start=1):
            assert piece == f"piece {number - 1}\n".encode()
            (tmp_path / str(number)).touch()
    assert (response.status_code, number) == (200, 4)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["transfer-encoding"] == "chunked"
    assert {"date", "x-amzn-requestid"} <= set(response.headers)


def test_the_app_is_told_of_the_caller_and_of_its_invocation(client: httpx.Client) -> None:
    told = seen(client)
    (request,), (invocation,) = (
        [json.loads(one.encode("latin-1").decode("utf-8")) for one in header(told, f"x-amzn-{name}-context")]
        for name in ("request", "lambda")
    )
    assert request["authorizer"]["claims"] == {"sub": "zoë 李"}
    assert (request["resourcePath"], request["stage"]) == ("/stream/{name}", "v1")
    assert invocation["request_id"] == request["requestId"]
    assert 890_000 < invocation["deadline"] - time.time() * 1000 <= 900_000
    assert invocation["env_config"]["function_name"] == "StreamFunction"


@pytest.mark.parametrize("name", ["x-amzn-request-context", "X-Amzn-Lambda-Context"])
def test_a_header_of_the_adapters_is_never_the_clients(client: httpx.Client, name: str) -> None:
    forged = [(name, '{"authorizer": {"claims": {"sub": "mallory"}}}'), (name.upper(), "mallory")]
    told = seen(client, headers=forged)
    assert len(header(told, name.lower())) == 1
    assert "mallory" not in json.dumps(told)


def test_the_request_arrives_as_it_was_sent(client: httpx.Client) -> None:
    sent = [("X-Twice", "a"), ("X-Twice", "b"), ("Last-Event-ID", "7"), ("Connection", "keep-alive")]
    told = seen(client, method="POST", headers=sent, content="zoë", params=[("a", "1"), ("a", "ü&2"), ("b", "")])
    assert (told["method"], told["path"], told["body"]) == ("POST", "/stream/seen", "zoë")
    assert told["query"] == "a=1&a=%C3%BC%262&b="
    assert (header(told, "x-twice"), header(told, "last-event-id")) == (["a", "b"], ["7"])
    assert header(told, "content-length") == [str(len("zoë".encode()))]
    assert header(told, "x-forwarded-for") == ["127.0.0.1"]


def test_bytes_that_are_no_text_arrive_as_they_are(client: httpx.Client) -> None:
    told = seen(client, method="PUT", headers={"Content-Type": "application/octet-stream"}, content=b"\x00\x01plain")
    assert told["body"] == "\x00\x01plain"


def test_the_app_has_the_variables_of_its_function_and_of_no_other(client: httpx.Client) -> None:
    environment = seen(client)["environment"]
    assert (environment["STREAM_VALUE"], environment["SHARED_VALUE"]) == ("c", "of the template")
    assert not {"PROBE_VALUE", "NEIGHBOUR_VALUE"} & set(environment)
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "StreamFunction"


def test_an_answer_that_is_no_stream_passes_as_well(client: httpx.Client) -> None:
    response = client.get("/seen?missing=1")
    assert (response.status_code, response.json()["method"]) == (404, "GET")
    assert (response.headers["content-type"], response.headers["set-cookie"]) == ("application/json", "a=1")


def test_what_the_app_raises_is_answered_as_a_functions_error(client: httpx.Client) -> None:
    response = client.get("/fail")
    assert (response.status_code, response.json()) == (502, {"message": "Internal server error"})


def test_one_process_carries_many_streams_at_once(client: httpx.Client, tmp_path: Path) -> None:
    started = [tmp_path / str(number) for number in range(20)]
    for folder in started:
        folder.mkdir()
    with ThreadPoolExecutor(20) as threads:
        params = [{"to": 2, "folder": str(folder)} for folder in started]
        answers = [threads.submit(client.get, "/count", params=one) for one in params]
        pids = {seen(client)["pid"] for _ in range(3)}
        for folder in started:
            (folder / "1").touch()
    assert {one.result().text for one in answers} == {"piece 0\npiece 1\n"}
    assert len(pids) == 1


def test_a_connection_goes_on_after_a_stream_and_takes_what_was_sent_meanwhile(served: Served) -> None:
    with served.connect() as client:
        client.sendall(get("/count?to=3") + get("/count?to=2") + get("/seen"))
        first, second, third = receive(client, "GET", "GET", "GET")
    assert (first.body, second.body) == (b"piece 0\npiece 1\npiece 2\n", b"piece 0\npiece 1\n")
    assert third.status == 200


def test_an_answer_to_head_has_no_body_and_the_connection_goes_on(served: Served) -> None:
    with served.connect() as client:
        client.sendall(get("/count?to=3", method="HEAD") + get("/count?to=1"))
        head, got = receive(client, "HEAD", "GET")
    assert (head.status, head.body, got.body) == (200, b"", b"piece 0\n")


def test_a_client_of_http_1_0_gets_the_body_unframed_and_then_the_end(served: Served) -> None:
    with served.connect() as client:
        received = exchange(client, get("/count?to=2", "1.0"))
        assert received.body == b"piece 0\npiece 1\n"
        assert "transfer-encoding" not in received.headers
        assert client.recv(1) == b""


@pytest.mark.parametrize("how", ["close", "reset"])
def test_the_app_sees_that_a_client_has_left_though_it_has_nothing_to_send(
    served: Served, tmp_path: Path, how: str
) -> None:
    left = tmp_path / "left"
    with served.connect() as client:
        client.sendall(get(f"/silent?left={left}"))
        assert b"begun" in _until(client, b"begun")
        assert not left.exists()
        if how == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    wait_until(left.exists)


def _until(client: socket.socket, mark: bytes) -> bytes:
    found = b""
    while mark not in found and (data := client.recv(PIECE)):
        found += data
    return found


@pytest.mark.thorough
def test_a_client_that_reads_nothing_stops_the_app_and_takes_no_memory(served: Served, tmp_path: Path) -> None:
    sent, left = tmp_path / "sent", tmp_path / "left"
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", served.port))
        client.sendall(get(f"/endless?sent={sent}&left={left}"))
        wait_until(sent.exists)
        _settled(sent)
        before = sent.stat().st_size
        assert before * PIECE < 16_000_000  # what the system's buffers and ours hold
        time.sleep(0.5)
        assert sent.stat().st_size == before
        wait_until(lambda: bool(client.recv(PIECE)) and sent.stat().st_size > before)
    wait_until(left.exists)


def _settled(file: Path) -> None:
    """Wait until it grows no more."""
    size = -1
    while size != file.stat().st_size:
        size = file.stat().st_size
        time.sleep(0.3)


@pytest.mark.thorough
def test_a_stream_on_which_nothing_moves_is_cut(tmp_path: Path) -> None:
    with serving(QUICK) as served, served.connect() as client:
        client.sendall(get(f"/silent?left={tmp_path / 'left'}"))
        assert not _until(client, b"0\r\n\r\n").endswith(b"0\r\n\r\n")
        wait_until((tmp_path / "left").exists)


@pytest.mark.thorough
def test_a_client_that_takes_nothing_is_given_up(tmp_path: Path) -> None:
    sent, left = tmp_path / "sent", tmp_path / "left"
    with serving(QUICK) as served, served.connect() as client:
        client.sendall(get(f"/endless?sent={sent}&left={left}"))
        wait_until(left.exists)


@pytest.mark.thorough
def test_a_stream_is_cut_at_the_end_of_its_time(tmp_path: Path) -> None:
    with serving(most_seconds=2) as served, _client(served) as client:
        seen(client)  # the process is there
        started = time.monotonic()
        with pytest.raises(httpx.TransportError):
            client.get("/silent", params={"left": str(tmp_path / "left")})
        assert 1.5 < time.monotonic() - started < 6
        assert client.get("/late?seconds=3").status_code == 504
        wait_until((tmp_path / "left").exists)


@pytest.fixture
def alone() -> Iterator[Served]:
    """A runner whose process nobody else needs."""
    with serving() as served:
        yield served


@pytest.mark.thorough
def test_requests_of_a_process_that_dies_are_cut_and_new_ones_start_another(alone: Served, tmp_path: Path) -> None:
    with _client(alone) as client, _client(alone) as another:
        first = seen(another)["pid"]
        with client.stream("GET", "/silent", params={"left": str(tmp_path / "left")}) as other:
            pieces = other.iter_raw()
            assert next(pieces) == b"begun"
            with pytest.raises(httpx.TransportError):
                another.get("/die")
            with pytest.raises(httpx.TransportError):
                next(pieces)
        assert seen(another)["pid"] != first
        assert another.get("/die?early=1").status_code == 502
        assert another.get("/count?to=1").text == "piece 0\n"


@pytest.mark.thorough
def test_a_process_killed_at_rest_is_started_again_by_many_requests_once(alone: Served) -> None:
    with _client(alone) as client, ThreadPoolExecutor(8) as threads:
        os.kill(first := seen(client)["pid"], signal.SIGKILL)
        wait_until(lambda: first not in below(os.getpid(), "uvicorn"))
        found = {one.result()["pid"] for one in [threads.submit(seen, client) for _ in range(8)]}
    assert len(found - {first}) == len(found) == 1


def test_a_function_that_does_not_start_is_answered_and_tried_again(served: Served) -> None:
    url = f"http://127.0.0.1:{served.port}/v1/broken"
    assert [httpx.get(url).status_code for _ in range(2)] == [502, 502]


@pytest.mark.thorough
def test_the_process_and_what_it_started_end_with_the_runner() -> None:
    with serving() as served, _client(served) as client:
        pid = seen(client)["pid"]
        assert pid in below(os.getpid(), "uvicorn")
    assert pid not in below(os.getpid(), "uvicorn")
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.thorough
def test_a_stream_that_runs_when_the_runner_is_asked_to_end_is_finished(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as threads:
        with serving() as served:
            url, params = f"http://127.0.0.1:{served.port}/v1/stream/count", {"to": 2, "folder": str(tmp_path)}
            answer = threads.submit(httpx.get, url, params=params, timeout=20)
            wait_until(lambda: any(not one.is_waiting for one in served.server.connections))
            threads.submit(_touch_later, tmp_path / "1")
        assert answer.result().text == "piece 0\npiece 1\n"


def _touch_later(file: Path) -> None:
    time.sleep(1)
    file.touch()
