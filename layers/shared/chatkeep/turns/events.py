"""Events of a running turn, in the order in which they happen: the one seam for whoever follows it."""

from collections.abc import Callable
from dataclasses import dataclass

from langchain_core.messages import BaseMessage


@dataclass(frozen=True)
class ThreadRead:
    """The messages that the graph goes on from: told once, before any step."""

    messages: list[BaseMessage]


@dataclass(frozen=True)
class Opened:
    """The turn's first messages, told once: an answer to each tool call that was left open, then the question."""

    messages: list[BaseMessage]


@dataclass(frozen=True)
class Token:
    """A piece of an answer's text. Until the message is stored, it has the thread's id for it."""

    message_id: str
    text: str


@dataclass(frozen=True)
class StepFinished:
    """The thread's messages after a step of the graph, the input's being the first."""

    messages: list[BaseMessage]


Event = ThreadRead | Opened | Token | StepFinished
Listener = Callable[[Event], None]
"""Is told one event after the other, not always on the same thread. The run waits for it, and fails with its errors."""


def nobody(event: Event) -> None:
    """Listens to no event."""
