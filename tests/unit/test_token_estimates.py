"""Estimated token counts: their distance from counted ones, and the rules for every text and message.

`token_counts.json` holds texts that the weights were not fitted to. To count them anew:
`npm install gpt-tokenizer@4.0.0`, then in Node.js `require("gpt-tokenizer/encoding/o200k_base").encode(text).length`.
"""

import json
from collections import defaultdict
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from chatkeep.turns.token_estimates import (
    MEDIA_TOKENS,
    MESSAGE_TOKENS,
    OTHER_TOKENS,
    PRIMING_TOKENS,
    answer_tokens,
    prompt_tokens,
    tokens,
)
from tests.cases import one_in

SAMPLES = json.loads((Path(__file__).parent / "token_counts.json").read_text(encoding="utf-8"))["samples"]
BY_KIND: dict[str, list[dict[str, Any]]] = defaultdict(list)
for _sample in SAMPLES:
    BY_KIND[_sample["kind"]].append(_sample)
MAIN_KINDS = {"english", "german", "chinese", "japanese", "code"}
ERROR_OF_A_MAIN_KIND = 0.08
ERROR_OF_ANOTHER_KIND = 0.15
ERROR_OF_A_LONG_TEXT = 0.20
LONG_TEXT = 40
"""Tokens. One word can halve or double the count of a shorter text."""

THOUGHT = "Six times nine is 54, so it must be six times seven."

FRAGMENTS = (
    *("the ", " of", "ing", "a", "Ab", "ABCDEFG", "under", "standing", "I ", "'", "_", "x_y", "12", "3456", "\x00"),
    *("  ", "\n", "\t", "\r\n", "\u00a0", "\u3000", "-", "---", "----", "=", "(", ").", '"', "#", "***", "..."),
    *(
        "中",
        "文字",
        "か",
        "な",
        "カ",
        "ナー",
        "。",
        "「",
        "한",
        "국어",
        "при",
        "вет",
        " سلام",
        "न",
        "मस्ते",
        "ไทย",
        "αβγδ",
    ),
    *("é", "ß", "ğ", "łó", "🔥", "👍🏽", "\u200d", "\ufe0f", "\ud800", "\u2014", "\u2026", "\u201c"),
)
texts = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=3), max_size=25).map("".join)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "text", "content", "image", "summary", "args"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def error(samples: list[dict[str, Any]]) -> float:
    counted = sum(sample["tokens"] for sample in samples)
    return sum(tokens(sample["text"]) for sample in samples) / counted - 1


@pytest.mark.parametrize("kind", BY_KIND)
def test_the_estimate_of_a_kind_of_text_is_near_its_count(kind: str) -> None:
    assert abs(error(BY_KIND[kind])) <= (ERROR_OF_A_MAIN_KIND if kind in MAIN_KINDS else ERROR_OF_ANOTHER_KIND)


@pytest.mark.parametrize("kind", BY_KIND)
def test_the_estimate_of_a_long_text_is_near_its_count(kind: str) -> None:
    for sample in BY_KIND[kind]:
        assert sample["tokens"] < LONG_TEXT or abs(error([sample])) <= ERROR_OF_A_LONG_TEXT, sample["text"]


def test_only_no_text_has_no_tokens() -> None:
    assert tokens("") == 0
    assert [tokens(text) for text in ("a", " ", "\n", "\x00", "\ud800", "ก", "ğ", "字")] == [1] * 8


@given(texts, texts)
def test_a_concatenation_has_the_tokens_of_its_parts(first: str, second: str) -> None:
    joined = tokens(first + second)
    assert max(tokens(first), tokens(second)) <= joined <= tokens(first) + tokens(second) + 1


def test_a_text_never_loses_tokens_while_it_is_written() -> None:
    text = "Geschwindigkeitsbegrenzung heißt speed limit, and that is the opposite of Höchstgeschwindigkeit for you .\n"
    counts = [tokens(text[:end]) for end in range(len(text) + 1)]
    assert counts == sorted(counts)


