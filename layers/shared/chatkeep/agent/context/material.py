"""The messages that a summary is made of, as the text that a model is shown."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, SystemMessage, get_buffer_string

from chatkeep.agent.context.shortening import DEEPEST, MOST_CUTS, shortened
from chatkeep.turns import token_estimates
from chatkeep.turns.token_estimates import written


def shown(messages: Sequence[BaseMessage], room: int) -> str:
    """The messages in XML, without the system's, in about `room` estimated tokens.

    An image, a recording and a file are named where they stand; reasoning is left out.
    """
    told = [_in_words(one) for one in messages if not isinstance(one, SystemMessage)]
    wanted = room
    for _ in range(MOST_CUTS):
        text = get_buffer_string(shortened(told, wanted), format="xml")
        if (taken := token_estimates.tokens(text)) <= room:
            break
        wanted = int(wanted * room / taken)  # escapes and tags take their part
    return text


def _in_words(message: BaseMessage) -> BaseMessage:
    changed: dict[str, Any] = {}
    words = message.content
    if not isinstance(words, str):
        changed["content"] = words = "\n".join(_words(words))
    if isinstance(message, AIMessage):
        changed["tool_calls"] = [
            {**one, "args": json.loads(written(one["args"]) or "{}")} for one in message.tool_calls
        ]
        unread = [f"[{one['name']}: {one['args']}]" for one in message.invalid_tool_calls]
        changed["content"] = "\n".join([words, *unread]) if unread else words
    return message.model_copy(update=changed)


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
            for name in token_estimates.TEXTS:
                yield from _words(content.get(name), depth + 1)
            if (data := written(content.get(token_estimates.DATA))) != "":
                yield data
