"""A process that forks: its child goes on with the same savers."""

import asyncio
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatkeep.checkpointer import DynamoDBSaver
from tests.checkpoint_threads import Thread, noise

SECONDS = 20


def in_a_child(work: Callable[[], Any]) -> int:
    """The exit status of a forked process that does this; a negative one where it had to be killed."""
    child = os.fork()
    if not child:
        try:
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def value(number: int) -> dict[str, Any]:
    return {f"channel-{at}": [noise(2_000) + str(number)] * 9 for at in range(3)}


class Family:
    """A saver that does what it is told, and goes on in a child where it is told to fork."""

    def __init__(self, thread: Thread, statuses: list[int]) -> None:
        self.thread, self.statuses = thread, statuses
        self.head: str | None = None

    def put(self) -> None:
        self.head = self.thread.put({"name": [noise(900)], **value(self.thread.count)}, self.head)

    def read(self) -> None:
        found = self.thread.saver.get_tuple(self.thread.at())
        assert (found and found.checkpoint["id"]) == self.head

    def read_in_async(self) -> None:
        found = asyncio.run(self.thread.saver.aget_tuple(self.thread.at()))
        assert (found and found.checkpoint["id"]) == self.head

    def stage(self) -> None:
        found = asyncio.run(self.thread.saver.staged().aget_tuple(self.thread.at()))
        assert (found and found.checkpoint["id"]) == self.head

    def close(self) -> None:
        self.thread.saver.close()

    def live(self, acts: list[str]) -> None:
        """The rest of its life: the child of a fork has the same still to do."""
        for at, act in enumerate(acts):
            if act == "fork":
                self.statuses.append(in_a_child(lambda rest=acts[at + 1 :]: self.live_as_a_child(rest)))
                assert self.statuses[-1] == 0
            else:
                getattr(self, act)()

    def live_as_a_child(self, acts: list[str]) -> None:
        """Read the parent's thread, and go on in one of its own, as both would write to the same table."""
        self.read()
        self.thread, self.head = Thread(self.thread.saver, f"{self.thread.thread_id}-{uuid4()}"), None
        self.live(acts)


@pytest.mark.thorough
@settings(max_examples=15)
@given(st.lists(st.sampled_from(["put", "read", "read_in_async", "stage", "close", "fork"]), min_size=2, max_size=7))
def test_parent_and_child_go_on_in_whatever_order_they_fork_and_use_a_saver(
    dynamodb: Any, user_id: str, acts: list[str]
) -> None:
    name = f"{user_id}-{uuid4()}"
    statuses: list[int] = []
    family = Family(Thread(DynamoDBSaver("chatkeep-CheckpointsTable", dynamodb), name), statuses)
    family.live([*acts, "put", "read", "fork", "read_in_async"])
    assert set(statuses) == {0}


def locks_in(thing: Any, seen: set[int]) -> list[Any]:
    """The locks of an object of ours and of all that it holds."""
    if id(thing) in seen:
        return []
    seen.add(id(thing))
    if isinstance(thing, type(threading.Lock()) | type(threading.RLock())):
        return [thing]
    if not type(thing).__module__.startswith("chatkeep"):
        return []
    return [lock for part in vars(thing).values() for lock in locks_in(part, seen)]


def test_a_lock_that_a_thread_holds_at_the_fork_does_not_stop_the_child(thread: Thread) -> None:
    head = thread.put(value(1))
    staged = thread.saver.staged()
    staged.get_tuple(thread.at())
    locks = locks_in(staged, set())
    held, forked = threading.Event(), threading.Event()

    def hold() -> None:
        for lock in locks:
            lock.acquire()
        held.set()
        forked.wait(60)
        for lock in locks:
            lock.release()

    def work() -> None:
        assert thread.saver.get_tuple(thread.at(head))
        assert staged.get_tuple(thread.at(head))
        thread.put(value(2), head)
        assert asyncio.run(thread.saver.aget_tuple(thread.at()))

    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(hold)
        assert held.wait(10)
        status = in_a_child(work)
        forked.set()
        holding.result()
    assert len(locks) >= 3
    assert status == 0


class Nothing(BaseHTTPRequestHandler):
    """A DynamoDB without items, which keeps connections open; `clients` are the ports of their other ends."""

    protocol_version = "HTTP/1.1"
    clients: list[int]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.clients.append(self.client_address[1])
        body = b'{"Items": [], "Count": 0, "ScannedCount": 0}'
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def test_a_child_has_connections_of_its_own() -> None:
    """On one that it shared with its parent, each could get the other's answers."""
    handler = type("Handler", (Nothing,), {"clients": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        client = boto3.client("dynamodb", endpoint_url=f"http://127.0.0.1:{server.server_port}")
        saver = DynamoDBSaver("table", client)
        config: Any = {"configurable": {"thread_id": "thread"}}
        assert saver.get_tuple(config) is None
        assert saver.get_tuple(config) is None
        assert in_a_child(lambda: saver.get_tuple(config)) == 0
        assert saver.get_tuple(config) is None
        server.shutdown()
    parents, childs = {handler.clients[0], handler.clients[1], handler.clients[3]}, handler.clients[2]
    assert childs not in parents
    assert len(parents) == 1  # whose own connection the child leaves alone
