"""The lines with curl in a manual, as requests."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.client import Client, Response

CODE = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(manual: Path, heading: str) -> list[list[str]]:
    """The blocks of shell lines below a heading of the manual, each with its lines that `call` the API."""
    section = re.split(r"^## ", manual.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (text,) = (one for one in section if one.startswith(f"{heading}\n"))
    return [[line for line in code.splitlines() if line.startswith("call ")] for code in CODE.findall(text)]


def carried_out(api: Client, lines: list[str], variables: Mapping[str, str]) -> Iterator[Response]:
    """The answer to each line; `variables` may grow in between."""
    for line in lines:
        words = shlex.split(line, comments=True)[1:]
        yield _call(api, [_expanded(word, {"API": "", **variables}) for word in words])


def _expanded(word: str, variables: Mapping[str, str]) -> str:
    for name, value in variables.items():
        word = word.replace(f"${name}", value)
    return word


def _call(api: Client, words: list[str]) -> Response:
    """Send the request that curl sends with these arguments."""
    method, path = "GET", ""
    headers: dict[str, str] = {}
    options: dict[str, Any] = {}
    rest = iter(words)
    for word in rest:
        if word == "-d":
            method, options["json"] = "POST" if method == "GET" else method, json.loads(next(rest))
        elif word == "-X":
            method = next(rest)
        elif word == "-H":
            name, _, value = next(rest).partition(": ")
            headers[name] = value
        else:
            path = word
    return api.request(method, path, headers=headers, **options)
