"""Clients of streams: those that vanish, do not read, come twice, come late, or ask for what was never there."""

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from chatkeep import ids, sessions
from chatkeep.dynamodb.transaction import Transaction
from chatkeep.turns import lease
from chatkeep.turns.lease import CancelAction
from functions.stream import feed, looking, running
from tests import told_graphs
from tests.chat import new_session, send, sent
from tests.client import Client
from tests.stream_cuts import cut
from tests.streaming import Frame, StreamClient, frames, headers_of, words
from tests.told_graphs import Script, Step
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def script(monkeypatch: pytest.MonkeyPatch, spoken: None) -> Script:
    """What the deployment's graph says."""
    monkeypatch.setattr(told_graphs, "script", [Script([Step(["It ", "is ", "so"])])])
    return told_graphs.script[-1]


class Gate(threading.Event):
    """Answers have begun once it is `reached`, and do not end before it is set."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()

    def pass_through(self) -> None:
        self.reached.set()
        self.wait(20)


@pytest.fixture
def gate(script: Script) -> Iterator[Gate]:
    gate = Gate()
    script.amid = gate.pass_through
    yield gate
    gate.set()


@pytest.fixture
def session_id(api: Client) -> str:
    return new_session(api)


def ended(api: Client, session_id: str, status: str) -> Callable[[], bool]:
    """Whether the session's last message is an answer with this status."""

    def look() -> bool:
        found = api.get(f"/sessions/{session_id}/messages").json["messages"]
        return bool(found) and found[-1]["status"] == status

    return look


def running_turn(api: Client, session_id: str, gate: Gate) -> str:
    """The id of the turn that has reached the gate."""
    assert gate.reached.wait(10)
    return str(send(api, session_id, "ho").json["turn_id"])


def opened(stream: StreamClient, session_id: str, **body: Any) -> Frame:
    """The first frame of a turn whose client leaves after it has seen a word."""
    path = f"/sessions/{session_id}/messages/stream"
    return frames(cut(stream, path, lambda got: len(frames(got.decode())) > 1, content="hi", **body).decode())[0]


def test_the_first_word_comes_before_the_answer_is_complete(stream: StreamClient, session_id: str, gate: Gate) -> None:
    body = {"content": "hi"}
    path = f"{stream.url}/sessions/{session_id}/messages/stream"
    got = ""
    with httpx.stream("POST", path, json=body, headers=headers_of(stream.user_id), timeout=10) as response:
        for piece in response.iter_text():
            got += piece
            if "token" in got:
                gate.set()
    assert words(frames(got)) == "It is so"


def test_a_turn_goes_on_without_its_client(api: Client, stream: StreamClient, session_id: str, gate: Gate) -> None:
    opened(stream, session_id)
    gate.set()
    wait_until(ended(api, session_id, "completed"))


