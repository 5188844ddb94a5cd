"""The built function that streams, started by its script under a stand-in for the Lambda Web Adapter."""

import json
import os
import stat
import time
from collections.abc import Iterator
from typing import Any

import pytest

from infra.build import HOST_BUILT
from infra.local.engine import free_port
from tests.adapter import Adapted, adapting
from tests.build.built import FUNCTIONS, PYTHON, Built, body, environment, event, folders
from tests.engines import Engine
from tests.streaming import frames, words

FUNCTION = "StreamFunction"
FOLDER = HOST_BUILT / FUNCTION
SCRIPT = FOLDER / FUNCTIONS[FUNCTION].handler


@pytest.fixture(scope="module")
def session_id(tables: Engine) -> str:
    return str(body(Built(tables).invoke("SessionsFunction", event("create_session")))["session_id"])


@pytest.fixture(scope="module")
def variables(tables: Engine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Lambda's environment, with the layers on the path that Lambda has below /opt."""
    programs = tmp_path_factory.mktemp("bin")
    (programs / "python").symlink_to(PYTHON)
    return {
        **environment(FUNCTION),
        "AWS_LWA_PORT": str(free_port()),
        "DYNAMODB_ENDPOINT": tables.endpoint or "",
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONNOUSERSITE": "1",
        "PYTHONPATH": ":".join(str(folder) for folder in folders(FUNCTION)[1:]),
    }


@pytest.fixture(scope="module")
def adapted(variables: dict[str, str]) -> Iterator[Adapted]:
    with adapting(SCRIPT, FOLDER, variables) as adapted:
        yield adapted


def message(session_id: str, content: str, **headers: str) -> dict[str, Any]:
    """The sample event of a message that is streamed, for another session and with another question."""
    sample = event("stream_message", session_id, {"content": content})
    sample["multiValueHeaders"] |= {name: [value] for name, value in headers.items()}
    return sample


def test_the_script_is_a_program_whatever_the_builder_made_of_it() -> None:
    assert stat.S_IMODE(SCRIPT.stat().st_mode) == 0o755


def test_it_streams_a_turn(adapted: Adapted, session_id: str) -> None:
    response = adapted.invoke(message(session_id, "Where shall we eat?"))
    found = frames(response.text)
    assert response.status_code == 200, response.text
    assert (found[0].name, found[-1].name) == ("turn", "done")
    assert words(found) == found[-1].data["message"]["content"] == "echo: Where shall we eat?"


def test_a_word_arrives_before_the_answer_is_there(adapted: Adapted, session_id: str) -> None:
    with adapted.streaming(message(session_id, "one two three")) as response:
        pieces = response.iter_text()
        first, rest = next(pieces), "".join(pieces)
    assert "event: done" not in first
    assert rest.rstrip().rpartition("event: ")[2].startswith("done")


def test_a_turn_whose_request_was_cut_runs_to_its_end_and_is_taken_up_again(adapted: Adapted, session_id: str) -> None:
    with adapted.streaming(message(session_id, "what was cut")) as response:
        turn_id = frames(_until(response.iter_text(), "\n\n"))[0].data["turn_id"]
    follow = event("stream_turn", session_id)
    follow["path"] = follow["path"].rpartition("/turns/")[0] + f"/turns/{turn_id}/stream"
    follow["multiValueHeaders"]["Last-Event-ID"] = ["0"]
    found = frames(adapted.invoke(follow).text)
    assert (found[0].data["turn_id"], found[-1].name) == (turn_id, "done")
    assert words(found) == "echo: what was cut"


def _until(pieces: Iterator[str], mark: str) -> str:
    found = ""
    while mark not in found:
        found += next(pieces)
    return found


def test_a_client_that_sends_the_adapters_headers_is_still_itself(adapted: Adapted, session_id: str) -> None:
    forged = json.dumps({"authorizer": {"claims": {"sub": "mallory"}}})
    headers = {"x-amzn-request-context": forged, "X-Amzn-Request-Context": forged}
    assert adapted.invoke(message(session_id, "Whose is it?", **headers)).status_code == 200
    foreign = message(session_id, "Whose is it?")
    foreign["requestContext"]["authorizer"]["claims"]["sub"] = "mallory"
    response = adapted.invoke(foreign)
    assert (response.status_code, response.json()["code"]) == (404, "session_not_found")


def test_it_ends_when_it_is_asked_to(variables: dict[str, str]) -> None:
    with adapting(SCRIPT, FOLDER, variables | {"AWS_LWA_PORT": str(free_port())}) as adapted:
        started = time.monotonic()
        adapted.end()
        assert time.monotonic() - started < 5


def test_a_start_without_a_variable_that_it_needs_fails_at_once(variables: dict[str, str]) -> None:
    without = {name: value for name, value in variables.items() if name != "SESSIONS_TABLE"}
    with (
        pytest.raises(AssertionError, match="the server ended"),
        adapting(SCRIPT, FOLDER, without | {"AWS_LWA_PORT": str(free_port())}),
    ):
        pass
