"""Answers of an OpenAI-compatible endpoint: their content, their chunks, and the place where they break."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from tests.provider.pauses import Pause
from tests.provider.texts import cut_up

Chunk = dict[str, Any]

ALL = sys.maxsize
"""A value of `cut_after` and `error_after`: after the last chunk, but before the stream's end mark."""

TOKENS = {
    "prompt_tokens": 120,
    "completion_tokens": 40,
    "total_tokens": 160,
    "prompt_tokens_details": {"cached_tokens": 100},
    "completion_tokens_details": {"reasoning_tokens": 30},
}


class When(StrEnum):
    """The chunks of a stream that report usage."""

    NEVER = "no chunk"
    ASKED = "one of its own at the end, if stream_options asks for it (OpenAI)"
    ALONE = "one of its own at the end"
    FINISHING = "the one with the finish reason"
    TWICE = "the one with the finish reason, and one of its own after it"
    CUMULATIVE = "every one, with what it came to so far (vLLM's continuous_usage_stats)"
    FIRST = "the first one"


@dataclass(frozen=True)
class Usage:
    """`tokens` is sent unchanged, however absurd. A whole answer reports it unless `when` is NEVER."""

    tokens: Any = field(default_factory=lambda: TOKENS)
    when: When = When.ASKED

    def so_far(self, sent: int, of: int) -> Any:
        """The usage after `sent` chunks; a report without counts stays as it is."""
        match self.tokens:
            case {"prompt_tokens": int(prompt), "completion_tokens": int(completion)}:
                spent = completion * sent // of
                return {**self.tokens, "completion_tokens": spent, "total_tokens": prompt + spent}
        return self.tokens


NO_USAGE = Usage(when=When.NEVER)


@dataclass(frozen=True)
class ToolCall:
    """`arguments` is raw text, JSON or not, in `pieces` chunks after the one with the name, or in that one for 0.

    `index` is its position among the calls unless told otherwise: some endpoints number every call 0.
    """

    id: str | None
    name: str | None
    arguments: str = "{}"
    pieces: int = 1
    index: int | None = None

    def deltas(self, position: int) -> Iterator[Chunk]:
        index = position if self.index is None else self.index
        function = {"name": self.name, "arguments": "" if self.pieces else self.arguments}
        yield {"index": index, "id": self.id, "type": "function", "function": function}
        for piece in cut_up(self.arguments, self.pieces):
            yield {"index": index, "function": {"arguments": piece}}

    def whole(self) -> Chunk:
        return {"id": self.id, "type": "function", "function": {"name": self.name, "arguments": self.arguments}}


@dataclass(frozen=True)
class Shapeless(ToolCall):
    """An entry that stands in the place of a call."""

    id: Any = None
    name: Any = None

    def deltas(self, position: int) -> Iterator[Any]:
        yield self.id

    def whole(self) -> Any:
        return self.id


