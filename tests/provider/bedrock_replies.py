"""Answers of Bedrock's Converse and ConverseStream: blocks, usage, exceptions inside a stream, and refusals."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.provider.bedrock_shapes import checked, operation, service, stream_message
from tests.provider.pauses import Pause
from tests.provider.texts import cut_up


@dataclass(frozen=True)
class Text:
    """A text block. Bedrock does not announce it: it begins with its first piece."""

    pieces: Sequence[str]
    start: None = None

    def deltas(self) -> Iterator[dict[str, Any]]:
        yield from ({"text": piece} for piece in self.pieces)

    def whole(self) -> dict[str, Any]:
        return {"text": "".join(self.pieces)}


@dataclass(frozen=True)
class Reasoning:
    """Thinking with its signature, or in bytes if the provider has `redacted` it."""

    pieces: Sequence[str] = ()
    signature: str | None = None
    redacted: bytes | None = None
    start: None = None

    def deltas(self) -> Iterator[dict[str, Any]]:
        for name, values in {
            "text": self.pieces,
            "signature": [self.signature],
            "redactedContent": [self.redacted],
        }.items():
            yield from ({"reasoningContent": {name: value}} for value in values if value is not None)

    def whole(self) -> dict[str, Any]:
        if self.redacted is not None:
            return {"reasoningContent": {"redactedContent": self.redacted}}
        signature = {} if self.signature is None else {"signature": self.signature}
        return {"reasoningContent": {"reasoningText": {"text": "".join(self.pieces), **signature}}}


@dataclass(frozen=True)
class ToolUse:
    """`input` is raw text, sent in `pieces`; neither they nor the whole need be JSON."""

    id: str
    name: str
    input: str = "{}"
    pieces: int = 2

    @property
    def start(self) -> dict[str, Any]:
        return {"toolUse": {"toolUseId": self.id, "name": self.name}}

    def deltas(self) -> Iterator[dict[str, Any]]:
        yield from ({"toolUse": {"input": piece}} for piece in cut_up(self.input, self.pieces))

    def whole(self) -> dict[str, Any]:
        return {"toolUse": {"toolUseId": self.id, "name": self.name, "input": json.loads(self.input)}}


@dataclass(frozen=True)
class Failure:
    """An exception inside a stream, by its member's name: `throttlingException`."""

    name: str
    message: str
    members: Mapping[str, Any] = field(default_factory=dict)

    def event(self) -> bytes:
        return stream_message(self.name, {"message": self.message, **self.members})


def tokens(read: int, written: int, *, cached: int = 0, cached_5m: int = 0, cached_1h: int = 0) -> dict[str, Any]:
    """Usage as reported for Claude: with tokens read from the cache, and written to it for five minutes or an hour."""
    details = [{"ttl": ttl, "inputTokens": count} for ttl, count in {"1h": cached_1h, "5m": cached_5m}.items() if count]
    to_cache = cached_5m + cached_1h
    return {
        "inputTokens": read,
        "outputTokens": written,
        "totalTokens": read + written + cached + to_cache,
        **({"cacheReadInputTokens": cached, "cacheWriteInputTokens": to_cache} if cached or to_cache else {}),
        **({"cacheDetails": details} if details else {}),
    }


@dataclass(frozen=True)
class Reply:
    """One message. Raises ValueError if Bedrock could not send it.

    `cut_after` and `fails_after` count events as a slice does: a cut closes the connection within the next event, a
    failure replaces the rest. Without `stop` or `usage` their event is not sent.
    """

    blocks: Sequence[Text | Reasoning | ToolUse] = (Text(("Bonjour",)),)
    stop: str | None = "end_turn"
    usage: Mapping[str, Any] | None = field(default_factory=lambda: tokens(1000, 200))
    more: Mapping[str, Any] | None = None
    """`additionalModelResponseFields`."""
    cut_after: int | None = None
    failure: Failure | None = None
    fails_after: int | None = None
    pause: Pause | None = None
    pace: float = 0

    def __post_init__(self) -> None:
        self.parts()

    def parts(self) -> list[bytes]:
        events = [stream_message(kind, body) for kind, body in self._events()]
        if self.failure is not None:
            return [*events[: self.fails_after], self.failure.event()]
        if self.cut_after is not None:
            torn = events[self.cut_after :][:1]
            return events[: self.cut_after] + [event[: len(event) // 2] for event in torn]
        return events

    def _events(self) -> Iterator[tuple[str, dict[str, Any]]]:
        yield "messageStart", {"role": "assistant"}
        for index, block in enumerate(self.blocks):
            if block.start is not None:
                yield "contentBlockStart", {"start": block.start, "contentBlockIndex": index}
            for delta in block.deltas():
                yield "contentBlockDelta", {"delta": delta, "contentBlockIndex": index}
            yield "contentBlockStop", {"contentBlockIndex": index}
        if self.stop is not None:
            yield "messageStop", {"stopReason": self.stop, **self._more()}
        if self.usage is not None:
            yield "metadata", {"usage": self.usage, "metrics": {"latencyMs": 1}}

    def whole(self) -> bytes:
        """The body of Converse's answer. Raises ValueError if the reply lacks a required part, such as usage."""
        message = {"role": "assistant", "content": [block.whole() for block in self.blocks]}
        answer = {"output": {"message": message}, "stopReason": self.stop, "usage": self.usage, **self._more()}
        return checked({**answer, "metrics": {"latencyMs": 1}}, operation("Converse").output_shape)

    def _more(self) -> dict[str, Any]:
        return {} if self.more is None else {"additionalModelResponseFields": self.more}


def says(*pieces: str, **rest: Any) -> Reply:
    return Reply((Text(pieces),), **rest)


def calls(*uses: ToolUse, before: Sequence[Text | Reasoning] = (), **rest: Any) -> Reply:
    """A reply that asks for tools, after the blocks `before`."""
    return Reply((*before, *uses), **{"stop": "tool_use", **rest})


@dataclass(frozen=True)
class Refusal:
    """An error by its code; a `status` marks one common to all services. Raises ValueError for an unknown code."""

    code: str
    message: str
    members: Mapping[str, Any] = field(default_factory=dict)
    status: int | None = None
    pause: Pause | None = None

    def __post_init__(self) -> None:
        self.answer()

    def answer(self) -> tuple[int, bytes, dict[str, str]]:
        body = {"message": self.message, **self.members}
        kind = f"{self.code}:http://internal.amazon.com/coral/com.amazon.bedrock/"
        headers = {"Content-Type": "application/json", "x-amzn-ErrorType": kind}
        if self.status is not None:
            return self.status, json.dumps(body).encode(), headers
        if self.code not in service().shape_names:
            raise ValueError(f"{self.code!r} is no error of {service().service_name}")
        shape = service().shape_for(self.code)
        return shape.metadata["error"]["httpStatusCode"], checked(body, shape), headers
