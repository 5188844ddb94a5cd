"""The front ends' own packages against the local runner; run by `make test-frontends`."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.frontends.node import HERE, outcomes, prepared
from tests.runner import Runner, running

TEST = re.compile(r'^ *test\("(.*)",', re.MULTILINE)
CLIENTS: Mapping[str, tuple[str, dict[str, str]]] = {
    "ai 6": ("use_chat.test.js", {"AI": "6"}),
    "ai 7": ("use_chat.test.js", {"AI": "7"}),
    "ag-ui 1.0": ("ag_ui.test.js", {"AG_UI": "@ag-ui/client"}),
    "ag-ui 0.0": ("ag_ui.test.js", {"AG_UI": "@ag-ui/client-0"}),
}
DEPLOYMENT = {
    "ALLOW_SCRIPTED_MODELS": "true",
    "DEFAULT_MODEL": "scripted:echo",
    "GRAPH": "tests.frontends.graph:forecasting",
    "TURNS_PER_USER": "100",
}


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    with running(tmp_path_factory.mktemp("data"), environment=DEPLOYMENT) as runner:
        yield runner


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared(tmp_path_factory.mktemp("scripts"))


def conversations() -> Iterator[tuple[str, str]]:
    for client, (script, _) in CLIENTS.items():
        yield from ((client, name) for name in TEST.findall((HERE / script).read_text()))


@pytest.mark.parametrize(("client", "conversation"), conversations())
def test_a_client_shows_what_is_stored(runner: Runner, folder: Path, client: str, conversation: str) -> None:
    failures = tested(client, runner, folder)
    assert conversation in failures, failures
    assert not failures[conversation], failures[conversation]


_found: dict[str, dict[str, str]] = {}


def tested(client: str, runner: Runner, folder: Path) -> dict[str, str]:
    """Each conversation's failure; they are all carried out at once, when the first of them is asked for."""
    if client not in _found:
        script, environment = CLIENTS[client]
        _found[client] = outcomes(
            folder, script, {**environment, "URL": runner.url, "TOKEN": runner.token(client.replace(" ", "-"))}
        )
    return _found[client]
