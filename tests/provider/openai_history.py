"""Rules about a history as a whole: which message may follow which, and that each says something."""

from collections.abc import Iterator
from typing import Any

Messages = list[dict[str, Any]]
Found = Iterator[tuple[str, str]]


def answered_calls(messages: Messages) -> Found:
    """OpenAI's rule: the results of an assistant's calls come right after it, each exactly once, and nowhere else."""
    asked_at, open_ids = 0, list[Any]()
    for at, message in enumerate(messages):
        if message.get("role") == "tool":
            if message.get("tool_call_id") in open_ids:
                open_ids.remove(message["tool_call_id"])
            else:
                yield (
                    f"messages[{at}].tool_call_id",
                    (
                        "Messages with role 'tool' must be a response to a preceding message with 'tool_calls', "
                        f"none of which awaits {message.get('tool_call_id')!r}."
                    ),
                )
            continue
        yield from _unanswered(asked_at, open_ids)
        asked_at, open_ids = at, [call.get("id") for call in message.get("tool_calls") or []]
    yield from _unanswered(asked_at, open_ids)


def _unanswered(at: int, ids: list[Any]) -> Found:
    if ids:
        yield (
            f"messages[{at}].tool_calls",
            (
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
                f"'tool_call_id'. The following did not have response messages: {', '.join(map(repr, ids))}"
            ),
        )


ALTERNATE = "Conversation roles must alternate user/assistant/user/assistant/..."


def alternating_roles(messages: Messages) -> Found:
    """The rule of the templates of Gemma, Llama 2 and Mistral; like Mistral's it passes over calls and their results.

    A user's message right after a result is refused in the words of mistral-common.
    """
    turn = 0
    for at, message in enumerate(messages):
        role, before = message.get("role"), messages[at - 1].get("role") if at else None
        if at == 0 and role in ("system", "developer"):
            continue
        if before == "tool" and role not in ("assistant", "tool"):
            yield f"messages[{at}].role", f"Unexpected role '{role}' after role 'tool'"
        elif role == "tool" or message.get("tool_calls"):
            if turn % 2 == 0:
                yield f"messages[{at}].role", ALTERNATE
        else:
            if role != ("user", "assistant")[turn % 2]:
                yield f"messages[{at}].role", ALTERNATE
            turn += 1


def blank_texts(messages: Messages) -> Found:
    """Every text has something other than white space in it; an assistant that calls tools may have no text at all."""
    for at, message in enumerate(messages):
        content = message.get("content")
        if content is None and message.get("tool_calls"):
            continue
        parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
        if not parts or any(part.get("type") == "text" and not str(part.get("text") or "").strip() for part in parts):
            yield f"messages[{at}].content", "The message has no text, or a blank one."
