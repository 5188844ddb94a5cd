"""The DynamoDB that a test run talks to: moto in this process, or a server started for the run."""

import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.handlers import BUILTIN_HANDLERS
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.models import botocore_stubber
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import Table

from infra.local.engine import free_port, start_dynoxide, stop, wait_until_it_listens
from infra.local.fetch import fetch
from infra.local.lifeline import start_guarded
from infra.local.stack import Stack
from infra.local.tables import create_missing_tables
from tests import cheaper_moto

# moto's read-modify-write of an item is not atomic between threads, but real DynamoDB's is. One request at a time
# restores that.
_one_at_a_time = threading.Lock()


interceptors: list[Callable[[Any], Any]] = []
"""Hooks that may answer or fail a request to AWS in place of the engine; None leaves it to the next one."""
TO_ITS_URL = object()
"""An answer that lets the request go to its own address."""


def moto_answer(event_name: str, request: Any, **options: Any) -> Any:
    """moto's answer, or None if it is not active."""
    with _one_at_a_time:
        return botocore_stubber(event_name, request, **options)


def _answer(event_name: str, request: Any, **options: Any) -> Any:
    for intercept in interceptors:
        if (answer := intercept(request)) is not None:
            return None if answer is TO_ITS_URL else answer
    return moto_answer(event_name, request, **options)


BUILTIN_HANDLERS[BUILTIN_HANDLERS.index(("before-send", botocore_stubber))] = ("before-send", _answer)
cheaper_moto.install()

_BRIEF = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""Java's options for a process of minutes: compiling for hours to come took two fifths of a test run's CPU."""


@dataclass
class Engine:
    """An engine by name; `endpoint` is None for moto, which patches the client instead."""

    name: str
    endpoint: str | None = None
    end: Callable[[], None] = field(default=lambda: None)
    _created: dict[str, dict[str, Table]] = field(default_factory=dict, init=False, repr=False)
    """moto's tables of a stack as they are when new, by the path of its template."""

    @cached_property
    def client(self) -> Any:
        return boto3.client("dynamodb", endpoint_url=self.endpoint, config=Config(max_pool_connections=50))

    @contextmanager
    def tables(self, stack: Stack) -> Iterator[None]:
        if self.endpoint is None:
            with mock_aws():
                self._create_in_moto(stack)
                yield
        else:
            create_missing_tables(stack, self.client)
            yield

    def _create_in_moto(self, stack: Stack) -> None:
        """Requests make the first tables; the later ones are copies of those, which cost a tenth."""
        there = dynamodb_backends[DEFAULT_ACCOUNT_ID][self.client.meta.region_name].tables
        if str(stack.path) not in self._created:
            create_missing_tables(stack, self.client)
            self._created[str(stack.path)] = cheaper_moto.copies(there)
        else:
            there |= cheaper_moto.copies(self._created[str(stack.path)])

    def empty(self, stack: Stack) -> None:
        """Leave the stack's tables as they are when new. Costs 0.03 to 0.06 s on a server."""
        if self.endpoint is not None:
            for name, _ in stack.tables():
                self.client.delete_table(TableName=name)
            create_missing_tables(stack, self.client)


def address(port: int) -> str:
    """Where an engine on this port of this machine is reached."""
    return f"http://127.0.0.1:{port}"


def start_engine(name: str, port: int | None = None) -> Engine:
    """`moto`, `dynoxide` or `dynamodb-local`, the servers on a free port where none is given.

    Raises EngineError or FetchError if its program is not available.
    """
    if name == "moto":
        return Engine(name)
    folder = Path(tempfile.mkdtemp(prefix="chatkeep-"))
    port = port or free_port()
    process = {"dynoxide": start_dynoxide, "dynamodb-local": _start_dynamodb_local}[name](folder, port)

    def end() -> None:
        stop(process)
        shutil.rmtree(folder)

    return Engine(name, address(port), end)


@contextmanager
def with_tables(name: str, stack: Stack) -> Iterator[Engine]:
    """A separate engine with the stack's tables, until the context ends."""
    engine = start_engine(name)
    with engine.tables(stack):
        yield engine
    engine.end()


def _start_dynamodb_local(folder: Path, port: int) -> subprocess.Popen[bytes]:
    jar = next(fetch("dynamodb-local").rglob("DynamoDBLocal.jar"))
    libraries = f"-Djava.library.path={jar.parent / 'DynamoDBLocal_lib'}"
    command = ["java", *_BRIEF, libraries, "-jar", jar, "-inMemory", "-disableTelemetry", "-port", str(port)]
    with (folder / "dynamodb.log").open("wb") as log:
        process = start_guarded(command, log)
    wait_until_it_listens(process, port)
    return process
