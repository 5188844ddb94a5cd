"""The rules of an OpenAI-compatible endpoint for a request's JSON, its fields and its messages."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from tests.provider.openai_history import alternating_roles, answered_calls, blank_texts
from tests.provider.texts import is_object

ROLES = ("system", "developer", "user", "assistant", "tool")
MEMBERS = {"role", "content", "name", "refusal", "tool_calls", "tool_call_id", "audio"}
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
LONGEST_ID = 40


@dataclass(frozen=True)
class Violation:
    """`param` is the place in the request, as OpenAI names it: `messages[2].tool_calls[0].id`."""

    param: str
    message: str

    def __str__(self) -> str:
        return f"{self.param}: {self.message}"


@dataclass(frozen=True)
class Strict:
    """The rules in force; by default OpenAI's own, and that arguments are an object, which vLLM's templates need.

    `system_roles` are the roles accepted for instructions, in the first message alone if `alternating` (the templates
    of Gemma, Mistral and Llama 2). `known_members` refuses members of messages that are not OpenAI's, as Groq does.
    """

    history: bool = True
    object_arguments: bool = True
    calls_need_tools: bool = False
    alternating: bool = False
    no_blank: bool = False
    known_members: bool = False
    system_roles: Collection[str] = ("system", "developer")
    refused_fields: Collection[str] = ()
    required_fields: Collection[str] = ()


LENIENT = Strict(history=False, object_arguments=False)
GEMMA = Strict(alternating=True, system_roles=())
MISTRAL = Strict(alternating=True, system_roles=("system",), no_blank=True)
STRICTEST = Strict(calls_need_tools=True, alternating=True, no_blank=True, known_members=True, system_roles=("system",))


def violations(body: dict[str, Any], strict: Strict) -> Iterator[Violation]:
    """The violations of the request, in the order of its messages within each rule."""
    for param, message in _found(body, strict):
        yield Violation(param, message)


def _found(body: dict[str, Any], strict: Strict) -> Iterator[tuple[str, str]]:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(one, dict) for one in messages):
        yield "messages", "Expected an array of objects with minimum length 1."
        return
    if strict.history:
        yield from _fields(body)
        for at, message in enumerate(messages):
            yield from ((f"messages[{at}]{member}", text) for member, text in _message(message))
        yield from answered_calls(messages)
    yield from _system(messages, strict)
    for at, message in enumerate(messages):
        yield from ((f"messages[{at}]{member}", text) for member, text in _by_choice(message, body, strict))
    if strict.alternating:
        yield from alternating_roles(messages)
    if strict.no_blank:
        yield from blank_texts(messages)


def _fields(body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if not isinstance(body.get("model"), str) or not body["model"]:
        yield "model", "you must provide a model parameter"
    if "stream_options" in body and not body.get("stream"):
        yield "stream_options", "The 'stream_options' parameter is only allowed when 'stream' is enabled."
    if "tools" in body:
        tools = body["tools"]
        if not isinstance(tools, list) or not tools:
            yield "tools", "Expected an array with minimum length 1."
        elif not all(NAME.fullmatch(str(tool.get("function", {}).get("name", ""))) for tool in tools):
            yield "tools", f"A function's name does not match the pattern '{NAME.pattern}'."
    elif "tool_choice" in body:
        yield "tool_choice", "'tool_choice' is only allowed when 'tools' are specified."


def _message(message: dict[str, Any]) -> Iterator[tuple[str, str]]:
    role = message.get("role")
    if role not in ROLES:
        yield ".role", f"Invalid value: {role!r}. Supported values are: {', '.join(ROLES)}."
        return
    if message.get("content") is None:
        if role != "assistant" or not (message.get("tool_calls") or message.get("refusal")):
            yield ".content", "Invalid value for 'content': expected a string, got null."
    else:
        yield from _content(message["content"])
    if message.get("tool_calls") is not None:
        if role != "assistant":
            yield ".tool_calls", "Only messages of the assistant may have tool calls."
        else:
            yield from _calls(message["tool_calls"])


def _content(content: Any) -> Iterator[tuple[str, str]]:
    if isinstance(content, str):
        return
    if not isinstance(content, list) or not content:
        yield ".content", "Expected a string, or an array of objects with minimum length 1."
        return
    for at, part in enumerate(content):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind not in ("text", "refusal", "image_url", "input_audio", "file"):
            yield f".content[{at}].type", f"Invalid value: {kind!r}."
        elif not part.get(kind) and not isinstance(part.get(kind), str):
            yield f".content[{at}].{kind}", "Missing required parameter."


def _calls(calls: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(calls, list) or not calls or not all(isinstance(call, dict) for call in calls):
        yield ".tool_calls", "Expected an array of objects with minimum length 1."
        return
    ids = [call.get("id") for call in calls]
    for at, call in enumerate(calls):
        where, function = f".tool_calls[{at}]", call.get("function") or {}
        if not isinstance(ids[at], str) or not 1 <= len(ids[at]) <= LONGEST_ID:
            yield f"{where}.id", f"Expected a string of 1 to {LONGEST_ID} characters."
        elif ids.index(ids[at]) < at:
            yield f"{where}.id", f"Duplicate value: {ids[at]!r}."
        if call.get("type") != "function":
            yield f"{where}.type", f"Invalid value: {call.get('type')!r}."
        if not NAME.fullmatch(str(function.get("name", ""))):
            yield f"{where}.function.name", f"The string does not match the pattern '{NAME.pattern}'."
        if not isinstance(function.get("arguments"), str):
            yield f"{where}.function.arguments", "Expected a string."


def _system(messages: list[dict[str, Any]], strict: Strict) -> Iterator[tuple[str, str]]:
    for at, message in enumerate(messages):
        role = message.get("role")
        if role not in ("system", "developer") or role in strict.system_roles:
            continue
        supported = " or ".join(strict.system_roles)
        said = f"'{role}' is not one of the roles here; use {supported}" if supported else "System role not supported"
        yield f"messages[{at}].role", said


def _by_choice(message: dict[str, Any], body: dict[str, Any], strict: Strict) -> Iterator[tuple[str, str]]:
    if strict.known_members:
        yield from ((f".{name}", f"property '{name}' is unsupported") for name in sorted(message.keys() - MEMBERS))
    calls = message.get("tool_calls") or []
    if strict.calls_need_tools and calls and not body.get("tools"):
        yield ".tool_calls", "The history has tool calls, but the request has no 'tools'."
    if strict.object_arguments:
        for at, call in enumerate(calls):
            if not is_object(call.get("function", {}).get("arguments")):
                yield f".tool_calls[{at}].function.arguments", "Expected the JSON text of an object."
