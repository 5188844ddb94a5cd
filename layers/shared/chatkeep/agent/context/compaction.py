"""The summary of a whole conversation, made because somebody asked for it."""

from collections.abc import Generator, Sequence

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from chatkeep.agent.context import summarizing
from chatkeep.agent.context.conversation import Conversation
from chatkeep.agent.context.policy import Policy
from chatkeep.agent.context.summarizing import NoSummaryError, NotShorterError, Prompt
from chatkeep.deadline import SHORTEST_RUN_SECONDS
from chatkeep.errors import ModelUnavailableError, NothingToSummarizeError, TurnTimedOutError
from chatkeep.turns.summaries import Compacted

LARGEST_ROOM = 100_000
"""Tokens of a prompt where the model's limit is not known; one that is refused is sent again in halves."""


def compacted(policy: Policy, messages: Sequence[BaseMessage]) -> Generator[Prompt, AIMessage, Compacted]:
    """A summary of all messages; of as many of them as there is time for.

    Raises NothingToSummarizeError where they have a summary already, or are no longer than it would be;
    TurnTimedOutError; ModelUnavailableError where the model gives no summary, or its own error.
    """
    # With the question that is still to come, as only then what was asked before is part of the past.
    conversation = Conversation.of([*messages, HumanMessage("")])
    since = conversation.messages[conversation.covered :]
    if not any(one.text.strip() for one in since):
        raise NothingToSummarizeError
    room, slope = policy.room or LARGEST_ROOM, conversation.slope()

    def goes_on(_: int) -> bool:
        return policy.seconds_left() > SHORTEST_RUN_SECONDS

    if not goes_on(0):
        raise TurnTimedOutError("there was no time for a summary")
    try:
        done = yield from summarizing.summarised(conversation, len(messages), room, slope, goes_on)
    except NotShorterError as error:
        raise NothingToSummarizeError(str(error)) from None
    except NoSummaryError:
        raise ModelUnavailableError(f"the model {policy.model_name!r} gave no summary") from None
    assert done.made is not None
    return Compacted(done.made, int(conversation.beyond() + done.estimated() * slope))
