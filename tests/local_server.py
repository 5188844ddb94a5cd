"""The local runner's server in this process, in front of the probe's functions, and raw bytes to send to it."""

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf

import h11

from infra.local.app import App
from infra.local.environment import worker_environment
from infra.local.functions import Functions
from infra.local.gateway import Claims, Gateway
from infra.local.invoking import invoke_server
from infra.local.reception import Patience
from infra.local.server import Server, address, listen
from infra.local.service import Service
from infra.local.stack import Stack
from infra.local.template import Schedule, load_api, load_functions, load_routes
from tests.runner import PROBE
from tests.waiting import wait_until

WORKERS = 2
PAUSES = (0.1, 0.2)


@dataclass
class Served:
    """A server that listens on `port`."""

    port: int
    server: Server
    invoke_url: str

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def settle(self) -> None:
        """Wait until every connection that was made has ended."""
        with self.connect() as last:
            exchange(last, b"GET / HTTP/1.0\r\n\r\n")
        wait_until(lambda: not self.server.connections)


def _functions(invoke_url: str) -> Functions:
    stack = Stack(PROBE, {})
    declared = load_functions(stack)
    environments = {name: worker_environment(one, {}, os.environ, invoke_url) for name, one in declared.items()}
    return Functions(declared, environments, stack.path.parent, WORKERS, PAUSES)


@contextmanager
def serving(
    patience: Patience | None = None,
    *,
    authorize: Callable[[str | None], Claims] = lambda _: {"sub": "alice"},
    most_seconds: float = inf,
    scheduled: Sequence[Schedule] = (),
) -> Iterator[Served]:
    """A server that is gone afterwards; every caller is alice."""
    (listener, invoking), is_ready = (listen(0), listen(0)), threading.Event()
    stack, functions = Stack(PROBE, {}), _functions(address(invoking))
    app = App(Gateway(load_api(stack), load_routes(stack), authorize), functions, most_seconds=most_seconds)
    server = Server(app, listener, patience)
    service = Service(server, invoke_server(functions, invoking), functions, list(scheduled))
    loop, end = asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(service.run(end, is_ready.set),))
    thread.start()
    try:
        assert is_ready.wait(10)
        yield Served(listener.getsockname()[1], server, address(invoking))
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(30)
        loop.close()


@dataclass(frozen=True)
class Received:
    """A response read from a socket."""

    status: int
    headers: dict[str, str]
    body: bytes


def receive(client: socket.socket, *methods: str) -> list[Received]:
    """The final responses to requests with these methods that were sent before; fewer where the server closes."""
    machine, received = h11.Connection(h11.CLIENT), []
    for method in methods:
        machine.send(h11.Request(method=method, target="/", headers=[("host", "x")]))
        machine.send(h11.EndOfMessage())
        if (response := _response(client, machine)) is None:
            break
        received.append(response)
        if machine.their_state is not h11.DONE:
            break
        machine.start_next_cycle()
    return received


def _response(client: socket.socket, machine: h11.Connection) -> Received | None:
    head, body = None, b""
    while True:
        event = machine.next_event()
        if event is h11.NEED_DATA:
            data = client.recv(65536)
            if not data and head is None:
                return None
            machine.receive_data(data)
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            assert head is not None
            headers = {name.decode(): value.decode("latin-1") for name, value in head.headers}
            return Received(head.status_code, headers, body)
        elif isinstance(event, h11.ConnectionClosed):
            return None


def exchange(client: socket.socket, raw: bytes, method: str = "GET") -> Received:
    """The response to one request."""
    client.sendall(raw)
    (response,) = receive(client, method)
    return response
