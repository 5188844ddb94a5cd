"""A function under AWS's own runtime client, in the environment that Lambda gives it, and its output."""

import json
import os
import queue
import re
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from infra.local.environment import aws_variables
from infra.local.stack import Stack
from infra.local.template import Function
from tests.runtime_api import RuntimeApi, serving

LEVELS = {"TRACE": 5, "DEBUG": 10, "INFO": 20, "WARN": 30, "WARNING": 30, "ERROR": 40, "CRITICAL": 50, "FATAL": 50}
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
LONGEST_WAIT = 120
"""Seconds allowed for an answer, as several functions start at once and compile their imports."""


class FunctionError(Exception):
    """The function raised; the message is its error as Lambda gets it."""


@dataclass(frozen=True)
class Code:
    """A Python with its options, and the folders of the function, its layers and the client."""

    python: Sequence[str]
    folders: Sequence[Path]


@dataclass(frozen=True)
class Line:
    """An entry of the function's output."""

    text: str

    @property
    def record(self) -> dict[str, Any]:
        """The line's members; empty where it is no JSON object."""
        try:
            found = json.loads(self.text)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def level(self) -> int:
        """The level as Lambda reads it: INFO without a level, and without a time in RFC 3339.

        https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
        """
        level, at = (str(self.record.get(name)) for name in ("level", "timestamp"))
        return LEVELS.get(level.upper(), LEVELS["INFO"]) if RFC_3339.fullmatch(at) else LEVELS["INFO"]


@dataclass
class Running:
    """A function that waits for events; `written` is whole once it has ended."""

    api: RuntimeApi
    process: subprocess.Popen[bytes]
    platform_level: str
    written: list[Line] = field(default_factory=list)

    def invoke(self, event: Any) -> Any:
        """The function's result. Raises FunctionError."""
        self.api.events.put(event)
        ends = time.monotonic() + LONGEST_WAIT
        while time.monotonic() < ends and self.process.poll() is None:
            with suppress(queue.Empty):
                kind, outcome = self.api.outcomes.get(timeout=0.2)
                if kind == "response":
                    return outcome
                raise FunctionError(json.dumps(outcome))
        raise FunctionError("\n".join(line.text for line in self.written))

    def logged(self) -> list[Line]:
        """The part of the output that reaches the log group."""
        return [line for line in self.written if line.level >= LEVELS[self.platform_level]]


@contextmanager
def running(function: Function, code: Code, stack: Stack, variables: Mapping[str, str]) -> Iterator[Running]:
    """The function with these variables changed, until the context ends."""
    level = str(stack.globals_of("Function")["LoggingConfig"]["ApplicationLogLevel"])
    api = RuntimeApi(function.name, LONGEST_WAIT)  # time-outs are tested elsewhere
    receiver, sender = os.pipe()  # the output of the client's own handler, in frames
    with serving(api), os.fdopen(receiver, "rb") as frames:
        process = subprocess.Popen(
            [*code.python, "-m", "awslambdaric", function.handler],
            cwd=code.folders[0],
            env=_environment(function, code, api, level, sender) | dict(variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[sender],
        )
        os.close(sender)
        found = Running(api, process, level)
        readers = [
            threading.Thread(target=found.written.extend, args=(lines,))
            for lines in (_lines(process.stdout), _lines(process.stderr), _framed(frames))
        ]
        for reader in readers:
            reader.start()
        try:
            yield found
        finally:
            process.kill()
            for reader in readers:
                reader.join()
            process.communicate()  # closes its pipes


def _environment(function: Function, code: Code, api: RuntimeApi, level: str, log: int) -> dict[str, str]:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"""
    return {
        **function.environment,
        **aws_variables({}),
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_LAMBDA_LOG_LEVEL": level,
        "AWS_LAMBDA_RUNTIME_API": api.address,
        "LANG": "en_US.UTF-8",
        "LAMBDA_TASK_ROOT": str(code.folders[0]),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(map(str, code.folders)),
        "TZ": ":UTC",
        "_HANDLER": function.handler,
        "_LAMBDA_TELEMETRY_LOG_FD": str(log),
    }


def _lines(stream: IO[bytes] | None) -> Iterator[Line]:
    for line in stream or ():
        yield Line(line.decode().rstrip("\n"))


def _framed(stream: IO[bytes]) -> Iterator[Line]:
    """The messages of frames: a type of 4 bytes, the length in 4, the time in 8, and the message."""
    while head := stream.read(16):
        yield Line(stream.read(int.from_bytes(head[4:8], "big")).decode().rstrip("\n"))
