"""The code of the streams' manual does what the manual says."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from string import Template

import httpx
import pytest

from tests.frontends.manual import code, with_early_packages
from tests.frontends.node import compiled, outcomes, run
from tests.runner import Runner
from tests.streaming import frames, words

ASSISTANT_UI = "assistant-ui's list of threads"


@pytest.mark.parametrize("version", [6, 7])
def test_the_component_of_use_chat_holds_a_conversation(runner: Runner, folder: Path, version: int) -> None:
    script = code("useChat", runner)
    (folder / "chat.jsx").write_text(with_early_packages(script) if version == 6 else script)
    compiled(folder, "chat")
    found = outcomes(folder, "chat.test.js", runner, f"reader-{version}")
    assert list(found.values()) == ["", ""], found


def test_the_list_of_threads_is_what_assistant_ui_needs(runner: Runner, folder: Path) -> None:
    (folder / "threads.js").write_text(code(ASSISTANT_UI, runner))
    found = outcomes(folder, "threads.test.js", runner, "threads")
    assert list(found.values()) == [""], found


@pytest.mark.parametrize("version", ["0.0", "1.0"])
def test_the_ag_ui_agent_goes_on_with_its_thread(runner: Runner, folder: Path, version: str) -> None:
    user = f"traveller-{version}"
    script = code("AG-UI and CopilotKit", runner)
    script = with_early_packages(script) if version == "0.0" else script
    (folder / "travel.js").write_text(f"globalThis.TOKEN = {json.dumps(runner.token(user))};\n{script}")
    for messages in (2, 4):
        done = run(folder, "travel.js")
        assert (done.stdout, done.stderr) == ("echo: Where should I travel?", "")
        with runner.client(user) as client:
            assert client.get("/sessions/holidays").json()["message_count"] == messages


def test_the_python_script_prints_the_answer_and_the_rest(runner: Runner) -> None:
    api = {"API": runner.url, "TOKEN": runner.token("python")}
    done = subprocess.run(
        [sys.executable, "-c", code("Python", runner)],
        env={**os.environ, **api},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("echo: Count to ten.[]\n", "")


def test_curl_shows_an_answer_and_what_came_after_an_event(runner: Runner) -> None:
    with runner.client("curl") as client:
        session = client.post("/sessions", json={}).json()["session_id"]
        ask, resume = code("curl", runner).replace("\\\n", "").splitlines()
        variables = {"API": "", "TOKEN": runner.token("curl"), "ID": session}
        found = frames(fetched(client, ask, variables))
        assert words(found) == "echo: Count to ten."
        number = str(found[1].number)
        shown = resume.replace("Last-Event-ID: 7", f"Last-Event-ID: {number}")
        rest = fetched(client, shown, {**variables, "TURN": found[0].data["turn_id"]})
        assert frames(rest) == found[2:]
        (question, answer) = json.loads(fetched(client, code("Transcripts for useChat", runner), variables))["messages"]
        assert [question["role"], answer["role"]] == ["user", "assistant"]


def fetched(client: httpx.Client, line: str, variables: dict[str, str]) -> str:
    """What curl shows for a line of the manual."""
    words = shlex.split(Template(line).substitute(variables))
    headers = dict(words[at + 1].split(": ", 1) for at, word in enumerate(words) if word == "-H")
    body = next((words[at + 1] for at, word in enumerate(words) if word == "-d"), None)
    path = next(word for word in words[1:] if word.startswith("/"))
    answer = client.request("POST" if body else "GET", path, headers=headers, content=body)
    return answer.raise_for_status().text
