"""Answers of an OpenAI-compatible endpoint, hostile in every part and at every point of a stream."""

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from chatkeep.text import valid
from tests.faults.hostile_texts import (
    ARGUMENTS,
    BELIEVABLE,
    COUNTS,
    IDS,
    JSON,
    NAMES,
    SPOKEN,
    TEXTS,
    Heard,
    json_of,
    weighted,
)
from tests.provider import openai_refusals as refusals
from tests.provider.openai import Answer
from tests.provider.openai_refusals import Refusal
from tests.provider.openai_replies import ALL, NO_USAGE, Chunk, PlainJson, Reply, ToolCall, Usage, When
from tests.provider.server import HangUp

MISSING = object()


@dataclass(frozen=True)
class Warped(Reply):
    """A reply in which each of `swaps` replaces or removes a member of one of the chunks, or of the whole answer.

    The numbers of chunks and members wrap around."""

    swaps: Sequence[tuple[int, int, Any]] = ()

    def chunks(self, asked: Mapping[str, Any]) -> list[Chunk]:
        chunks = [copy.deepcopy(chunk) for chunk in super().chunks(asked)]
        for number, place, value in self.swaps:
            _swap(chunks[number % len(chunks)], place, value)
        return chunks

    def whole(self, asked: Mapping[str, Any]) -> Chunk:
        whole = copy.deepcopy(super().whole(asked))
        for _, place, value in self.swaps:
            _swap(whole, place, value)
        return whole


def _swap(chunk: Any, place: int, value: Any) -> None:
    slots = list(_slots(chunk))
    if not slots:
        return
    holder, key = slots[place % len(slots)]
    if value is not MISSING:
        holder[key] = value
    elif isinstance(holder, dict):
        del holder[key]


def _slots(value: Any) -> Iterator[tuple[Any, Any]]:
    """The places of all values, inner ones first, as most faults are there."""
    for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
        if isinstance(inner, dict | list):
            yield from _slots(inner)
        yield value, key


COUNTED = st.builds(
    lambda prompt, completion: {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    },
    BELIEVABLE,
    BELIEVABLE,
)
READABLE = json_of(st.text("ab \u0627", max_size=4))
"""OpenAI's client gives up a stream at a member with a lone surrogate or NUL in its name."""
DETAILS = st.dictionaries(st.sampled_from(["cached_tokens", "reasoning_tokens", "audio_tokens"]), COUNTS) | READABLE
MISCOUNTED = st.fixed_dictionaries(
    {},
    optional={
        "prompt_tokens": COUNTS,
        "completion_tokens": COUNTS,
        "total_tokens": COUNTS,
        "prompt_tokens_details": DETAILS,
        "completion_tokens_details": DETAILS,
        "cost": COUNTS,
    },
)
WHENS = st.sampled_from([When.TWICE, When.CUMULATIVE, *When])
HONEST = st.builds(Usage, COUNTED, WHENS)
USAGES = weighted(
    (4, HONEST),
    (1, st.just(NO_USAGE)),
    (2, st.builds(Usage, MISCOUNTED, WHENS)),
    (1, st.builds(Usage, READABLE, WHENS)),
)

CALLS = st.lists(
    st.builds(
        ToolCall,
        st.none() | IDS,
        st.none() | NAMES,
        ARGUMENTS,
        pieces=st.integers(0, 5),
        index=st.none() | st.integers(0, 2) | st.sampled_from([-1, 7]),
    ),
    max_size=3,
)
CODES = ["server_error", "rate_limit_exceeded", "insufficient_quota", "context_length_exceeded", "overloaded_error"]
CODES += [
    "invalid_api_key",
    "model_not_found",
    "content_filter",
    400,
    401,
    402,
    404,
    413,
    429,
    500,
    503,
    "529",
    None,
    0,
    [1],
    {},
]
ERRORS = st.fixed_dictionaries(
    {"message": TEXTS | st.sampled_from(["The prompt is too long.", "billing"]) | JSON},
    optional={"code": st.sampled_from(CODES), "type": st.sampled_from(CODES), "param": JSON},
)
FINISHES = st.sampled_from(["stop", "length", "tool_calls", "content_filter", "function_call", "eos", "", None]) | TEXTS
PARTS: dict[str, Any] = {
    "words": SPOKEN,
    "tool_calls": weighted((1, st.just(())), (2, CALLS)),
    "refusal": weighted((3, st.just(())), (1, SPOKEN)),
    "reasoning": st.just(()) | SPOKEN,
    "reasoning_member": st.sampled_from(["reasoning_content", "reasoning"]),
    "finish": FINISHES,
    "usage": USAGES,
    "model": st.none() | TEXTS,
    "cut_after": weighted((2, st.none()), (1, st.integers(0, 12))),
    "error_event": weighted((2, st.none()), (1, ERRORS | JSON)),
    "error_after": st.integers(0, 8) | st.just(ALL),
    "done": st.booleans(),
}
REPLIES = st.builds(Reply, **PARTS)
ENDED = st.builds(Reply, **{**PARTS, "cut_after": st.none(), "error_event": st.none()})
WARPED = st.builds(
    Warped,
    **PARTS,
    swaps=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 30), st.just(MISSING) | JSON), min_size=1, max_size=3),
)

