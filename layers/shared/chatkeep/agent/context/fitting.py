"""Fitting a prompt into its model's context, as the session wants it: by a summary, by trimming, or not at all."""

from collections.abc import Generator, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from chatkeep.agent.context import learned, summarizing, trimming
from chatkeep.agent.context.conversation import TRIMMED_TO, Conversation
from chatkeep.agent.context.policy import Policy
from chatkeep.agent.context.summarizing import Prompt
from chatkeep.agent.models.failures import is_too_long
from chatkeep.deadline import SHORTEST_RUN_SECONDS
from chatkeep.telemetry import logger
from chatkeep.turns import summaries, token_estimates
from chatkeep.turns.summaries import Summary

KEPT = 0.4
"""The part of the room that the latest messages may take beside a new summary."""
FILLED = 0.9
"""The part of the room that a trimmed prompt may take by its estimate."""
MOST_CALLS = 4
"""Of summaries in one turn: what is left is summarised in the next ones."""
MOST_REFUSALS = 5
TRIES = (0.5, 0.25, 0.1, 0.04, 0.02)
"""The parts of the prompt that was refused first, one after the other, to which it is cut while a provider refuses."""
SECONDS_FOR_BOTH = 2 * SHORTEST_RUN_SECONDS
"""What a summary and the answer after it take at least."""


class Fitting:
    """The prompt of one call: `prompt` is what to send, and `made` the summary that was made for it; `answer_tokens`
    is what the answer may take at most, None where that is what was asked for.

    Nobody waits or sends here. `fit` gives the prompts for summaries that it wants answered, so that the same steps
    serve callers with an event loop and without.
    """

    def __init__(self, policy: Policy, messages: Sequence[BaseMessage], tools: Any) -> None:
        self._policy = policy
        self._conversation = Conversation.of(messages, tools)
        self._refusals = self._sent = 0
        self._room: int | None = None
        self._trimmed_to: int | None = None
        self.prompt = self._conversation.given()
        self.answer_tokens: int | None = None

    @property
    def made(self) -> Summary | None:
        return self._conversation.made

    def mark(self, answer: BaseMessage) -> None:
        """Have the answer carry what later prompts have to know of this one."""
        if self.made:
            summaries.put_on(answer, self.made)
        if self._trimmed_to is not None:
            answer.response_metadata[TRIMMED_TO] = self._trimmed_to

    def fit(self) -> Generator[Prompt, AIMessage, None]:
        """Make `prompt` fit. Raises nothing of what is thrown into it: then the turn goes on without a summary."""
        policy = self._policy
        if policy.refuses or (room := self._room or policy.room) is None:
            return
        if policy.answer_tokens < policy.max_tokens:
            self.answer_tokens = min(self.answer_tokens or policy.max_tokens, policy.answer_tokens)
        if not self._refusals and not self._conversation.takes_more_than(policy.threshold(room)):
            return
        ratio = self._conversation.ratio()
        if policy.summarizes and self._refusals <= 1 and self._takes(ratio) > policy.threshold(room):
            yield from self._summarise(room, ratio)
        self.prompt, self._trimmed_to = self._conversation.given(), None
        if self._takes(ratio) > room:
            self.prompt = trimming.trimmed(self._conversation, int(room * FILLED / ratio))
            self._trimmed_to = self._estimated_prompt()

    def refused(self, error: Exception) -> bool:
        """Whether to fit the prompt once more and send it again, after a provider has refused it for its length."""
        if self._policy.refuses or self._refusals == MOST_REFUSALS or not is_too_long(error):
            return False
        known = self._policy.room
        said = learned.learn(self._policy.model_name, str(error), self._conversation.most_read())
        if not self._refusals:
            self._sent = int(self._estimated_prompt() * self._conversation.ratio())
        self._room = max(1, int(self._sent * TRIES[self._refusals]))
        if said is not None and not self._refusals and (known is None or self._policy.room_within(said) < known):
            self._room = self._policy.room_within(said)
        elif self._refusals and self._sent < self._policy.max_tokens:  # what is too long may be the answer asked for
            self.answer_tokens = max(1, int(self._policy.max_tokens * TRIES[self._refusals - 1]))
        self._refusals += 1
        return True

    def _estimated_prompt(self) -> int:
        return token_estimates.prompt_tokens(self.prompt) + self._conversation.beside

    def _takes(self, ratio: float) -> int:
        return int(self._conversation.estimated() * ratio)

    def _summarise(self, room: int, ratio: float) -> Generator[Prompt, AIMessage, None]:
        until = self._until(room, ratio)
        if until is None or not self._goes_on(0):
            return
        try:
            self._conversation = yield from summarizing.summarised(
                self._conversation, until, room, ratio, self._goes_on
            )
        except Exception:
            logger.info("no summary", exc_info=True)

    def _goes_on(self, summaries: int) -> bool:
        return summaries < MOST_CALLS and self._policy.seconds_left() > SECONDS_FOR_BOTH

    def _until(self, room: int, ratio: float) -> int | None:
        """The first cut after which the messages take little enough; the last one where none do."""
        conversation, kept = self._conversation, int(room * KEPT / ratio)
        cuts = conversation.cuts()
        small = (cut for cut in cuts if conversation.tokens_between(cut) <= kept)
        return next(small, cuts[-1] if cuts else None)
