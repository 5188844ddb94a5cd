"""Summaries: what a model is given in place of the older messages of its thread.

The answer that a model gave with a fresh summary carries it. So a summary needs no item of its own: it is stored with
its turn or not at all, goes with the thread wherever that is copied, and counts on those branches alone that have its
answer. Thread and transcript keep the messages that it stands for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

KEY = "chatkeep_summary"
"""In the response metadata of an answer, which is not sent to models; and in the metadata of a call made with one."""
INTRODUCED = "What was said before, in a summary:\n\n<summary>\n{text}\n</summary>"


@dataclass(frozen=True)
class Summary:
    """`until` is the last message that it stands for, `following` the first one after that when it was made, None where
    there was none; both by their ids in the thread."""

    text: str
    until: str
    following: str | None = None

    @classmethod
    def read(cls, stored: object) -> Self | None:
        """The summary in a message's metadata; None where that is of somebody else's making."""
        if not isinstance(stored, Mapping):
            return None
        text, until, following = (stored.get(name) for name in ("text", "until", "following"))
        if not isinstance(text, str) or not isinstance(until, str) or not isinstance(following, str | None):
            return None
        return cls(text, until, following)

    def as_metadata(self) -> dict[str, Any]:
        return {KEY: asdict(self)}


@dataclass(frozen=True)
class Compacted:
    """A summary of a whole thread, and the tokens that the next question comes on top of."""

    summary: Summary
    context_tokens: int


@dataclass(frozen=True)
class Standing:
    """A summary with its place in a list of messages: it stands for the first `covered` of them, and the one at
    `carrier` carries it."""

    summary: Summary
    covered: int
    carrier: int


def carried(message: BaseMessage) -> Summary | None:
    """The summary that the message carries, if it does."""
    return Summary.read(message.response_metadata.get(KEY)) if isinstance(message, AIMessage) else None


def put_on(message: BaseMessage, summary: Summary) -> None:
    """Have the answer carry the summary."""
    message.response_metadata |= summary.as_metadata()


def standing(messages: Sequence[BaseMessage]) -> Standing | None:
    """The latest summary that stands for messages which are there."""
    for carrier in range(len(messages) - 1, -1, -1):
        if (summary := carried(messages[carrier])) is not None:
            for place in range(carrier, -1, -1):
                if messages[place].id == summary.until:
                    return Standing(summary, place + 1, carrier)
    return None


def replaced(messages: Sequence[BaseMessage], summary: Summary, covered: int) -> list[BaseMessage]:
    """`messages` with the summary in place of the first `covered` ones, without the system's, which stay.

    The question that is being answered stays too, where the summary already covers some of the work on it.
    """
    kept = [one for one in messages[:covered] if isinstance(one, SystemMessage)]
    told = HumanMessage(INTRODUCED.format(text=summary.text))
    rest = list(messages[covered:])
    asked = [] if any(isinstance(one, HumanMessage) for one in rest) else _last_question(messages[:covered])
    return [*kept, told, *asked, *rest]


def _last_question(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    return [*[one for one in reversed(messages) if isinstance(one, HumanMessage)][:1]]


def given(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """`messages` as a model is given them: with the summary that stands there, if one does."""
    found = standing(messages)
    return list(messages) if found is None else replaced(messages, found.summary, found.covered)