DATES = [
    "Wed, 21 Oct 2015 07:28:00 GMT",
    "Wed, 21 Oct 2099 07:28:00 +9999",
    "Wed, 99 Foo 2099",
    "1 Jan 0001 00:00:00 +1400",
]
WAITS = (
    st.sampled_from(["0", "0.001", "7", "120", "1e300", "1e400", "nan", "-1", "", "soon"])
    | st.sampled_from(DATES)
    | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
)
"""Values of Retry-After: at once, or longer than a turn would wait."""
HEADERS = st.dictionaries(st.sampled_from(["Retry-After", "retry-after-ms"]), WAITS, max_size=2)
STATUSES = st.sampled_from([300, 400, 401, 402, 403, 404, 405, 408, 409, 413, 418, 422, 425, 429, 499])
STATUSES |= st.sampled_from([500, 501, 502, 503, 504, 507, 520, 529, 599])
BODIES = st.one_of(
    ERRORS.map(lambda error: {"error": error}),
    ERRORS,
    JSON.map(lambda value: {"error": value}),
    JSON.map(json.dumps),
    st.sampled_from([refusals.proxy_page().body, "", b"\xff\xfe", "data: {}"]),
)
REFUSALS = st.builds(Refusal, STATUSES, BODIES, HEADERS)
KNOWN_REFUSALS = st.sampled_from(
    [
        refusals.context_too_long(),
        refusals.vllm_context_too_long(),
        refusals.unsupported_parameter("temperature"),
        refusals.unsupported_value("temperature", 0.7),
        refusals.invalid_api_key(),
        refusals.not_allowed(),
        refusals.model_not_found(),
        refusals.credits_used_up(),
        refusals.rate_limited(),
        refusals.rate_limited(None),
        refusals.quota_used_up(),
        refusals.server_error(),
        refusals.unavailable(None),
        refusals.overloaded(),
        refusals.proxy_page(),
        refusals.proxy_page(200, "OK"),
    ]
)
EVENTS = (
    st.sampled_from([b"[DONE]", b"null", b"1", b"[]", b"{", b"\xff", b'{"choices": null}', b"{}\r\n"]).map(
        b"data: ".__add__
    )
    | st.sampled_from([b"", b": a comment", b"event: error\ndata: {}", b"id: 1"])
    | JSON.map(lambda value: b"data: " + json.dumps(value).encode())
)
SPOKEN_EVENT = b'data: {"choices": [{"index": 0, "delta": {"content": "Well"}}]}'
TYPES = st.sampled_from(["text/event-stream", "application/json", "text/html", "text/plain; charset=utf-16", "?"])
NOISE = st.builds(
    lambda events, kind: refusals.verbatim(b"".join(event + b"\n\n" for event in events), kind),
    st.lists(EVENTS | st.just(SPOKEN_EVENT), max_size=6),
    TYPES,
)

ANSWERS: st.SearchStrategy[Answer] = weighted(
    (8, ENDED),
    (4, REPLIES),
    (4, WARPED),
    (2, ENDED.map(PlainJson)),
    (1, REPLIES.map(PlainJson)),
    (2, WARPED.map(PlainJson)),
    (2, REFUSALS),
    (1, KNOWN_REFUSALS),
    (2, NOISE),
    (1, st.just(HangUp())),
)


def heard(answer: Answer, streams: bool) -> Heard | None:
    """The expected reading of `answer` if it is not refused, or None if it is unpredictable."""
    reply, streams = (answer.reply, False) if isinstance(answer, PlainJson) else (answer, streams)
    if type(reply) is not Reply or (reply.words and reply.refusal):
        return None
    pieces = reply.words or reply.refusal
    if reply.cut_after is None and reply.error_event is None:
        calls = len(reply.tool_calls) if _are_apart(reply.tool_calls) or not streams else None
        return Heard([valid("".join(pieces))], True, calls, _counted(reply.usage))
    if not streams or 0 in (reply.cut_after, reply.error_after):
        return None  # the request is retried
    return Heard([valid("".join(pieces[:count])) for count in range(len(pieces) + 1)])


def _are_apart(calls: Sequence[ToolCall]) -> bool:
    """Whether a stream shows clearly where one call ends and the next begins."""
    ids = {call.id for call in calls if call.id}
    return len(ids) == len(calls) or all(call.index is None for call in calls)


def _counted(usage: Usage) -> tuple[int, int] | None:
    match usage.tokens:
        case {"prompt_tokens": int(read), "completion_tokens": int(written), "total_tokens": total, **rest} if (
            not rest and usage.when is not When.NEVER and min(read, written) > 0 and total == read + written
        ):
            return read, written
    return None
