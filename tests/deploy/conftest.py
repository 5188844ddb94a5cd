"""One emulator for all tests of a deployment, and the two stacks of samconfig.toml side by side on it.

The tests change the stacks as their owner would, so they run in the order of `CHAPTERS`.
"""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.deploy.deployment import REQUESTS, Deployment, Package, package
from tests.deploy.emulator import Emulator, running
from tests.deploy.talk import PROMPT, Talk, hold

CHAPTERS = (
    "console",
    "users",
    "conversation",
    "permissions",
    "update",
    "versions",
    "differences",
    "restore",
    "deletion",
)
STARTED = time.monotonic()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    chapters = {f"test_{name}": number for number, name in enumerate(CHAPTERS)}
    items.sort(key=lambda item: chapters.get(item.path.stem, -1))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    by_status = ", ".join(f"{count} x {status}" for status, count in sorted(REQUESTS.items()))
    seconds = time.monotonic() - STARTED
    terminalreporter.write_line(f"{REQUESTS.total()} requests through the gateway ({by_status}), {seconds:.0f} seconds")


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running(tmp_path_factory.mktemp("emulator") / "emulator.log") as emulator:
        yield emulator


@pytest.fixture(scope="session")
def packaged(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Package:
    return package(emulator, tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="session")
def development(packaged: Package) -> Deployment:
    """`sam deploy`, as the README has it."""
    deployment = packaged.deploy("default")
    deployment.grant()
    return deployment


@pytest.fixture(scope="session")
def production(packaged: Package, development: Deployment) -> Deployment:
    """`sam deploy --config-env production`, beside the other."""
    deployment = packaged.deploy("production")
    deployment.grant()
    return deployment


@pytest.fixture(scope="session")
def ada_token(development: Deployment) -> str:
    return development.invite("ada@example.com")


@pytest.fixture
def ada(development: Deployment, ada_token: str) -> httpx.Client:
    return development.client(ada_token)


@pytest.fixture(scope="session")
def talk(development: Deployment, ada_token: str) -> Talk:
    """Three turns, as a newcomer has them."""
    ada = development.client(ada_token)
    ada.put("/preferences", json={"default_temperature": 0.2, "custom_system_prompt": PROMPT})
    questions = ("My name is Ada. Where should I travel?", "And in winter?", "What is my name?")
    return hold(ada, questions, title="Holidays", metadata={"team": "Nordics"})
