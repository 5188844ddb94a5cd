"""A reader of server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html"""

import json
from typing import Any


def frames(stream: bytes) -> list[dict[str, str]]:
    """The fields of each frame; a frame that was cut, even within a character, is none, and a comment has no fields."""
    read: list[dict[str, str]] = []
    fields: dict[str, str] = {}
    for line in stream.decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")[:-1]:
        name, _, value = line.partition(":")
        if not line:
            read, fields = [*read, *([fields] if fields else [])], {}
        elif name:
            fields[name] = f"{fields[name]}\n{value[1:]}" if name in fields else value.removeprefix(" ")
    return read


def data(stream: bytes) -> list[Any]:
    """The values of a stream whose frames have nothing but data."""
    read = frames(stream)
    assert all(set(one) == {"data"} for one in read)
    return [one["data"] if one["data"] == "[DONE]" else json.loads(one["data"]) for one in read]
