"""Events of a running turn, in the order in which they happen: the one seam for whoever follows it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from langchain_core.messages import BaseMessage

from chatkeep.models.message import Message
from chatkeep.models.session import Session
from chatkeep.turns.names import Names


@dataclass(frozen=True)
class Leased:
    """The turn holds its session, whose header says until when: told first, and again when a short lease is renewed."""

    session: Session


@dataclass(frozen=True)
class ThreadRead:
    """The messages that the graph goes on from: told once, before any step."""

    messages: list[BaseMessage]


@dataclass(frozen=True)
class Opened:
    """The turn's first messages, told once: an answer to each tool call that was left open, then the question.

    `names` has the ids under which the messages of the turn are stored, `started` the time that these first ones have.
    `question` is the stored one where it is answered again.
    """

    messages: list[BaseMessage]
    names: Names
    started: datetime
    question: Message | None = None


@dataclass(frozen=True)
class Token:
    """A piece of an answer's text. `message_id` is the thread's id for the answer."""

    message_id: str
    text: str


@dataclass(frozen=True)
class Reasoning:
    """A piece of a model's reasoning before or between the words of its answer."""

    message_id: str
    text: str


@dataclass(frozen=True)
class Custom:
    """A value that the graph has written with LangGraph's stream writer."""

    value: Any


@dataclass(frozen=True)
class StepFinished:
    """The thread's messages after a step of the graph, the input's being the first."""

    messages: list[BaseMessage]


Event = Leased | ThreadRead | Opened | Token | Reasoning | Custom | StepFinished
Listener = Callable[[Event], None]
"""Is told one event after the other, not always on the same thread. The run waits for it, and fails with its errors."""


def nobody(event: Event) -> None:
    """Listens to no event."""