@dataclass(frozen=True)
class Reply:
    """One completion.

    `words`, `refusal` and `reasoning` are sent a piece per chunk, lone surrogates as their JSON escapes. `model` is
    the one that claims to answer, else the one asked for. `cut_after`, `error_after` and the pause's `after` count
    chunks, the opening one with the role included, as a slice does: -1 is before the last. A cut closes the connection
    in the middle of the body; `error_event` ends the stream with an error in it, or, `bare_error`, with one that is
    the whole event, as vLLM's was. `done` says whether `[DONE]` is sent.
    """

    words: Sequence[str] = ("Hello", " there")
    tool_calls: Sequence[ToolCall] = ()
    refusal: Sequence[str] = ()
    reasoning: Sequence[str] = ()
    reasoning_member: str = "reasoning_content"
    finish: str | None = "stop"
    usage: Usage = field(default_factory=Usage)
    model: str | None = None
    cut_after: int | None = None
    error_event: Any = None
    error_after: int = ALL
    bare_error: bool = False
    done: bool = True
    pause: Pause | None = None
    pace: float = 0
    """Seconds before each chunk."""

    def chunks(self, asked: Mapping[str, Any]) -> list[Chunk]:
        """The chunks of an unbroken stream."""
        last = [self._finishing()] if self.finish is not None or self.usage.when in _WITH_FINISH else []
        choices = [_choice(delta) for delta in self._deltas()] + last
        chunks = [{**self._envelope(asked, "chat.completion.chunk"), "choices": [one]} for one in choices]
        self._report_usage(chunks)
        if self.usage.when is When.ASKED and _wants_usage(asked):
            chunks = [{**chunk, "usage": None} for chunk in chunks]
        elif self.usage.when not in _ALONE:
            return chunks
        return [*chunks, {**chunks[0], "choices": [], "usage": self.usage.tokens}]

    def whole(self, asked: Mapping[str, Any]) -> Chunk:
        """The reply in one body."""
        if self.error_event is not None:
            return self.error()
        said = {
            "content": "".join(self.words) if self.words else None,
            "refusal": "".join(self.refusal) if self.refusal else None,
            **({"tool_calls": [call.whole() for call in self.tool_calls]} if self.tool_calls else {}),
            **({self.reasoning_member: "".join(self.reasoning)} if self.reasoning else {}),
        }
        choice = {"index": 0, "message": {"role": "assistant", **said}, "logprobs": None, "finish_reason": self.finish}
        usage = {} if self.usage.when is When.NEVER else {"usage": self.usage.tokens}
        return {**self._envelope(asked, "chat.completion"), "choices": [choice], **usage}

    def error(self) -> Chunk:
        """The event or the body with the error."""
        return {"object": "error", **self.error_event} if self.bare_error else {"error": self.error_event}

    def _deltas(self) -> Iterator[Chunk]:
        yield {"role": "assistant", "content": "", "refusal": None}
        yield from ({self.reasoning_member: piece} for piece in self.reasoning)
        yield from ({"content": word} for word in self.words)
        yield from ({"refusal": piece} for piece in self.refusal)
        for position, call in enumerate(self.tool_calls):
            yield from ({"tool_calls": [delta]} for delta in call.deltas(position))

    def _finishing(self) -> Chunk:
        return {**_choice({}), "finish_reason": self.finish}

    def _envelope(self, asked: Mapping[str, Any], kind: str) -> Chunk:
        model = self.model if self.model is not None else asked.get("model")
        return {"id": "chatcmpl-1", "object": kind, "created": 1, "model": model, "system_fingerprint": "fp_1"}

    def _report_usage(self, chunks: list[Chunk]) -> None:
        if self.usage.when in _WITH_FINISH:
            chunks[-1]["usage"] = self.usage.tokens
        elif self.usage.when is When.FIRST:
            chunks[0]["usage"] = self.usage.tokens
        elif self.usage.when is When.CUMULATIVE:
            for number, chunk in enumerate(chunks, 1):
                chunk["usage"] = self.usage.so_far(number, len(chunks))


_WITH_FINISH = (When.FINISHING, When.TWICE)
_ALONE = (When.ALONE, When.TWICE)


def _choice(delta: Chunk) -> Chunk:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}


def _wants_usage(asked: Mapping[str, Any]) -> bool:
    return bool((asked.get("stream_options") or {}).get("include_usage"))


@dataclass(frozen=True)
class PlainJson:
    """The reply in one body of JSON, though a stream was asked for."""

    reply: Reply


@dataclass(frozen=True)
class Mislabelled:
    """The reply as the requested stream, under another content type."""

    reply: Reply
    content_type: str


def says(*words: str, **rest: Any) -> Reply:
    return Reply(words, **rest)


def calls(*tool_calls: ToolCall, **rest: Any) -> Reply:
    """A reply that asks for tools, without text unless given `words`."""
    return replace(Reply(words=(), tool_calls=tool_calls, finish="tool_calls"), **rest)
