"""Background turns as clients ask for them, and the worker and the sweep as Lambda runs them."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from chatkeep import settings
from chatkeep.jobs import nudging
from chatkeep.jobs.due import Keys, now_due
from functions.worker.app import lambda_handler as worker
from infra.local.events import LambdaContext
from tests import permissions
from tests.chat import send
from tests.client import Client, Response
from tests.jobs import GRANTED

WORKER_SECONDS = 900.0
FUNCTIONS = {"JOBS_FUNCTION": "arn:of:purge", "TURNS_FUNCTION": "arn:of:worker"}


class Nudges:
    """Takes the place of Lambda's Invoke, and keeps the events that each function was sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, list[Keys]]] = []

    def invoke(self, FunctionName: str, Payload: bytes, **_: Any) -> None:  # noqa: N803  botocore's names
        self.sent.append((FunctionName, [(pk, sk) for pk, sk in json.loads(Payload)["jobs"]]))

    def to(self, name: str) -> list[list[Keys]]:
        """The events sent to a function since the last call."""
        found = [jobs for function, jobs in self.sent if function == FUNCTIONS[name]]
        self.sent = [one for one in self.sent if one[0] != FUNCTIONS[name]]
        return found


@contextmanager
def nudged(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nudges]:
    """A deployment whose functions nudge each other, and the nudges."""
    found = Nudges()
    with monkeypatch.context() as patched:
        for name, value in FUNCTIONS.items():
            patched.setenv(name, value)
        patched.setattr(nudging, "_client", lambda: found)
        settings.settings.cache_clear()
        yield found
    settings.settings.cache_clear()


def ask(api: Client, session_id: str, content: str, *, key: str | None = None, **body: Any) -> Response:
    return send(api, session_id, content, key=key, background=True, **body)


def asked(api: Client, session_id: str, content: str, **options: Any) -> str:
    """The id of a turn that was taken."""
    response = ask(api, session_id, content, **options)
    assert response.status == 202, response.text
    return str(response.json["turn_id"])


def keys(api: Client, session_id: str, turn_id: str) -> Keys:
    return f"SESSION#{api.user_id}#{session_id}", f"JOB#{turn_id}"


def run_worker(*jobs: Keys, seconds: float = WORKER_SECONDS) -> Any:
    """Carry out these jobs, else all that are due, with the permissions that the worker has on AWS."""
    due = [list(one) for one in jobs or due_turns()]
    context = LambdaContext("WorkerFunction", "an-invocation", time.monotonic() + seconds)
    with permissions.only(GRANTED["WorkerFunction"]):
        return worker({"jobs": due}, context)


def due_turns() -> list[Keys]:
    """Those that the schedule would find now."""
    return [one for one in now_due() if one[1].startswith("JOB#")]
