"""The tests' environment, set before anything of ours is imported, their engine and their client."""

import gc
import os
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says how busy the machine is, and fixtures that examples share are meant. What lands must
# not depend on luck either; elsewhere hypothesis looks at other examples each time.
CHECKS = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
settings.register_profile("patient", deadline=None, suppress_health_check=CHECKS)
settings.register_profile("ci", settings.get_profile("patient"), derandomize=True)
settings.load_profile("ci" if "CI" in os.environ else "patient")

# Whatever the machine's own account or region: no test may reach it.
os.environ |= {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "SESSIONS_TABLE": "chatkeep-SessionsTable",
    "CHECKPOINTS_TABLE": "chatkeep-CheckpointsTable",
    "DYNAMODB_ENDPOINT": "",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "",
    "LOG_LEVEL": "WARNING",
    "POWERTOOLS_METRICS_NAMESPACE": "Chatkeep",
    "POWERTOOLS_SERVICE_NAME": "tests",
    "CURSOR_SECRET": "a-secret-of-the-tests",
    "DEFAULT_MODEL": "scripted:echo",
    "ALLOWED_MODELS": "*",
    "ERASURE_SECRET": "another-secret-of-the-tests",
    "DEFAULT_EXPIRE_AFTER_DAYS": "0",
    "JOBS_FUNCTION": "",
    "TURNS_FUNCTION": "",
    "USAGE_GROUP": "reporters",
    "DEFAULT_TEMPERATURE": "0.7",
    "DEFAULT_MAX_TOKENS": "4096",
    "DEFAULT_ENABLE_SUMMARIZATION": "true",
    "DEFAULT_GENERATE_TITLES": "true",
    "DEFAULT_SYSTEM_PROMPT": "",
    "RETENTION_DAYS": "30",
    "ALLOW_SCRIPTED_MODELS": "true",
    "OPENAI_BASE_URL": "",
    "OPENAI_API_KEY": "",
    "OPENAI_OPTIONS": "{}",
    "PROMPT_FACTS": "",
    "LOCAL_MODEL_URL": "",
    "TURNS_PER_USER": "5",
    "GRAPH": "chatkeep.agent.graph:build_graph",
}
for _name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"):
    os.environ.pop(_name, None)

from infra.local.engine import free_port  # noqa: E402
from tests.client import STACK, Client  # noqa: E402
from tests.engines import Engine, address, start_engine  # noqa: E402

_name = os.environ.get("CHATKEEP_TEST_ENGINE", "moto")
_port = None if _name == "moto" else free_port()
os.environ["DYNAMODB_ENDPOINT"] = "" if _port is None else address(_port)  # models read it when they are imported
_engine: Engine


def pytest_configure(config: pytest.Config) -> None:
    global _engine
    distributes = config.getoption("numprocesses", None)  # then it runs no test itself
    _engine = start_engine("moto" if distributes else _name, _port)


def pytest_collection_finish() -> None:
    """Collections would look through all that is imported each time: a fifth of a run's processor time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def pytest_unconfigure(config: pytest.Config) -> None:
    _engine.end()


def pytest_report_header(config: pytest.Config) -> str:
    return f"engine: {_engine.name}"


@pytest.fixture
def engine() -> Iterator[Engine]:
    """DynamoDB with both tables: empty for each test on moto; on a server shared, and kept apart by fresh user ids."""
    with _engine.tables(STACK):
        yield _engine


@pytest.fixture
def dynamodb(engine: Engine) -> Any:
    """A plain client of the engine, to look at what is stored."""
    return engine.client


@pytest.fixture
def empty_tables(engine: Engine) -> None:
    """For what looks at all that is stored, or counts leases: other tests have left items on a server."""
    engine.empty(STACK)


@pytest.fixture
def user_id() -> str:
    return f"user-{uuid.uuid4()}"


@pytest.fixture
def api(engine: Engine, user_id: str) -> Client:
    """The API as `user_id` sees it."""
    return Client(user_id)


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Sets the clock ahead, or back, of where it is by then."""
    from chatkeep import clock

    passed: list[timedelta] = []
    real = clock.read
    monkeypatch.setattr(clock, "read", lambda: real() + sum(passed, timedelta()))
    return passed.append
