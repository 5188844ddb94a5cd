"""An emulator of AWS in a process of its own: IAM enforced, a free port, and a folder that goes when it goes."""

import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from infra.build import ROOT
from infra.local.lifeline import start_guarded

PROGRAM = ROOT / ".venv" / "emulator" / "bin" / "ministack"
REGION = "eu-central-1"
ROOT_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
SECONDS_TO_START = 60
SECONDS_TO_ANSWER = 300
"""A cold start unpacks a function's layers and compiles them, beside whatever else the machine has to do."""


@dataclass(frozen=True)
class Emulator:
    """An emulator that answers at `port`; `closing` ends the connections to it."""

    port: int
    closing: ExitStack = field(default_factory=ExitStack, compare=False)
    clients: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        """The variables with which SAM deploys to the emulator, as the account's root and whatever the machine's own
        account is."""
        plain = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "SSL_CERT_FILE") if name in os.environ}
        return plain | ROOT_CREDENTIALS | {"AWS_DEFAULT_REGION": REGION, "AWS_ENDPOINT_URL": self.url}

    def client(self, service: str) -> Any:
        """The client of one of AWS's services, as the account's root."""
        if service not in self.clients:
            self.clients[service] = made = boto3.client(
                service,
                endpoint_url=self.url,
                region_name=REGION,
                config=Config(read_timeout=SECONDS_TO_ANSWER, retries={"total_max_attempts": 1}),
                aws_access_key_id=ROOT_CREDENTIALS["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=ROOT_CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            )
            self.closing.callback(made.close)
        return self.clients[service]


@contextmanager
def running(log: Path) -> Iterator[Emulator]:
    """An empty emulator. Afterwards it, its functions and its data are gone; its log stays."""
    emulator = Emulator(_free_port())
    with tempfile.TemporaryDirectory(prefix="chatkeep-emulator-", ignore_cleanup_errors=True) as folder:
        with log.open("wb") as lines:
            process = start_guarded(["env", "-i", *_variables(emulator, Path(folder)), PROGRAM], lines)
        try:
            _wait_for(emulator, process, log)
            yield emulator
        finally:
            emulator.closing.close()
            _end(process)
            if process.stdin:
                process.stdin.close()


def _variables(emulator: Emulator, folder: Path) -> list[str]:
    """Functions inherit the emulator's variables, so it has none of the tests'."""
    variables = ROOT_CREDENTIALS | {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "STATE_DIR": str(folder / "state"),
        "S3_DATA_DIR": str(folder / "s3"),
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(emulator.port),
        "IOT_MTLS_ENABLED": "0",  # it would take a port that everybody's emulator takes
        "MINISTACK_REGION": REGION,
    }
    return [f"{name}={value}" for name, value in variables.items()]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(emulator: Emulator, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{emulator.url}/_ministack/health", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise RuntimeError(f"the emulator did not start:\n{log.read_text(encoding='utf-8')}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """The functions' processes are in the emulator's group."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
            process.wait(10)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
