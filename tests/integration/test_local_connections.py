"""The local runner's connections: whole requests, in time and within the limits; and nobody waits for another."""

import json
import select
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.local import limits
from infra.local.reception import Patience
from tests.local_server import Served, exchange, receive, serving
from tests.waiting import wait_until

HEAD = b"Host: x\r\nContent-Type: text/plain\r\n"
OPEN = b"GET /v1/open HTTP/1.1\r\n" + HEAD + b"\r\n"
Encode = Callable[[str], bytes]
QUICK = Patience(idle=0.4, request=0.4, answer=0.6, refusal=0.4)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving() as served:
        yield served


@pytest.fixture(scope="module")
def impatient() -> Iterator[Served]:
    with serving(QUICK) as served:
        yield served


def wait(body: str, path: str = "/wait") -> bytes:
    """A request for the function that says in a file that it runs."""
    content = body.encode()
    return b"POST /v1%b HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n%b" % (path.encode(), HEAD, len(content), content)


def chunked(body: str) -> bytes:
    content = body.encode()
    return b"POST /v1/wait HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (
        HEAD,
        len(content),
        content,
    )


def test_a_small_answer_does_not_wait_for_more_to_send(served: Served) -> None:
    with served.connect() as client:
        assert exchange(client, OPEN).status == 200
        (connection,) = served.server.connections
        accepted = connection.writer.get_extra_info("socket")
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


@pytest.mark.parametrize("encode", [wait, chunked])
def test_a_whole_request_is_carried_out(served: Served, tmp_path: Path, encode: Encode) -> None:
    with served.connect() as client:
        assert exchange(client, encode(f"0 {tmp_path / 'ran'}"), "POST").status == 200
    assert (tmp_path / "ran").exists()


@settings(max_examples=60)
@given(
    encode=st.sampled_from([wait, chunked]),
    part=st.floats(0, 1, exclude_max=True),
    leave=st.sampled_from(["close", "reset", "half"]),
)
def test_a_request_that_is_cut_anywhere_is_not_carried_out(
    served: Served, tmp_path: Path, encode: Encode, part: float, leave: str
) -> None:
    whole = encode(f"0 {tmp_path / 'ran'}")
    with served.connect() as client:
        client.sendall(whole[: int(len(whole) * part)])
        if leave == "half":
            client.shutdown(socket.SHUT_WR)
            assert {response.status for response in receive(client, "POST")} <= {400}
        if leave == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    served.settle()
    assert not (tmp_path / "ran").exists()


def test_a_length_longer_than_the_body_is_not_carried_out(served: Served, tmp_path: Path) -> None:
    with served.connect() as client:
        client.sendall(wait(f"0 {tmp_path / 'ran'}").replace(b"Content-Length: ", b"Content-Length: 9"))
        client.shutdown(socket.SHUT_WR)
        assert [response.status for response in receive(client, "POST")] == [400]
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("begun", [OPEN[:9], OPEN[:-2], wait("0")[:-1], chunked("0")[:-2]])
def test_a_request_whose_end_does_not_come_is_answered_and_closed(impatient: Served, begun: bytes) -> None:
    with impatient.connect() as client:
        started = time.monotonic()
        assert exchange(client, begun).status == 408
        assert client.recv(1) == b""
        assert time.monotonic() - started < 15


def _has_come(client: socket.socket, seconds: float) -> bool:
    return bool(select.select([client], [], [], seconds)[0])


def test_bytes_that_trickle_in_give_no_more_time(impatient: Served) -> None:
    with impatient.connect() as client:
        client.sendall(OPEN[:-2])
        for _ in range(100):
            client.sendall(b"X: y\r\n")
            if _has_come(client, 0.1):
                break
        assert [response.status for response in receive(client, "GET")] == [408]


def test_a_connection_on_which_nothing_comes_is_closed(impatient: Served) -> None:
    with impatient.connect() as new, impatient.connect() as used:
        assert exchange(used, OPEN).status == 200
        assert (new.recv(1), used.recv(1)) == (b"", b"")


def test_requests_that_stall_hold_no_worker(served: Served) -> None:
    stalled = [served.connect() for _ in range(40)]
    for client in stalled:
        client.sendall(wait("0")[:-1])
    with served.connect() as client:
        assert exchange(client, OPEN).status == 200
        assert exchange(client, wait("0"), "POST").status == 200
    for client in stalled:
        client.close()


