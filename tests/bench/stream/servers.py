"""The servers that the benchmark puts the same load to, each in a process of its own."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from infra.local.engine import free_port
from tests.adapter import adapting
from tests.bench.stream.report import GRAPH, LANGGRAPH, MODEL, OURS
from tests.client import Client
from tests.runner import below
from tests.streaming import headers_of
from tests.waiting import wait_until

ROOT = Path(__file__).parents[3]
_LANGGRAPH = ROOT / ".venv" / "langgraph-server"
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
Headers = dict[str, str] | dict[str, bytes]


@dataclass(frozen=True)
class Chat:
    """One conversation of a server: what asks for the stream of an answer."""

    url: str
    headers: Callable[[], Headers]
    body: Callable[[str], dict[str, Any]]


@dataclass(frozen=True)
class Server:
    """A server that is ready. `token` is how the frame of a token begins, and `chat` begins a conversation."""

    name: str
    pid: int
    token: bytes
    chat: Callable[[], Chat]

    def cpu_seconds(self) -> float:
        """Processor time of all of its processes so far."""
        return sum(sum(map(int, _stat(pid)[11:13])) for pid in self._processes()) / _TICKS

    def resident_bytes(self) -> int:
        """Memory of all of its processes now, as resident in full."""
        return sum(int(_stat(pid)[21]) for pid in self._processes()) * _PAGE

    def _processes(self) -> list[int]:
        return [self.pid, *below(self.pid, "")]


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on, see proc_pid_stat(5)."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()


@contextmanager
def ours() -> Iterator[Server]:
    """The function as its layer starts it, with the environment's tables."""
    variables = {
        **os.environ,
        "AWS_LWA_PORT": str(free_port()),
        "AWS_LWA_READINESS_CHECK_PATH": "/ready",
        "GRAPH": "tests.bench.stream.paced:build_graph",
        "LOG_LEVEL": "ERROR",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }
    with adapting(ROOT / "functions" / "stream" / "run.sh", ROOT, variables) as adapted:

        def chat() -> Chat:
            client = Client(f"user-{os.urandom(8).hex()}")
            session_id = client.post("/sessions", json={}).json["session_id"]
            return Chat(
                f"{adapted.url}/sessions/{session_id}/messages/stream",
                lambda: headers_of(client.user_id),
                lambda content: {"content": content},
            )

        yield Server(OURS, adapted.process.pid, b"event: token\n", chat)


@contextmanager
def bare(name: str) -> Iterator[Server]:
    """A bare app, MODEL or GRAPH, with the options of uvicorn that ours has."""
    port, path = free_port(), {MODEL: "model", GRAPH: "graph"}[name]
    options = "--http h11 --loop asyncio --ws none --no-access-log --log-level warning"
    command = [sys.executable, "-m", "uvicorn", "tests.bench.stream.bare:app", "--port", str(port), *options.split()]
    with _process(command, ROOT, f"http://127.0.0.1:{port}/ready") as process:

        def chat() -> Chat:
            thread = os.urandom(8).hex()
            url = f"http://127.0.0.1:{port}/{path}"
            return Chat(url, dict, lambda content: {"thread": thread, "content": content})

        yield Server(name, process.pid, b"event: token\n", chat)


@contextmanager
def langgraph() -> Iterator[Server]:
    """LangGraph's own server with its stores in memory."""
    port = free_port()
    command = [str(_LANGGRAPH / "bin" / "langgraph"), "dev", "--port", str(port), "--no-browser", "--no-reload"]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "paced.py").write_bytes((Path(__file__).parent / "paced.py").read_bytes())
        (folder / "langgraph.json").write_text(
            json.dumps({"dependencies": ["."], "graphs": {"paced": "./paced.py:make_graph"}})
        )
        ready = f"http://127.0.0.1:{port}/ok"
        process = stack.enter_context(_process([*command, "--n-jobs-per-worker", "256"], folder, ready))

        def chat() -> Chat:
            thread = httpx.post(f"http://127.0.0.1:{port}/threads", json={}).json()["thread_id"]
            return Chat(f"http://127.0.0.1:{port}/threads/{thread}/runs/stream", dict, _run)

        yield Server(LANGGRAPH, process.pid, b"event: messages\r\n", chat)


def _run(content: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": content}]
    return {"assistant_id": "paced", "input": {"messages": messages}, "stream_mode": ["messages-tuple"]}


@contextmanager
def _process(command: list[str], folder: Path, ready: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server's process once it is ready, killed at the end."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, cwd=folder, env=_environment(), stdout=said, stderr=said)

        def is_ready() -> bool:
            if process.poll() is not None:
                said.seek(0)
                raise RuntimeError(said.read().decode(errors="replace"))
            try:
                return httpx.get(ready).status_code == 200
            except httpx.TransportError:
                return False

        try:
            wait_until(is_ready, 120)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _environment() -> dict[str, str]:
    return {**os.environ, "LANGSMITH_TRACING": "false", "LOG_LEVEL": "ERROR", "NO_COLOR": "1"}


def all_of_them() -> list[AbstractContextManager[Server]]:
    """Each of them, ours first."""
    return [ours(), langgraph(), bare(GRAPH), bare(MODEL)]
