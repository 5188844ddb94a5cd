"""The summary of a whole conversation, made because somebody asked for it."""

from collections.abc import Generator, Sequence

from langchain_core.messages import AIMessage, BaseMessage

from chatkeep.agent.context import summarizing
from chatkeep.agent.context.conversation import Conversation
from chatkeep.agent.context.policy import Policy
from chatkeep.agent.context.summarizing import NoSummaryError, Prompt
from chatkeep.deadline import SHORTEST_RUN_SECONDS
from chatkeep.errors import NothingToSummarizeError
from chatkeep.turns.summaries import Summary

LARGEST_ROOM = 100_000
"""Tokens of a prompt where the model's limit is not known; one that is refused is sent again in halves."""


def compacted(policy: Policy, messages: Sequence[BaseMessage]) -> Generator[Prompt, AIMessage, Summary]:
    """A summary of all messages; of as many of them as there is time for.

    Raises NothingToSummarizeError where they have a summary already, or are no longer than it would be; or the error of
    the model.
    """
    conversation = Conversation.of(messages)
    since = conversation.messages[conversation.covered :]
    if not any(one.text.strip() for one in since):
        raise NothingToSummarizeError
    room = policy.room or LARGEST_ROOM

    def goes_on(_: int) -> bool:
        return policy.seconds_left() > SHORTEST_RUN_SECONDS

    try:
        done = yield from summarizing.summarised(conversation, len(messages), room, goes_on)
    except NoSummaryError as error:
        raise NothingToSummarizeError(str(error)) from None
    assert done.made is not None
    return done.made
