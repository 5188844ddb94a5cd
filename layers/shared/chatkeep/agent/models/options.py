"""An endpoint's options: fields of a request that are not to be sent, other names for them, more fields."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from chatkeep.context_limits import OPTION

ROLES = ("system", "developer", "user")
NEW_NAMES = re.compile(r"^(.*/)?(o\d|gpt-5|gpt-6)")
"""Models that take max_completion_tokens alone, and of temperatures the usual one alone:
https://platform.openai.com/docs/guides/reasoning"""
WITH_TEMPERATURE = re.compile(r"gpt-5(\.\d+)?-chat")
DEVELOPER = re.compile(r"^(.*/)?o\d")


@dataclass(frozen=True)
class Wire:
    """`fields` are JSON fields of a request's body, None for one not to be sent; `system_role` is the role under which
    the system prompt goes, `max_tokens_field` the name of the limit, `streams` false where answers come whole."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    system_role: str = "system"
    max_tokens_field: str = "max_tokens"
    streams: bool = True

    @classmethod
    def of(cls, model: str, *options: Mapping[str, Any]) -> Self:
        """The wire that `options` describe, the later ones first, else as `model` is known by its name."""
        known: dict[str, Any] = {}
        if NEW_NAMES.match(model):
            known["max_tokens_field"] = "max_completion_tokens"
            if not WITH_TEMPERATURE.search(model):
                known["temperature"] = None
        if DEVELOPER.match(model):
            known["system_role"] = "developer"
        for some in options:
            known |= some
        names = {name: known.pop(name) for name in ("system_role", "max_tokens_field") if known.get(name)}
        streams = known.pop("stream", True) is not False
        known.pop(OPTION, None)
        known.pop("prompt_caching", None)  # such endpoints cache by themselves
        return cls(fields=known, streams=streams, **names)

    def applied(self, payload: dict[str, Any]) -> dict[str, Any]:
        """A request's `payload` as the endpoint takes it; fields that the SDK does not know go as its extra body."""
        if "messages" in payload:
            payload = {**payload, "messages": self._messages(payload["messages"])}
        for old in ("max_tokens", "max_completion_tokens"):
            if old in payload and old != self.max_tokens_field:
                payload[self.max_tokens_field] = payload.pop(old)
        given = {name: value for name, value in self.fields.items() if value is not None}
        for name, value in self.fields.items():
            if value is None:
                payload.pop(self.max_tokens_field if name == "max_tokens" else name, None)
        if "max_completion_tokens" in given:
            payload.pop("max_tokens", None)
        return {**payload, "extra_body": {**(payload.get("extra_body") or {}), **given}} if given else payload

    def _messages(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The system's message under its role; where that is the user's, at the head of the user's first one."""
        first, rest = messages[:1], messages[1:]
        if not first or first[0].get("role") not in ("system", "developer"):
            return messages
        if self.system_role != "user":
            return [{**first[0], "role": self.system_role}, *rest]
        content = [*_parts(first[0]["content"]), *_parts(rest[0]["content"] if rest else "")]
        told = "\n\n".join(part["text"] for part in content) if all("text" in part for part in content) else content
        return [{"role": "user", "content": told}, *rest[1:]]


def _parts(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, list):
        return content
    return [{"type": "text", "text": content}] if content else []
