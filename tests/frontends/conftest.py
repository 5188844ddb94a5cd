"""Fixtures of the front ends' tests: a runner, and the folder with their scripts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.frontends.node import prepared
from tests.runner import Runner, running

DEPLOYMENT = {
    "ALLOW_SCRIPTED_MODELS": "true",
    "DEFAULT_MODEL": "scripted:echo",
    "GRAPH": "tests.frontends.graph:forecasting",
    "TURNS_PER_USER": "100",
}


@pytest.fixture(scope="session")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    with running(tmp_path_factory.mktemp("data"), environment=DEPLOYMENT) as runner:
        message = {"id": "first", "role": "user", "parts": [{"type": "text", "text": "Are you there?"}]}
        with runner.client("early-bird") as client:  # the function starts before conversations are timed
            client.post("/chat", json={"id": "early", "messages": [message]}).raise_for_status()
        yield runner


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared(tmp_path_factory.mktemp("scripts"))
