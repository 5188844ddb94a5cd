"""The front ends' own packages against the local runner; run by `make test-frontends`."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from tests.frontends.node import HERE, outcomes
from tests.runner import Runner

TEST = re.compile(r'^ *test\("(.*)",', re.MULTILINE)
CLIENTS: Mapping[str, tuple[str, dict[str, str]]] = {
    "ai-6": ("use_chat.test.js", {"AI": "6"}),
    "ai-7": ("use_chat.test.js", {"AI": "7"}),
    "ag-ui-1.0": ("ag_ui.test.js", {"AG_UI": "@ag-ui/client"}),
    "ag-ui-0.0": ("ag_ui.test.js", {"AG_UI": "@ag-ui/client-0"}),
}
Outcomes = Callable[[str], dict[str, str]]


@pytest.fixture(scope="module")
def found(runner: Runner, folder: Path) -> Outcomes:
    """The outcomes of a client's conversations; all are carried out at once, when the first of them is asked for."""

    @cache
    def of(client: str) -> dict[str, str]:
        script, environment = CLIENTS[client]
        return outcomes(folder, script, runner, client, environment)

    return of


def conversations() -> Iterator[tuple[str, str]]:
    for client, (script, _) in CLIENTS.items():
        yield from ((client, name) for name in TEST.findall((HERE / script).read_text(encoding="utf-8")))


@pytest.mark.parametrize(("client", "conversation"), list(conversations()))
def test_a_client_shows_what_is_stored(found: Outcomes, client: str, conversation: str) -> None:
    assert found(client)[conversation] == ""
