"""The local runner's start and end, and the data that survives a forced end."""

import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.engines import start_engine
from tests.runner import PROBE, ROOT, RUN, NotReadyError, Runner, running, start
from tests.waiting import wait_until

PROBE_RUN = [*RUN, PROBE]


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    with running(tmp_path, command=PROBE_RUN) as runner:
        yield runner


def test_it_ends_with_status_0_when_asked_and_takes_its_processes_along(runner: Runner) -> None:
    with runner.client() as client:
        client.get("/show/x")
    children = runner.children()
    assert len(children) >= 3  # a worker, the engine, the model's server
    assert runner.stop() == 0
    assert not _alive(children)


def test_a_request_that_runs_is_finished_before_the_end(runner: Runner, tmp_path: Path) -> None:
    started = tmp_path / "started"
    with ThreadPoolExecutor(1) as threads, runner.client() as client:
        response = threads.submit(client.post, "/wait", content=f"1 {started}")
        while not started.exists():
            time.sleep(0.05)
        assert runner.stop() == 0
        assert response.result().status_code == 200


def test_an_event_that_runs_is_finished_before_the_end(runner: Runner, tmp_path: Path) -> None:
    started, ended = tmp_path / "started", tmp_path / "ended"
    assert runner.invoke("ProbeFunction", {"path": "/wait", "body": f"1 {started} {ended}"}, "Event") == b""
    wait_until(started.exists)
    assert runner.stop() == 0
    assert ended.exists()


@pytest.mark.thorough
def test_what_runs_at_the_end_may_still_invoke_functions(runner: Runner, tmp_path: Path) -> None:
    started, ended = tmp_path / "started", tmp_path / "ended"
    with ThreadPoolExecutor(2) as threads, runner.client() as client:
        request = threads.submit(client.post, "/wait", content=f"3 {started}")
        wait_until(started.exists)
        runner.invoke("ProbeFunction", {"path": "/open"})  # a second worker is there
        end = threads.submit(runner.stop)
        wait_until(lambda: not _listens(runner))
        runner.invoke("ProbeFunction", {"path": "/wait", "body": f"4 {tmp_path / 'again'} {ended}"}, "Event")
        assert (request.result().status_code, end.result()) == (200, 0)
    assert ended.exists()


def test_the_end_does_not_wait_for_an_events_next_try(runner: Runner) -> None:
    runner.invoke("ProbeFunction", {"path": "/raise"}, "Event")
    wait_until(lambda: any("ProbeFunction: ValueError" in line for line in runner.said))
    started = time.monotonic()
    assert runner.stop() == 0
    assert time.monotonic() - started < 9


def _listens(runner: Runner) -> bool:
    address = urlsplit(runner.url)
    with socket.socket() as probe:
        return probe.connect_ex((address.hostname, address.port)) == 0


def _send(runner: Runner, raw: bytes) -> socket.socket:
    address = urlsplit(runner.url)
    client = socket.create_connection((address.hostname, address.port))
    client.sendall(raw)
    return client


def test_the_end_does_not_wait_for_clients_whose_turn_it_is(runner: Runner) -> None:
    answered = _send(runner, b"GET /v1/open HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answered.recv(12) == b"HTTP/1.1 200"
    begun = [b"", b"GET /v1/op", b"POST /v1/wait HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1"]
    clients = [answered, *(_send(runner, raw) for raw in begun)]
    time.sleep(0.2)
    started = time.monotonic()
    assert runner.stop() == 0
    assert time.monotonic() - started < 9
    assert [line for line in runner.said if "Traceback" in line] == []
    for client in clients:
        client.close()


@pytest.mark.thorough
def test_the_end_waits_no_longer_for_a_client_that_does_not_read(runner: Runner) -> None:
    body = b"x" * 5_500_000
    head = b"GET /v1/open HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    with _send(runner, head + body):
        time.sleep(1)
        assert runner.stop() == 0
    assert [line for line in runner.said if "Traceback" in line] == []


def test_no_process_stays_when_the_runner_is_killed(runner: Runner) -> None:
    with runner.client() as client:
        client.get("/show/x")
    children = runner.children()
    runner.kill(with_children=False)
    wait_until(lambda: not _alive(children))


def test_acknowledged_writes_are_there_after_everything_was_killed(tmp_path: Path) -> None:
    with running(tmp_path) as runner, runner.client() as client:
        stored = [client.post("/sessions", json={}).json()["session_id"] for _ in range(20)]
        runner.kill()
    with running(tmp_path) as runner, runner.client() as client:
        found = client.get("/sessions").json()["sessions"]
    assert [session["session_id"] for session in found] == stored[::-1]


def test_a_token_is_good_for_the_next_runner_of_the_folder(tmp_path: Path) -> None:
    with running(tmp_path, command=PROBE_RUN) as runner:
        token = runner.token()
    with running(tmp_path, command=PROBE_RUN) as runner:
        answer = httpx.get(f"{runner.url}/show/x", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200


def test_a_token_can_be_made_before_the_first_run(tmp_path: Path) -> None:
    command = ["make", "-s", "token", "USER=bob", "EXPIRES=60", "GROUPS=a,b", f"CHATKEEP_DATA={tmp_path}"]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    with running(tmp_path, command=PROBE_RUN) as runner:
        headers = {"Authorization": f"Bearer {made.stdout.strip()}"}
        claims = httpx.get(f"{runner.url}/show/x", headers=headers).json()["event"]["requestContext"]["authorizer"]
    assert (claims["claims"]["sub"], claims["claims"]["cognito:groups"]) == ("bob", "a,b")
    assert (tmp_path / "token-key").stat().st_mode & 0o077 == 0


def test_a_second_runner_on_the_same_folder_is_refused(runner: Runner) -> None:
    with pytest.raises(NotReadyError, match="used by another runner"):
        start(runner.folder, command=PROBE_RUN)


def test_a_port_in_use_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(NotReadyError, match=f"port {port} cannot be used.*\nSet PORT"):
            start(tmp_path, command=PROBE_RUN, environment={"PORT": str(port)})


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotReadyError, match=r"cannot be written.*\nSet CHATKEEP_DATA"):
        start(tmp_path / "file", command=PROBE_RUN)


def test_a_dynamodb_that_does_not_answer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotReadyError, match=r"the table .* cannot be made"):
        start(tmp_path, environment={"DYNAMODB_ENDPOINT": "http://127.0.0.1:9"})


def test_another_dynamodb_is_used_where_one_is_named(tmp_path: Path) -> None:
    other = start_engine("dynoxide")
    try:
        with running(tmp_path, environment={"DYNAMODB_ENDPOINT": other.endpoint}) as runner, runner.client() as client:
            assert client.post("/sessions", json={}).status_code == 201
        assert other.client.list_tables()["TableNames"] == ["chatkeep-CheckpointsTable", "chatkeep-SessionsTable"]
        assert not (tmp_path / "dynamodb.sqlite").exists()
    finally:
        other.end()


def _alive(processes: list[int]) -> list[int]:
    """Those that still run; a dead one that nobody has waited for does not."""
    states = subprocess.run(["ps", "-A", "-o", "pid=,stat="], capture_output=True, text=True, check=True).stdout
    running = {int(pid) for pid, state in map(str.split, states.splitlines()) if not state.startswith("Z")}
    return [pid for pid in processes if pid in running]