@pytest.mark.parametrize(
    "unit", one_in(4, [" ", "\n", " \n", " \t", "a", "A", "-", "- ", "'", "the ", "中", "кот", "\ud800"])
)
def test_no_text_takes_more_than_linear_time(unit: str) -> None:
    text = unit * (500_000 // len(unit)) + "."
    started = perf_counter()
    tokens(text)
    assert perf_counter() - started < 5  # 0.2 s on a slow machine; if it were quadratic, hours


def test_a_prompt_is_its_texts_and_a_frame_for_each() -> None:
    messages = [SystemMessage("You are kind."), HumanMessage("你好世界"), ToolMessage("42", tool_call_id="call-1")]
    said = sum(tokens(str(message.content)) for message in messages)
    assert prompt_tokens(messages) == PRIMING_TOKENS + 3 * MESSAGE_TOKENS + said
    assert prompt_tokens([]) == PRIMING_TOKENS


def test_an_image_counts_the_same_however_many_bytes_it_has() -> None:
    blocks: list[str | dict[str, Any]] = [
        "Look: ",
        {"type": "text", "text": "a cat"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "iVBORw0K" * 10_000}},
        {"type": "image", "base64": "iVBORw0K" * 10_000, "mime_type": "image/png"},
        {"cachePoint": {"type": "default"}},
        {"json": {"seen": "a ship"}},
    ]
    said = tokens("Look: ") + tokens("a cat") + tokens('{"seen": "a ship"}') + 2 * MEDIA_TOKENS + OTHER_TOKENS
    assert prompt_tokens([HumanMessage(blocks)]) == PRIMING_TOKENS + MESSAGE_TOKENS + said


@pytest.mark.parametrize(
    "block",
    [
        {"type": "reasoning", "reasoning": THOUGHT},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": THOUGHT}]},
        {"type": "thinking", "thinking": THOUGHT, "signature": "c2lnbmF0dXJl" * 50},
        {"type": "reasoning_content", "reasoning_content": {"text": THOUGHT, "signature": "c2ln"}},
    ],
)
def test_reasoning_counts_where_it_was_made_and_not_where_it_is_sent_again(block: dict[str, Any]) -> None:
    message = AIMessage([block, {"type": "text", "text": "42"}])
    assert answer_tokens(message) == tokens(THOUGHT) + tokens("42")
    assert prompt_tokens([message]) == PRIMING_TOKENS + MESSAGE_TOKENS + OTHER_TOKENS + tokens("42")


def test_reasoning_beside_the_content_counts() -> None:
    message = AIMessage("42", additional_kwargs={"reasoning_content": THOUGHT})
    assert answer_tokens(message) == tokens(THOUGHT) + tokens("42")


def test_a_tool_call_counts_once_with_its_name_and_arguments() -> None:
    arguments = {"city": "München"}
    call = {"name": "weather", "args": arguments, "id": "call-1", "type": "tool_call"}
    block = {"type": "tool_use", "name": "weather", "input": arguments, "id": "call-1"}
    expected = MESSAGE_TOKENS + tokens("weather") + tokens('{"city": "München"}')
    for message in (AIMessage("", tool_calls=[call]), AIMessage([block], tool_calls=[call])):
        assert answer_tokens(message) == expected
        assert prompt_tokens([message]) == PRIMING_TOKENS + MESSAGE_TOKENS + expected


def test_a_broken_or_interrupted_tool_call_counts_by_what_was_written() -> None:
    raw = '{"path": "notes.txt", "text": "once upon a'
    broken = AIMessage("", invalid_tool_calls=[{"name": "write", "args": raw, "id": "call-1", "error": None}])
    cut = AIMessageChunk("", tool_call_chunks=[{"name": "write", "args": raw, "id": "call-1", "index": 0}])
    assert answer_tokens(broken) == answer_tokens(cut) == MESSAGE_TOKENS + tokens("write") + tokens(raw)


@given(anything, anything)
def test_no_content_and_no_arguments_raise(content: Any, arguments: Any) -> None:
    call = {"name": "any", "args": arguments, "id": None, "type": "tool_call"}
    message = AIMessage.model_construct(content=content, tool_calls=[call], additional_kwargs={}, invalid_tool_calls=[])
    assert answer_tokens(message) >= MESSAGE_TOKENS
    assert prompt_tokens([message]) >= PRIMING_TOKENS + 2 * MESSAGE_TOKENS


def test_arguments_that_json_cannot_write_do_not_raise() -> None:
    cyclic: dict[str, Any] = {}
    cyclic["itself"] = cyclic
    for arguments in (cyclic, {"at": object()}, {"lone": "\ud800"}):
        message: BaseMessage = AIMessage("", tool_calls=[{"name": "any", "args": arguments, "id": None}])
        assert prompt_tokens([message]) > PRIMING_TOKENS + MESSAGE_TOKENS
