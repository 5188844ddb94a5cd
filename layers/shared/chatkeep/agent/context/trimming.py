"""What a model is given where no summary stands: the latest messages, and of long ones the beginning and the end."""

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from chatkeep.agent.context.conversation import Conversation
from chatkeep.agent.context.shortening import shortened
from chatkeep.turns import token_estimates


def trimmed(conversation: Conversation, room: int) -> list[BaseMessage]:
    """What the model is given, without its oldest messages, in at most `room` estimated tokens where that can be.

    The system's messages, the summary and the question that is being answered stay, cut short if need be.
    """
    messages, covered, given = conversation.messages, conversation.covered, conversation.given()
    left = room - conversation.beside
    head = given[: len(given) - (len(messages) - covered)]
    head = [*_of_system([*head, *messages[covered:]]), *(one for one in head if not isinstance(one, SystemMessage))]
    known = set(map(id, head))
    asked = [one for one in messages if isinstance(one, HumanMessage)][-1:]
    asked = [one for one in asked if id(one) not in known]
    taken = token_estimates.prompt_tokens([*head, *asked])
    cuts = [covered, *conversation.cuts()]
    cut = next((one for one in cuts if taken + conversation.tokens_between(one) <= left), cuts[-1])
    kept = [one for one in messages[cut:] if id(one) not in known]
    if any(isinstance(one, HumanMessage) for one in kept):
        asked = []
    return shortened([*head, *asked, *kept], left)


def _of_system(messages: list[BaseMessage]) -> list[BaseMessage]:
    return [one for one in messages if isinstance(one, SystemMessage)]
