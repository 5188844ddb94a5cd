"""A prompt, measured in the tokens of its model: as reported where the model reports them, else estimated."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, Self, cast

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from chatkeep.turns import summaries, token_estimates
from chatkeep.turns.reported import believable
from chatkeep.turns.summaries import Standing, Summary

LEAST_RATIO, MOST_RATIO = 0.25, 8.0
"""Of reported to estimated tokens; what lies beyond is no tokenizer's count."""
TELLING = 500
"""Estimated tokens of a prompt from which on its report tells how the model counts: in a shorter one what endpoints add
to each prompt, or do not count, weighs too much."""
TRIMMED_TO = "chatkeep_trimmed_to"
"""In the response metadata of an answer whose prompt had only a part of its thread: the estimated tokens of that part,
as what the model reports of it tells nothing of the rest."""


@dataclass(frozen=True)
class Conversation:
    """The messages of a prompt, the summary that stands for the first of them, and the tools that it offers.

    `made` is the summary that stands where it was made for this very prompt.
    """

    messages: Sequence[BaseMessage]
    standing: Standing | None = None
    tools: Any = None
    made: Summary | None = None

    @classmethod
    def of(cls, messages: Sequence[BaseMessage], tools: Any = None) -> Self:
        return cls(messages, summaries.standing(messages), tools)

    @property
    def covered(self) -> int:
        """How many of the messages the summary stands for."""
        return self.standing.covered if self.standing else 0

    @property
    def summary(self) -> str:
        """The text of the summary; empty without one."""
        return self.standing.summary.text if self.standing else ""

    def summarised(self, text: str, covered: int) -> "Conversation":
        """The same with a summary of the first `covered` messages, which have ids, in place of the one before."""
        following = self.messages[covered].id if covered < len(self.messages) else None
        made = Summary(text, str(self.messages[covered - 1].id), following)
        return Conversation(self.messages, Standing(made, covered, len(self.messages)), self.tools, made)

    def given(self) -> list[BaseMessage]:
        """The messages as the model is given them."""
        if self.standing is None:
            return list(self.messages)
        return summaries.replaced(self.messages, self.standing.summary, self.standing.covered)

    def cuts(self) -> list[int]:
        """Where the conversation can be cut, the earliest first: a summary may stand for all messages before.

        That is before a question; and in the turn that is being answered before each further call of the model, so that
        no tool's call is parted from its result.
        """
        questions = [at for at, one in enumerate(self.messages) if isinstance(one, HumanMessage)]
        latest = questions[-1] if questions else -1
        steps = [at for at in range(latest + 2, len(self.messages)) if isinstance(self.messages[at], AIMessage)]
        return [at for at in [*questions, *(steps if questions else [])] if at > self.covered and self._is_named(at)]

    def _is_named(self, at: int) -> bool:
        return self.messages[at - 1].id is not None and self.messages[at].id is not None

    def takes_more_than(self, tokens: int) -> bool:
        """Whether what the model is given takes more: by what it has reported for its last answer, and an estimate of
        the rest.

        Takes time for the messages since that answer alone, while they are few. An answer whose prompt was trimmed
        tells nothing here.
        """
        reported, since = 0, cast("Sequence[BaseMessage]", self.given())
        if (last := next(self._telling(), None)) is not None:
            usage = _usage(self.messages[last])
            reasoning = usage["output_token_details"].get("reasoning", 0)  # it is not sent again
            reported, since = int(usage["total_tokens"]) - int(reasoning), self.messages[last + 1 :]
        estimated = token_estimates.prompt_tokens(since) + (self.beside if last is None else 0)
        return reported + estimated * MOST_RATIO > tokens and reported + estimated * self.ratio() > tokens

    def estimated(self) -> int:
        """The tokens of what the model is given, from the text alone."""
        return token_estimates.prompt_tokens(self.given()) + self.beside

    @cached_property
    def _tokens_up_to(self) -> list[int]:
        """Estimated tokens of the first messages, by how many they are."""
        return [0, *accumulate(token_estimates.message_tokens(one) for one in self.messages)]

    def tokens_between(self, start: int, end: int | None = None) -> int:
        """The estimated tokens of the messages from one place up to another, or to the end."""
        return self._tokens_up_to[-1 if end is None else end] - self._tokens_up_to[start]

    @cached_property
    def beside(self) -> int:
        """The tokens of the tools' descriptions."""
        if not self.tools:
            return 0
        return token_estimates.tokens(json.dumps(self.tools, default=str, ensure_ascii=False))

    def ratio(self) -> float:
        """The model's tokens to one that is estimated, by the latest answer that reports some; 1 without any."""
        last = next((at for at in self._answers() if _usage(self.messages[at])["input_tokens"]), None)
        if last is None:
            return 1.0
        sent = _trimmed_to(self.messages[last])
        if sent is None:
            sent = self._sent_for(last)
        lacking = max(0, TELLING - sent)
        told: float = (_usage(self.messages[last])["input_tokens"] + lacking) / (sent + lacking)
        return min(MOST_RATIO, max(1.0 if lacking else LEAST_RATIO, told))

    def slope(self) -> float:
        """The same where these are not all that the model was given: by how much more it has reported for more of them.

        A system prompt and tools are part of each report. 1 where too little is known.
        """
        return self._slope() or 1.0

    def beyond(self) -> float:
        """The model's tokens of each prompt that are none of these messages; 0 where too little is known."""
        if (slope := self._slope()) is None:
            return 0.0
        last = next(self._telling())
        told: int = _usage(self.messages[last])["input_tokens"]
        return max(0.0, told - self._sent_for(last) * slope)

    def _slope(self) -> float | None:
        telling = list(self._telling())
        if len(telling) < 2 or (between := self.tokens_between(telling[-1], telling[0])) < TELLING:
            return None
        latest, earliest = (_usage(self.messages[at])["input_tokens"] for at in (telling[0], telling[-1]))
        told: float = (latest - earliest) / between
        return min(MOST_RATIO, max(LEAST_RATIO, told))

    def most_read(self) -> int:
        """The most tokens that an answer has reported of its prompt."""
        return max((_usage(self.messages[at])["input_tokens"] for at in self._answers()), default=0)

    def _sent_for(self, at: int) -> int:
        """The estimated tokens of the prompt that was answered at this place, where it was not trimmed."""
        return Conversation(self.messages[:at], self._asked_with(at), self.tools).estimated()

    def _asked_with(self, at: int) -> Standing | None:
        """The summary with which the model was asked for its answer at this place."""
        standing = summaries.standing(self.messages[: at + 1])
        return standing if standing and standing.covered <= at else None

    def _telling(self) -> Iterator[int]:
        """The answers that report the tokens of all before them, and were made with the summary that stands."""
        since = self.standing.carrier if self.standing else 0
        return (at for at in self._answers() if at >= since and _tells_of_all(self.messages[at]))

    def _answers(self) -> Iterator[int]:
        """The places of the model's messages, the latest first."""
        return (at for at in range(len(self.messages) - 1, -1, -1) if isinstance(self.messages[at], AIMessage))


def _tells_of_all(answer: BaseMessage) -> bool:
    return bool(_usage(answer)["input_tokens"]) and _trimmed_to(answer) is None


def _trimmed_to(answer: BaseMessage) -> int | None:
    stored = answer.response_metadata.get(TRIMMED_TO)
    return stored if isinstance(stored, int) else None


def _usage(message: BaseMessage) -> Any:
    return believable((message.usage_metadata if isinstance(message, AIMessage) else None) or {})
