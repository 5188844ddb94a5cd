"""The messages that a summary is made of, as the text that a model is shown."""

from collections.abc import Iterator, Sequence
from typing import Any

from langchain_core.messages import BaseMessage, SystemMessage, get_buffer_string

from chatkeep.agent.context.shortening import DEEPEST, WITHIN, shortened
from chatkeep.turns import token_estimates


def shown(messages: Sequence[BaseMessage], room: int) -> str:
    """The messages in XML, without the system's, in about `room` estimated tokens.

    An image, a recording and a file are named where they stand; reasoning is left out.
    """
    told = [_in_words(one) for one in messages if not isinstance(one, SystemMessage)]
    return get_buffer_string(shortened(told, room), format="xml")


def _in_words(message: BaseMessage) -> BaseMessage:
    if isinstance(message.content, str):
        return message
    return message.model_copy(update={"content": "\n".join(_words(message.content))})


def _words(content: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list) and depth < DEEPEST:
        for one in content:
            yield from _words(one, depth + 1)
    elif isinstance(content, dict):
        if (medium := token_estimates.medium(content)) is not None:
            yield f"[{medium}]"
        elif depth < DEEPEST:
            for name in WITHIN:
                yield from _words(content.get(name), depth + 1)