def test_a_turn_is_cancelled_when_its_client_leaves_if_the_client_wants_that(
    api: Client, stream: StreamClient, session_id: str, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatkeep.turns.supervision.FIRST_LOOK_SECONDS", 0.05)
    turn_id = opened(stream, session_id, on_disconnect="cancel").data["turn_id"]
    wait_until(ended(api, session_id, "cancelled"))
    found = frames(stream.resume(session_id, turn_id, 2).text)
    assert (words(found), found[-1].name) == ("It is ", "done")
    assert found[0].name == "turn"


def test_a_turn_that_waited_for_another_is_cancelled_if_its_client_has_left_meanwhile(
    api: Client, stream: StreamClient, session_id: str, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "QUIET_SECONDS", 0.1)
    monkeypatch.setattr("chatkeep.turns.supervision.FIRST_LOOK_SECONDS", 0.05)
    opened(stream, session_id)
    path = f"/sessions/{session_id}/messages/stream"
    cut(stream, path, lambda got: b"heartbeat" in got, content="ho", strategy="enqueue", on_disconnect="cancel")
    told_graphs.script.append(Script([Step(["never ", "all"])], amid=lambda: threading.Event().wait(20)))
    gate.set()
    wait_until(ended(api, session_id, "cancelled"))


def test_a_turn_that_has_waited_and_cannot_begin_ends_its_stream_with_the_problem(
    api: Client, stream: StreamClient, session_id: str, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "QUIET_SECONDS", 0.1)
    opened(stream, session_id)
    url, body = f"{stream.url}/sessions/{session_id}/messages/stream", {"content": "ho", "strategy": "enqueue"}
    with httpx.stream("POST", url, json=body, headers=headers_of(stream.user_id), timeout=20) as response:
        pieces = response.iter_text()
        assert (response.status_code, next(pieces)) == (200, ": heartbeat\n\n")
        api.delete(f"/sessions/{session_id}")
        gate.set()
        (told,) = frames("".join(pieces))
    assert (told.name, told.data["code"]) == ("error", "session_deleted")


@pytest.mark.thorough
def test_a_client_that_reads_nothing_is_not_waited_for_and_misses_nothing(
    stream: StreamClient, session_id: str, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []
    put = feed.Feed.put
    monkeypatch.setattr(feed, "MOST_EVENTS", 20)
    monkeypatch.setattr(feed.Feed, "put", lambda self, event: (put(self, event), held.append(len(self._events))))
    script.steps = [Step([f"{number:05}" * 10_000 for number in range(100)])]
    got = _read_late(stream, session_id, lambda: len(held) > 100)
    assert max(held) <= 20
    assert held[-1] == 0
    turn_id = got[0].data["turn_id"]
    assert got == frames(stream.resume(session_id, turn_id).text)
    assert len(words(got)) == 5_000_000


def _read_late(stream: StreamClient, session_id: str, go_on: Callable[[], bool]) -> list[Frame]:
    """A stream whose client begins to read once it may go on."""
    host, port = stream.url.removeprefix("http://").split(":")
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.connect((host, int(port)))
        lines = [f"{name}: ".encode() + value for name, value in headers_of(stream.user_id).items()]
        head = f"POST /sessions/{session_id}/messages/stream HTTP/1.0\r\nHost: x\r\nContent-Type: application/json\r\n"
        body = b'{"content": "hi"}'
        client.sendall(head.encode() + b"\r\n".join([*lines, f"Content-Length: {len(body)}".encode(), b"", body]))
        wait_until(go_on)
        got = b"".join(iter(lambda: client.recv(1 << 20), b""))
    return frames(got.partition(b"\r\n\r\n")[2].decode())


def test_two_clients_of_a_running_turn_see_what_its_own_sees(
    stream: StreamClient, other: StreamClient, session_id: str, gate: Gate
) -> None:
    turn_id = opened(stream, session_id).data["turn_id"]
    with ThreadPoolExecutor() as clients:
        seen = [clients.submit(one.resume, session_id, turn_id, at) for at in (0, 2) for one in (stream, other)]
        gate.set()
    first, second, third, fourth = (one.result().content for one in seen)
    assert first == second == stream.resume(session_id, turn_id).content
    assert third == fourth
    assert first.endswith(third)


def test_a_repetition_joins_the_running_turn_and_later_gets_the_same_stream(
    stream: StreamClient, other: StreamClient, session_id: str, gate: Gate
) -> None:
    with ThreadPoolExecutor() as clients:
        first = clients.submit(stream.post, session_id, "hi", key="k")
        gate.reached.wait(10)
        assert other.post(session_id, "hi there", key="k").status_code == 422
        second = clients.submit(other.post, session_id, "hi", key="k")
        gate.set()
    assert first.result().content == second.result().content == other.post(session_id, "hi", key="k").content
    assert words(frames(first.result().text)) == "It is so"
    assert other.post(session_id, "hi there", key="k").json()["code"] == "idempotency_key_reused"


def test_a_repetition_of_a_turn_without_a_kept_list_gets_its_answer(stream: StreamClient, session_id: str) -> None:
    first, second = (frames(stream.post(session_id, "hi", key="k", on_disconnect="cancel").text) for _ in range(2))
    assert words(first) == words(second) == "It is so"
    assert first[-1].data == second[-1].data
    assert {one.number for one in first}.isdisjoint(one.number for one in second)


def test_a_client_that_has_all_gets_nothing_more(stream: StreamClient, session_id: str) -> None:
    turn = frames(stream.post(session_id, "hi").text)
    turn_id, last = turn[0].data["turn_id"], turn[-1].number
    for place in (last, last + 1, 999_999_999_999_999):
        answer = stream.resume(session_id, turn_id, place)
        assert (answer.status_code, answer.content) == (200, b"")
    assert frames(stream.resume(session_id, turn_id, 0).text) == turn


@pytest.mark.parametrize("place", ["x", "-1", "1.0", "", "1 2", "\u0661".encode().decode("latin-1"), "1" * 16])
def test_a_place_that_is_no_number_is_refused(stream: StreamClient, session_id: str, place: str) -> None:
    headers = {**headers_of(stream.user_id), "Last-Event-ID": place.encode("latin-1")}
    url = f"{stream.url}/sessions/{session_id}/turns/{ids.new()}/stream"
    answer = httpx.get(url, headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "Last-Event-ID")


def test_a_waiting_client_hears_that_its_connection_lives(
    stream: StreamClient, session_id: str, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "QUIET_SECONDS", 0.05)
    monkeypatch.setattr(looking, "QUIET_SECONDS", 0.05)
    path = f"/sessions/{session_id}/messages/stream"
    turn_id = frames(cut(stream, path, is_alive, content="hi").decode())[0].data["turn_id"]
    assert cut(stream, f"/sessions/{session_id}/turns/{turn_id}/stream", is_alive)


def is_alive(got: bytes) -> bool:
    """Whether something has come after the first word, which the answer stays with."""
    return b"event: token" in got and got.endswith(b"\n\n: heartbeat\n\n")


def test_a_buffered_turn_is_followed_too(api: Client, stream: StreamClient, session_id: str) -> None:
    answer = sent(api, session_id, "hi")
    found = frames(stream.resume(session_id, answer["turn_id"]).text)
    assert [one.name for one in found] == ["turn", "token", "message", "done"]
    assert (words(found), found[-1].data) == ("It is so", answer)
    rest = stream.resume(session_id, answer["turn_id"], found[1].number).text
    assert frames(rest) == found[2:]


def test_a_running_buffered_turn_is_followed_to_its_end(
    api: Client, stream: StreamClient, session_id: str, gate: Gate
) -> None:
    with ThreadPoolExecutor() as clients:
        answer = clients.submit(send, api, session_id, "hi", key="k")
        seen = clients.submit(stream.resume, session_id, running_turn(api, session_id, gate))
        gate.set()
    assert frames(seen.result().text)[-1].data == answer.result().json


def test_a_turn_that_is_rolled_back_is_told_so_now_and_later(
    api: Client, stream: StreamClient, session_id: str, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatkeep.turns.supervision.FIRST_LOOK_SECONDS", 0.05)
    with ThreadPoolExecutor() as clients:
        first = clients.submit(stream.post, session_id, "hi")
        turn_id = running_turn(api, session_id, gate)
        _roll_back(stream.user_id, session_id)
    uncut = first.result()
    last = frames(uncut.text)[-1]
    assert (last.name, last.data["code"]) == ("error", "turn_rolled_back")
    assert stream.resume(session_id, turn_id).content == uncut.content


def _roll_back(user_id: str, session_id: str) -> None:
    with Transaction() as transaction:
        lease.cancel(transaction, sessions.header(user_id, session_id), CancelAction.ROLL_BACK)


def test_a_turn_that_fails_is_told_so_now_and_later(stream: StreamClient, session_id: str, script: Script) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    script.steps = [Step(["It"])]
    script.amid = fail
    first = frames(stream.post(session_id, "hi").text)
    assert [one.name for one in first] == ["turn", "error"]
    again = frames(stream.resume(session_id, first[0].data["turn_id"], first[0].number).text)
    assert [(one.name, one.data["code"]) for one in again] == [("error", first[-1].data["code"])]


def test_nothing_of_a_purged_session_is_followed(api: Client, stream: StreamClient, session_id: str) -> None:
    turn_id = frames(stream.post(session_id, "hi").text)[0].data["turn_id"]
    assert api.delete(f"/sessions/{session_id}?permanent=true").status == 202
    answer = stream.resume(session_id, turn_id)
    assert (answer.status_code, answer.json()["code"]) == (404, "session_not_found")