def _slow_reader(served: Served) -> socket.socket:
    """A client that has asked for more than the system keeps for it, and reads nothing."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", served.port))
    client.sendall(wait("x" * 5_500_000, "/show/x"))
    return client


def test_a_client_that_reads_slowly_keeps_nobody_waiting(served: Served) -> None:
    slow = [_slow_reader(served) for _ in range(4)]  # more than there are workers
    with served.connect() as client:
        for _ in range(10):
            assert exchange(client, OPEN).status == 200
    assert [response.status for one in slow for response in receive(one, "POST")] == [200] * 4
    for one in slow:
        one.close()


def test_a_client_that_never_reads_is_given_up(impatient: Served) -> None:
    with _slow_reader(impatient):
        wait_until(lambda: bool(impatient.server.connections))
        impatient.settle()


def test_requests_sent_at_once_are_answered_in_their_order(served: Served) -> None:
    with served.connect() as client:
        client.sendall(OPEN + b"GET /v1/nowhere HTTP/1.1\r\nHost: x\r\n\r\n" + wait("0") + OPEN)
        assert [one.status for one in receive(client, "GET", "GET", "POST", "GET")] == [200, 403, 200, 200]


def test_what_follows_a_request_that_nobody_understands_is_not_carried_out(served: Served, tmp_path: Path) -> None:
    with served.connect() as client:
        client.sendall(b"nonsense\r\n\r\n" + wait(f"0 {tmp_path / 'ran'}"))
        assert [response.status for response in receive(client, "GET", "POST")] == [400]
    assert not (tmp_path / "ran").exists()


def test_an_answer_to_head_has_no_body_and_the_connection_goes_on(served: Served) -> None:
    with served.connect() as client:
        client.sendall(OPEN.replace(b"GET", b"HEAD") + OPEN)
        head, got = receive(client, "HEAD", "GET")
    assert (head.status, head.body, got.status) == (403, b"", 200)


@pytest.mark.parametrize(
    ("version", "header", "stays"),
    [(b"1.1", b"", True), (b"1.1", b"Connection: close\r\n", False), (b"1.0", b"", False)],
)
def test_a_connection_stays_as_long_as_http_says(served: Served, version: bytes, header: bytes, stays: bool) -> None:
    with served.connect() as client:
        assert exchange(client, b"GET /v1/open HTTP/%b\r\nHost: x\r\n%b\r\n" % (version, header)).status == 200
        client.settimeout(0.3 if stays else 10)
        if stays:
            with pytest.raises(TimeoutError):
                client.recv(1)
        else:
            assert client.recv(1) == b""


def test_a_client_that_asks_first_is_told_to_go_on(served: Served) -> None:
    head, _, body = wait("0").partition(b"\r\n\r\n")
    with served.connect() as client:
        client.sendall(head + b"\r\nExpect: 100-continue\r\n\r\n")
        assert client.recv(1024).startswith(b"HTTP/1.1 100 ")
        assert exchange(client, body, "POST").status == 200


def test_a_client_that_asks_first_is_refused_what_is_too_large(served: Served) -> None:
    length = b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % (limits.MAX_REQUEST_BYTES + 1)
    with served.connect() as client:
        client.sendall(b"POST /v1/wait HTTP/1.1\r\n" + HEAD + length)
        assert client.recv(1024).startswith(b"HTTP/1.1 413 ")


def _with_headers_of(size: int) -> bytes:
    rest = size - limits.header_bytes([("Host", "x"), ("X", "")])
    return b"GET /v1/open HTTP/1.1\r\nHost: x\r\nX: %b\r\n\r\n" % (b"y" * rest)


def _with_url_of(size: int) -> bytes:
    return b"GET /v1/open?%b HTTP/1.1\r\nHost: x\r\n\r\n" % (b"q" * (size - len("/v1/open?")))


@pytest.mark.parametrize("build", [_with_headers_of, _with_url_of])
@pytest.mark.parametrize(("over", "status"), [(0, 200), (1, 413), (50_000, 413), (200_000, 413)])
def test_headers_and_urls_have_their_limits(
    served: Served, build: Callable[[int], bytes], over: int, status: int
) -> None:
    with served.connect() as client:
        assert exchange(client, build(limits.MAX_HEADER_BYTES + over)).status == status


def test_a_body_without_end_is_refused_at_its_limit(served: Served) -> None:
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    with served.connect() as client:
        client.sendall(b"POST /v1/wait HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 11)
        assert [response.status for response in receive(client, "POST")] == [413]


def test_a_function_that_takes_too_long_for_the_gateway_runs_on(tmp_path: Path) -> None:
    started, finished = tmp_path / "started", tmp_path / "finished"
    with serving(most_seconds=2) as served, served.connect() as client:
        late = exchange(client, wait(f"3 {started} {finished}"), "POST")
        assert (late.status, late.body) == (504, b'{"message":"Endpoint request timed out"}')
        wait_until(finished.exists)


def test_the_seconds_of_a_request_count_from_its_head(served: Served) -> None:
    whole = wait("x", "/show/x")
    with served.connect() as client:
        before = time.time()
        client.sendall(whole[:-1])
        time.sleep(0.5)
        before_its_end = time.time()
        seen = json.loads(exchange(client, whole[-1:], "POST").body)["event"]["requestContext"]["requestTimeEpoch"]
    assert before - 0.1 < seen / 1000 < before_its_end


def test_a_fault_of_the_runners_own_is_answered(capfd: pytest.CaptureFixture[str]) -> None:
    def authorize(_: str | None) -> dict[str, str]:
        raise RuntimeError("broken")

    with serving(authorize=authorize) as served, served.connect() as client:
        assert exchange(client, OPEN.replace(b"open", b"show/x")).status == 500
        assert exchange(client, OPEN).status == 200
    assert "RuntimeError: broken" in capfd.readouterr().err


def test_what_is_not_carried_out_is_logged_in_one_line(served: Served, capfd: pytest.CaptureFixture[str]) -> None:
    with served.connect() as client:
        client.sendall(wait("0")[:-1].replace(b"/wait", b"/wa%0Ait"))
        client.shutdown(socket.SHUT_WR)
        receive(client, "POST")
    served.settle()
    (line,) = (line for line in capfd.readouterr().err.splitlines() if "%0Ait" in line)
    assert line.startswith("POST /v1/wa%0Ait 400 not carried out: ")
