"""The validation rules of Bedrock's Converse, in the order and the words of its ValidationException."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tests.provider.bedrock_models import RETURNED

UNSUPPORTED = {
    "system": "This model doesn't support system messages. "
    "Try again without system messages or use a model that supports system messages.",
    "toolConfig": "This model doesn't support tool use.",
    "toolConfig in a stream": "This model doesn't support tool use in streaming mode.",
    "inferenceConfig.temperature": f"{RETURNED} `temperature` is deprecated for this model.",
    "inferenceConfig.topP": f"{RETURNED} `top_p` is deprecated for this model.",
}


@dataclass(frozen=True)
class Strict:
    """The rules in force, by default all that Converse has for every model.

    `final_user` is the rule of models that do not continue an assistant's message. `refuses` are keys of UNSUPPORTED.
    """

    history: bool = True
    final_user: bool = True
    refuses: Collection[str] = ()


def unsupported(body: dict[str, Any], streamed: bool, strict: Strict) -> str | None:
    """The key of a requested feature that the model does not support."""
    asked = {
        "system": bool(body.get("system")),
        "toolConfig": "toolConfig" in body,
        "toolConfig in a stream": "toolConfig" in body and streamed,
        "inferenceConfig.temperature": "temperature" in body.get("inferenceConfig", {}),
        "inferenceConfig.topP": "topP" in body.get("inferenceConfig", {}),
    }
    return next((key for key in strict.refuses if asked[key]), None)


def violations(body: dict[str, Any], strict: Strict) -> Iterator[str]:
    """The violations of the rules by a request of the right shape."""
    messages = body.get("messages", [])
    if strict.history:
        yield from _blank_texts(messages, body.get("system", []))
        yield from _roles(messages)
        yield from _tools(messages, "toolConfig" in body)
    if strict.final_user and messages and messages[-1]["role"] != "user":
        yield "This model does not support assistant message prefill. The conversation must end with a user message."


def _blank_texts(messages: list[dict[str, Any]], system: list[dict[str, Any]]) -> Iterator[str]:
    for at, block in enumerate(system):
        if "text" in block and not block["text"].strip():
            yield _blank("SystemContentBlock", f"system.{at}")
    for at, message in enumerate(messages):
        if not message["content"]:
            yield (
                f"The content field in the Message object at messages.{at} is empty. "
                "Add a ContentBlock object to the content field and try again."
            )
        for place, block in enumerate(message["content"]):
            where = f"messages.{at}.content.{place}"
            if "text" in block and not block["text"].strip():
                yield _blank("ContentBlock", where)
            yield from _tool_block(block, where)


def _blank(kind: str, where: str) -> str:
    return f"The text field in the {kind} object at {where} is blank. Add text to the text field, and try again."


def _tool_block(block: dict[str, Any], where: str) -> Iterator[str]:
    if "toolUse" in block and not isinstance(block["toolUse"]["input"], dict):
        yield (
            f"The format of the value at {where}.toolUse.input is invalid. "
            "Provide a json object for the field and try again."
        )
    for place, inner in enumerate(block.get("toolResult", {}).get("content", [])):
        if "text" in inner and not inner["text"].strip():
            yield _blank("ToolResultContentBlock", f"{where}.toolResult.content.{place}")


def _roles(messages: list[dict[str, Any]]) -> Iterator[str]:
    if not messages or messages[0]["role"] != "user":
        yield (
            "A conversation must start with a user message. "
            "Try again with a conversation that starts with a user message."
        )
    if any(one["role"] == other["role"] for one, other in pairwise(messages)):
        yield (
            "A conversation must alternate between user and assistant roles. "
            "Make sure the conversation alternates between user and assistant roles and try again."
        )


def _tools(messages: list[dict[str, Any]], configured: bool) -> Iterator[str]:
    open_ids: list[str] = []
    for at, message in enumerate(messages):
        results, uses = _ids(message, "toolResult"), _ids(message, "toolUse")
        if (results or uses) and not configured:
            yield "The toolConfig field must be defined when using toolUse and toolResult content blocks."
        if results and (not open_ids or message["role"] != "user"):
            yield (
                f"The number of toolResult blocks at messages.{at}.content exceeds the number of toolUse blocks of "
                "previous turn."
            )
        elif sorted(results) != sorted(open_ids):
            yield _expected(at, sorted({*open_ids} - {*results}) or open_ids)
        if len(set(uses)) < len(uses):
            yield f"The toolUse blocks at messages.{at}.content contain duplicate Ids: {', '.join(sorted(set(uses)))}"
        if uses and message["role"] != "assistant":
            yield f"User messages cannot contain tool uses: messages.{at}.content"
        open_ids = uses
    if open_ids:
        yield _expected(len(messages), open_ids)


def _expected(at: int, ids: list[str]) -> str:
    return f"Expected toolResult blocks at messages.{at}.content for the following Ids: {', '.join(ids)}"


def _ids(message: dict[str, Any], kind: str) -> list[str]:
    return [block[kind]["toolUseId"] for block in message["content"] if kind in block]
