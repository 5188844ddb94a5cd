"""The local DynamoDB: dynoxide, one process with an SQLite file."""

import socket
import subprocess
import time
from pathlib import Path

from infra.local.errors import LocalError
from infra.local.fetch import FetchError, fetch
from infra.local.lifeline import start_guarded


class EngineError(LocalError):
    """The local DynamoDB is not there or does not start."""


def free_port() -> int:
    """A loopback port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_it_listens(process: subprocess.Popen[bytes], port: int, seconds: float = 60) -> None:
    """Raises EngineError when the process ends first, or does not listen in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise EngineError(f"the local DynamoDB ended with status {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise EngineError(f"the local DynamoDB does not listen after {seconds} seconds")


def start_dynoxide(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """dynoxide with its file and its log in `folder`; it ends with this process. Raises EngineError."""
    try:
        program = fetch("dynoxide") / "dynoxide"
    except FetchError as error:
        raise EngineError(
            f"the local DynamoDB is not installed: {error}\nSet DYNAMODB_ENDPOINT to use another one."
        ) from error
    file = str(folder / "dynamodb.sqlite")
    command = [str(program), "serve", "--host", "127.0.0.1", "--port", str(port), "--db-path", file]
    with (folder / "dynamodb.log").open("wb") as log:
        process = start_guarded(command, log)
    try:
        wait_until_it_listens(process, port)
    except EngineError as error:
        stop(process)
        raise EngineError(f"{error}; see {folder / 'dynamodb.log'}") from error
    return process


def stop(process: subprocess.Popen[bytes]) -> None:
    """Terminate a guarded process, and wait for it."""
    with process:  # closes the pipe to it
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
