"""Senders of one user, each in a thread of its own, as each would have a function of its own."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from chatkeep import ids
from chatkeep.agent import runtime
from chatkeep.deadline import Deadline
from chatkeep.idempotency import Claim
from chatkeep.turns import admission, engine, supervision
from chatkeep.turns.admission import Strategy
from chatkeep.turns.answers import Answer
from tests import graphs
from tests.chat import deployment
from tests.client import Client


@dataclass
class Senders:
    """A turn that is not `quick` runs until `gate` opens; `started` counts the turns that have reached their model."""

    api: Client
    pool: ThreadPoolExecutor
    started: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    gate: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        graphs.meanwhile[:] = [self._hold]

    @property
    def user_id(self) -> str:
        return str(self.api.user_id)

    def _hold(self) -> None:
        self.started.release()
        self.gate.wait(20)

    def send_to(
        self, session_id: str, content: str, strategy: Strategy, key: str | None, regenerate: str | None = None
    ) -> Future[Answer]:
        claim = Claim(ids.derived(session_id, key), content + (regenerate or "")) if key else None
        request = engine.Request(
            self.user_id, session_id, content, strategy, claim, Deadline.within(60), regenerate=regenerate
        )
        return self.pool.submit(engine.send, request, runtime.tools())

    def reach_the_model(self, sent: Future[Answer]) -> Future[Answer]:
        """The pending request, once its turn has reached the model."""
        assert self.started.acquire(timeout=20)
        return sent


@contextmanager
def gated(monkeypatch: pytest.MonkeyPatch, turns_per_user: int) -> Iterator[ThreadPoolExecutor]:
    """Threads for senders to a deployment whose turns wait for the gate; it polls for changes without a pause."""
    monkeypatch.setattr(supervision, "FIRST_LOOK_SECONDS", 0.02)
    monkeypatch.setattr(supervision, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(admission, "POLL_SECONDS", 0.02)
    variables = {"GRAPH": "tests.graphs:gated", "TURNS_PER_USER": str(turns_per_user)}
    with deployment(monkeypatch, variables), ThreadPoolExecutor(32) as pool:
        yield pool
