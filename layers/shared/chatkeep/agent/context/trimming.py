"""What a model is given where no summary stands: the latest messages, and of long ones the beginning and the end."""

from collections.abc import Sequence

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from chatkeep.agent.context.conversation import Conversation
from chatkeep.agent.models.content import Content
from chatkeep.agent.models.failures import explain
from chatkeep.errors import ContextLengthExceededError
from chatkeep.turns import token_estimates

LEFT_OUT = "\n[… {number} characters left out …]\n"
NOTE_TOKENS = 14
LEAST_TOKENS = 40
"""Of a message that is shortened, with its note."""


def is_too_long(error: Exception) -> bool:
    """Whether a provider has refused a prompt for its length."""
    return isinstance(explain(error, ""), ContextLengthExceededError)


def trimmed(conversation: Conversation, room: int) -> list[BaseMessage]:
    """What the model is given, without its oldest messages, in at most `room` estimated tokens where that can be.

    The system's messages, the summary and the question that is being answered stay, cut short if need be.
    """
    given, left = conversation.given(), room - conversation.beside
    rest = len(conversation.messages) - conversation.covered
    head = given[: len(given) - rest]
    if not head:
        head = [one for one in conversation.messages if isinstance(one, SystemMessage)]
    questions = [one for one in conversation.messages if isinstance(one, HumanMessage)]
    taken = token_estimates.prompt_tokens([*head, *questions[-1:]])
    cuts = [conversation.covered, *conversation.cuts()]
    cut = next((one for one in cuts if taken + conversation.tokens_between(one) <= left), cuts[-1])
    known = set(map(id, head))
    kept = [one for one in conversation.messages[cut:] if id(one) not in known]
    asked = [] if any(isinstance(one, HumanMessage) for one in kept) else questions[-1:]
    return shortened([*head, *(one for one in asked if id(one) not in known), *kept], left)


def shortened(messages: Sequence[BaseMessage], room: int) -> list[BaseMessage]:
    """`messages` with the longest of them cut in their middle, all to the same length, so that they take about `room`
    estimated tokens where that can be. Never raises."""
    sizes = [token_estimates.message_tokens(one) for one in messages]
    if sum(sizes) <= room:
        return list(messages)
    low, high = LEAST_TOKENS, max(sizes)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if sum(min(size, middle) for size in sizes) <= room else (low, middle - 1)
    return [
        one if size <= low else _cut(one, (low - NOTE_TOKENS) / size) for one, size in zip(messages, sizes, strict=True)
    ]


def _cut(message: BaseMessage, part: float) -> BaseMessage:
    content = message.content
    cut: Content = (
        _without_middle(content, part) if isinstance(content, str) else [_block(one, part) for one in content]
    )
    return message.model_copy(update={"content": cut})


def _block(block: str | dict[str, object], part: float) -> str | dict[str, object]:
    if isinstance(block, str):
        return _without_middle(block, part)
    text = block.get("text")
    return {**block, "text": _without_middle(text, part)} if isinstance(text, str) else block


def _without_middle(text: str, part: float) -> str:
    """The beginning and the end of `text`, together about so large a `part` of it."""
    half = int(len(text) * part / 2)
    note = LEFT_OUT.format(number=len(text) - 2 * half)
    return text if len(note) + 2 * half >= len(text) else text[:half] + note + text[len(text) - half :]


def beginning(text: str, most: int) -> str:
    """As much of the beginning of `text` as takes about `most` estimated tokens."""
    taken = token_estimates.tokens(text)
    if taken <= most:
        return text
    return text[: max(1, int(len(text) * most / taken) - 2)].rstrip() + " …"
