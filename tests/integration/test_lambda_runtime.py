"""The functions under AWS's own runtime client, and the rules for their log groups.

On Linux alone, where the client runs. The built functions are held to the same at every LogLevel, in tests/build.
"""

import sys
from collections.abc import Callable, Iterator

import pytest

from infra.local.stack import Stack
from tests.cases import cases
from tests.client import STACK
from tests.engines import Engine, with_tables
from tests.lambda_function import Code
from tests.log_rules import RULES
from tests.marked import Deployment, converse

ROOT = STACK.path.parent
SOURCE = Code([sys.executable], [ROOT, ROOT / "layers" / "shared"])


@pytest.fixture(scope="module")
def tables() -> Iterator[Engine]:
    with with_tables("dynoxide", STACK) as engine:
        yield engine


@pytest.fixture(scope="module", params=cases(["DEBUG", "ERROR"], thorough=["ERROR"]))
def level(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def talked(level: str, tables: Engine) -> Deployment:
    """The deployment with that LogLevel, after the conversation."""
    return converse(Stack(STACK.path, {"LogLevel": level}), lambda _: SOURCE, "tests.quoting_graph:quoting", tables)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_what_is_written_keeps_the_rule(talked: Deployment, rule: Callable[[Deployment], None]) -> None:
    rule(talked)
