"""Fixtures of the browser's tests: a runner as `make run` starts it, Chromium, and somebody in front of it."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.chromium import found
from tests.browser.pages import Person, person
from tests.runner import Runner, running

PRICED = "bedrock:global.anthropic.claude-haiku-4-5-20251001-v1:0"
"""A model that the price list knows; nobody calls it here."""
DEPLOYMENT = {
    "ALLOWED_MODELS": f"scripted:*,{PRICED}",
    "ALLOW_SCRIPTED_MODELS": "true",
    "DEFAULT_GENERATE_TITLES": "false",  # else they come while a test looks for the session by its first name
    "DEFAULT_MODEL": "scripted:echo",
    "GRAPH": "tests.browser.graph:forecasting",
    "TURNS_PER_USER": "100",
}
expect.set_options(timeout=20_000)  # a machine may have other things to do


@pytest.fixture(scope="session")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    with running(tmp_path_factory.mktemp("data"), environment=DEPLOYMENT) as runner:
        yield runner


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found(), args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def user() -> str:
    return f"user-{uuid4()}"


@pytest.fixture
def someone(browser: Browser, runner: Runner, user: str) -> Iterator[Person]:
    with person(browser, runner, user) as found:
        yield found
