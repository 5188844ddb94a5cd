"""The outcomes of a run; each is stored in its own way."""

from dataclasses import dataclass

from langchain_core.messages import BaseMessage

from chatkeep.checkpointer import StagedSaver
from chatkeep.errors import ChatkeepError


@dataclass(frozen=True)
class Addition:
    """The messages that a run adds to the thread, and the saver in which the thread with them is staged."""

    messages: list[BaseMessage]
    staged: StagedSaver


@dataclass(frozen=True)
class Completed:
    """The graph came to its end."""

    addition: Addition


@dataclass(frozen=True)
class Kept:
    """Somebody stopped the run and keeps its words."""

    addition: Addition


@dataclass(frozen=True)
class TimedOut:
    """The time ran out after the model had been asked."""

    addition: Addition


@dataclass(frozen=True)
class Failed:
    """The run ended with `problem`; `addition` is None if nothing is worth keeping."""

    problem: ChatkeepError
    cause: Exception | None = None
    addition: Addition | None = None


@dataclass(frozen=True)
class RolledBack:
    """Somebody stopped the run and wants to keep nothing but its usage."""


Outcome = Completed | Kept | TimedOut | Failed | RolledBack
