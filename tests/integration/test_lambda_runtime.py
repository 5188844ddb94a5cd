"""The functions under AWS's own runtime client: what reaches their log groups, and what never does.

On Linux alone, where the client runs. The built functions are held to the same at every LogLevel, in tests/build.
"""

import sys
from collections.abc import Iterator

import pytest

from infra.local.stack import Stack
from tests import log_rules
from tests.client import STACK
from tests.engines import Engine, start_engine
from tests.lambda_function import Code
from tests.marked import Deployment, converse

ROOT = STACK.path.parent
SOURCE = Code([sys.executable], [ROOT, ROOT / "layers" / "shared"])


@pytest.fixture(scope="module")
def tables() -> Iterator[Engine]:
    engine = start_engine("dynoxide")
    with engine.tables(STACK):
        yield engine
    engine.end()


@pytest.fixture(scope="module", params=["DEBUG", pytest.param("ERROR", marks=pytest.mark.thorough)])
def level(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def talked(level: str, tables: Engine) -> Deployment:
    """The deployment with that LogLevel, after the conversation."""
    return converse(Stack(STACK.path, {"LogLevel": level}), lambda _: SOURCE, "tests.quoting_graph:quoting", tables)


def test_nothing_of_a_conversation_and_no_key_is_written(talked: Deployment) -> None:
    log_rules.check_nothing_marked_is_written(talked)


def test_the_metrics_survive_and_are_those_on_the_dashboard(talked: Deployment) -> None:
    log_rules.check_metrics_are_those_on_the_dashboard(talked)


def test_lambda_takes_each_line_of_ours_for_its_level(talked: Deployment) -> None:
    log_rules.check_each_line_of_ours_counts_with_its_level(talked)


def test_the_parameter_steers_our_lines_and_libraries_speak_from_warnings_on(talked: Deployment, level: str) -> None:
    log_rules.check_the_parameter_steers_our_lines_alone(talked, level)


def test_each_5xx_is_an_error_with_route_status_and_code(talked: Deployment) -> None:
    log_rules.check_each_5xx_is_an_error_with_route_status_and_code(talked)
