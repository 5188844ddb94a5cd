"""The README's conversation, line by line as it is printed."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.client import Client, Response

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
CONVERSATION = README.split("\n## A conversation\n", 1)[1].split("```")[1]


def said(api: Client) -> Iterator[Response]:
    """The answer to each call; the session's id is the one that the first one is answered."""
    variables = {"$API": "", "$ID": ""}
    for line in CONVERSATION.splitlines():
        if line.startswith("call "):
            answer = call(api, [expanded(word, variables) for word in shlex.split(line, comments=True)[1:]])
            variables["$ID"] = variables["$ID"] or answer.json["session_id"]
            yield answer


def expanded(word: str, variables: dict[str, str]) -> str:
    for name, value in variables.items():
        word = word.replace(name, value)
    return word


def call(api: Client, words: list[str]) -> Response:
    """Send the request that curl sends with these arguments."""
    options: dict[str, Any] = {}
    headers, path = {}, ""
    rest = iter(words)
    for word in rest:
        if word == "-d":
            options["json"] = json.loads(next(rest))
        elif word == "-H":
            name, _, value = next(rest).partition(": ")
            headers[name] = value
        else:
            path = word
    return api.request("POST" if options else "GET", path, headers=headers, **options)


def test_the_conversation_of_the_readme_goes_as_printed(api: Client) -> None:
    created, first, second, transcript, found = said(api)
    assert [one.status for one in (created, first, second, transcript, found)] == [201, 200, 200, 200, 200]
    shown = [message["content"] for message in transcript.json["messages"]]
    assert shown == [second.json["message"]["content"], "What is my name?"]
    assert first.json["user_message"]["content"].startswith("My name is Ada.")
    assert [one["session_id"] for one in found.json["sessions"]] == [created.json["session_id"]]


def test_the_conversation_of_the_readme_has_eight_lines() -> None:
    assert len(CONVERSATION.strip().splitlines()[1:]) == 8
