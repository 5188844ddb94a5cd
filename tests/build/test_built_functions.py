"""The build of `make build-host`: each function runs on Python 3.13 from its own folder and its layers' alone.

Not part of `make test`, which needs no build. The functions talk to dynoxide.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from infra.build import HOST_BUILT, MOST_BYTES
from tests.build.built import FUNCTIONS, ROOT, WEIGHTS, Built, body, event, folders
from tests.client import STACK
from tests.engines import with_tables


@pytest.fixture(scope="module")
def built() -> Iterator[Built]:
    """On tables of their own, which nobody else counts in."""
    with with_tables("dynoxide", STACK) as engine:
        yield Built(engine)


@pytest.fixture(scope="module")
def created(built: Built) -> dict[str, Any]:
    return built.invoke("SessionsFunction", event("create_session"))


@pytest.fixture(scope="module")
def answered(built: Built, created: dict[str, Any]) -> dict[str, Any]:
    return built.invoke("ChatFunction", event("send_message", body(created)["session_id"]))


@pytest.fixture(scope="module")
def counted(built: Built, answered: dict[str, Any]) -> dict[str, Any]:
    return built.invoke("StatsFunction", event("get_user_stats"))


@pytest.fixture(scope="module")
def swept(built: Built, answered: dict[str, Any]) -> dict[str, Any]:
    return built.invoke("SweepFunction", event("every_five_minutes"))


@pytest.fixture(scope="module")
def purged(built: Built, answered: dict[str, Any]) -> dict[str, Any]:
    """With the job of a session that there never was."""
    return built.invoke("PurgeFunction", event("carry_out_jobs"))


def test_built_sessions_creates_a_session(created: dict[str, Any]) -> None:
    assert (created["result"]["statusCode"], body(created)["title"]) == (201, "Trip to Lisbon")


def test_built_chat_runs_a_turn(answered: dict[str, Any]) -> None:
    assert answered["result"]["statusCode"] == 200, answered["result"]
    assert body(answered)["message"]["content"] == "echo: Where shall we eat?"


def test_built_stats_counts_the_turn(counted: dict[str, Any]) -> None:
    assert (body(counted)["total_sessions"], body(counted)["total_messages"]) == (1, 2)


def test_built_sweep_finds_nothing_to_repair(swept: dict[str, Any]) -> None:
    assert swept["result"] == {"repaired": 0, "due": 0}


def test_built_purge_finds_nothing_to_remove(purged: dict[str, Any]) -> None:
    assert purged["result"] == {"left": 0}


@pytest.mark.parametrize(
    ("function", "ran"),
    [
        ("SessionsFunction", "created"),
        ("ChatFunction", "answered"),
        ("StatsFunction", "counted"),
        ("SweepFunction", "swept"),
        ("PurgeFunction", "purged"),
    ],
)
def test_a_built_function_loads_code_only_from_its_folders(
    function: str, ran: str, request: pytest.FixtureRequest
) -> None:
    allowed = tuple(str(one) for one in folders(function))
    loaded = request.getfixturevalue(ran)["loaded"]
    assert [file for file in loaded if not file.startswith(allowed)] == []
    assert any("/chatkeep/" in file for file in loaded)


@pytest.mark.parametrize("ran", ["created", "counted", "swept", "purged"])
def test_only_chat_loads_langgraph(ran: str, request: pytest.FixtureRequest) -> None:
    loaded = request.getfixturevalue(ran)["loaded"]
    assert [file for file in loaded if "/langgraph/" in file or "/langchain" in file] == []


def test_the_sweep_which_answers_nobody_loads_nothing_that_validates_bodies(swept: dict[str, Any]) -> None:
    assert [file for file in swept["loaded"] if "/pydantic" in file] == []


@pytest.mark.parametrize("function", WEIGHTS)
def test_the_build_is_of_the_present_source(function: str) -> None:
    folder = ROOT / "functions" / FUNCTIONS[function].module.split(".")[1]
    sources = {ROOT / "layers" / "shared" / "chatkeep": HOST_BUILT / "SharedLayer" / "python" / "chatkeep"}
    sources[folder] = HOST_BUILT / function / "functions" / folder.name
    for source, copy in sources.items():
        assert {file.relative_to(source): file.read_bytes() for file in source.rglob("*.py")} == {
            file.relative_to(copy): file.read_bytes() for file in copy.rglob("*.py")
        }


@pytest.mark.parametrize("function", WEIGHTS)
def test_a_function_and_its_layers_are_within_lambdas_limit(function: str) -> None:
    assert 0 < sum(WEIGHTS[function].values()) <= MOST_BYTES
