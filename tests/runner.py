"""A real local runner in a process of its own, and a test's ways to stop it."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from botocore.session import get_session

from infra.local import tokens
from infra.local.folder import secret
from tests.waiting import wait_until

ROOT = Path(__file__).parents[1]
PROBE = ROOT / "tests" / "integration" / "probe" / "template.yaml"
RUN = (sys.executable, "-m", "infra.local")
READY = "Chatkeep is ready at "
INVOKE = "Lambda's Invoke is at "
_OF_THE_TESTS = (
    "SESSIONS_TABLE",
    "CHECKPOINTS_TABLE",
    "DEFAULT_",
    "POWERTOOLS_",
    "CURSOR_SECRET",
    "ERASURE_SECRET",
    "JOBS_FUNCTION",
    "TURNS_FUNCTION",
    "ALLOW_",
    "ALLOWED_MODELS",
    "USAGE_GROUP",
    "LOG_LEVEL",
)


class NotReadyError(Exception):
    """The runner ended before it was ready; the message is its output."""


@dataclass
class Runner:
    """A runner that is ready at `url` with its data in `folder`."""

    process: subprocess.Popen[str]
    folder: Path
    url: str
    said: list[str] = field(repr=False)
    """The lines of its standard error so far."""
    log: threading.Thread = field(repr=False)
    """The thread that collects them."""

    def token(self, user: str = "alice", seconds: int = 600, groups: Sequence[str] = ()) -> str:
        return tokens.issue(secret(self.folder, tokens.KEY), user, seconds, groups)

    def client(self, user: str = "alice", groups: Sequence[str] = ()) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.token(user, groups=groups)}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)

    def invoke(self, function: str, event: object = None, kind: str = "RequestResponse") -> bytes:
        """Invoke a function as others do; the result, which is empty for an event."""
        wait_until(lambda: any(line.startswith(INVOKE) for line in self.said))
        url = next(line for line in self.said if line.startswith(INVOKE)).removeprefix(INVOKE).strip()
        client = get_session().create_client("lambda", endpoint_url=url)
        answer = client.invoke(FunctionName=function, InvocationType=kind, Payload=json.dumps(event or {}).encode())
        result: bytes = answer["Payload"].read()
        return result

    def stop(self) -> int:
        """Ask the runner to end. Returns its exit status."""
        self.process.terminate()
        return self.process.wait(30)

    def interrupt(self) -> None:
        """Press Ctrl-C in its terminal, which reaches every process of its session; wait for its end."""
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(30)

    def children(self, command: str = "") -> list[int]:
        """The processes below the runner, all generations: those whose command line has `command` in it."""
        return below(self.process.pid, command)

    def kill(self, *, with_children: bool = True) -> None:
        """Kill all of its processes at once, as a power cut would."""
        victims = [self.process.pid, *(self.children() if with_children else [])]
        for pid in victims:
            with suppress(ProcessLookupError):  # some end with the first of them
                os.kill(pid, signal.SIGKILL)
        self.process.wait(30)


def below(parent: int, command: str) -> list[int]:
    """The processes below that one, all generations: those whose command line has `command` in it."""
    # -ww: else a command line ends at the width of a terminal, and what it names is found or not by the tree's path
    table = subprocess.run(["ps", "-A", "-ww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True)
    processes = [line.split(maxsplit=2) for line in table.stdout.splitlines()]

    def descendants(of: int) -> Iterator[tuple[int, str]]:
        for pid, above, *args in processes:
            if int(above) == of:
                yield int(pid), "".join(args)
                yield from descendants(int(pid))

    return [pid for pid, args in descendants(parent) if command in args]


def start(
    folder: Path,
    *,
    command: Sequence[str | Path] = RUN,
    environment: Mapping[str, str] | None = None,
) -> Runner:
    """Start a runner on a free port and wait until it is ready. Raises NotReadyError."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OF_THE_TESTS)}
    variables = inherited | {"DYNAMODB_ENDPOINT": "", "PORT": "0", "CHATKEEP_DATA": str(folder), **(environment or {})}
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    said: list[str] = []
    log = threading.Thread(target=said.extend, args=(process.stderr,), daemon=True)
    log.start()
    for line in process.stdout:
        if line.startswith(READY):
            return Runner(process, folder, line.removeprefix(READY).strip(), said, log)
    process.wait()
    _close(process, log)
    raise NotReadyError("".join(said))


@contextmanager
def running(folder: Path, **options: object) -> Iterator[Runner]:
    """A runner that ends with the context."""
    runner = start(folder, **options)  # type: ignore[arg-type]
    try:
        yield runner
    finally:
        if runner.process.poll() is None:
            runner.stop()
        _close(runner.process, runner.log)


def _close(process: subprocess.Popen[str], log: threading.Thread) -> None:
    """Close the pipes of a process that has ended."""
    log.join()
    for pipe in (process.stdout, process.stderr):
        assert pipe is not None
        pipe.close()
