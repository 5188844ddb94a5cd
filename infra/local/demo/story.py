"""The conversations of the demonstration, as `conversations.toml` tells them."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("conversations.toml")
USER = "maya"
"""Whose conversations they are."""
MODELS = {
    "gpt-5": "openai:gpt-5",
    "gpt-5-mini": "openai:gpt-5-mini",
    "sonnet": "bedrock:eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "nova": "bedrock:amazon.nova-lite-v1:0",
}
"""Short names of models that the price list knows, with different prices."""


@dataclass(frozen=True)
class Call:
    """A tool that the model calls, and what came back."""

    name: str
    arguments: Mapping[str, Any]
    result: str


@dataclass(frozen=True)
class Exchange:
    """A question and its answer, which `ends` as it should where that is empty, else `stopped`, `broken` or `refused`.

    `rating` is a word of the API, with `reason` and `comment` where there are some.
    """

    ask: str
    answer: str = ""
    call: Call | None = None
    ends: str = ""
    rating: str = ""
    reason: str | None = None
    comment: str | None = None


@dataclass(frozen=True)
class Conversation:
    """One that is `spread` goes on over the whole month. `place` is where it ends: `archive`, `trash` or the list."""

    title: str
    model: str = "gpt-5-mini"
    tags: list[str] = field(default_factory=list)
    exchanges: tuple[Exchange, ...] = ()
    pinned: bool = False
    spread: bool = False
    place: str = ""


def conversations() -> list[Conversation]:
    """All of them, the latest first."""
    told = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return [_conversation(one) for one in told["conversation"]]


def _conversation(told: dict[str, Any]) -> Conversation:
    turns = [_exchange(one) for one in told.pop("turn", [])]
    terms = list(_terms(told.pop("terms", ())))
    return Conversation(exchanges=(*turns, *terms), **told | {"model": MODELS[told.get("model", "gpt-5-mini")]})


def _exchange(told: dict[str, Any]) -> Exchange:
    call = told.pop("call", None)
    text = {name: told.pop(name).strip() for name in ("ask", "answer") if name in told}
    return Exchange(call=Call(**call) if call else None, **text, **told)


def _terms(rows: list[list[str]]) -> Iterator[Exchange]:
    """The glossary's entries: English, German, and why."""
    for english, german, why in rows:
        yield Exchange(f"And “{english}”?", f"**{german}**\n\n{why}")
