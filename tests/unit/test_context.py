"""Where a conversation is cut, what is left of it, and what providers say of their limits."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk

from chatkeep.agent.context import learned, material, shortening, trimming
from chatkeep.agent.context.conversation import TRIMMED_TO, Conversation
from chatkeep.agent.models import failures
from chatkeep.turns import summaries, token_estimates
from chatkeep.turns.summaries import Summary

REFUSALS = {
    "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.": 8192,
    "This model's maximum context length is 8,192 tokens. However, you requested 9100 tokens (9000 in ...)": 8192,
    "request (9000 tokens) exceeds the available context size (4096 tokens), try increasing it": 4096,
    "prompt is too long: 212000 tokens > 200000 maximum": 200_000,
    "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).": 1_048_576,
    "input length and `max_tokens` exceed context limit: 195000 + 8192 > 200000, decrease input length": 200_000,
    "This model's maximum prompt length is 131072 but the request contains 537812 tokens.": 131_072,
    "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8193. Given: 9000 `inputs` tokens": 8193,
    "Input validation error: `inputs` must have less than 4096 tokens. Given: 9000": 4096,
    "too many tokens: total number of tokens in the prompt cannot exceed 4081 tokens": 4081,
    "context length is only 8192 tokens": 8192,
    "The input (9000 tokens) is longer than the model's context length (8192 tokens).": 8192,
    "Invalid request: Your request exceeded model token limit: 262144 (requested: 269030)": 262_144,
    "model max length exceeded, max length:8192": 8192,
    "Input length 203743 exceeds the maximum length 202752": 202_752,
    "Please reduce the length of the messages or completion.": None,
    "invalid params, context window exceeds limit (2013)": None,
    "This exceeds the model's context length by 700 tokens. The limit is 8192.": None,
    "Prompt exceeds max length": None,
    "prompt token count of 9000 exceeds the limit of 8192": 8192,
    "Range of input length should be [1, 30720]": 30_720,
    "max_tokens must be at least 1, got -512.": None,
    "the number of input tokens 9000 cannot exceed the total tokens limit 8192 for this model": 8192,
    "Too many input tokens. Max input tokens: 8192, request input token count: 9000": 8192,
    "The decoder prompt (length 9000) is longer than the maximum model length of 8192.": 8192,
    "Please reduce the length of the messages or completion. Current length is 9000 while limit is 8192": 8192,
    "Prompt contains 40000 tokens, too large for model with 32768 maximum context length": None,
    "#/messages/0/content: expected maxLength: 50000, actual: 60000": None,
    "Input is too long for requested model.": None,
    "maximum context length is 7 tokens": None,
    "maximum context length is " + "9" * 400: None,
}


@pytest.mark.parametrize(("said", "limit"), REFUSALS.items())
def test_a_limit_is_learned_from_a_refusal_that_names_it(said: str, limit: int | None) -> None:
    learned.forget()
    assert learned.learn("openai:m", said) == limit == learned.limit("openai:m")
    learned.forget()


def test_a_limit_under_what_was_read_is_none() -> None:
    learned.forget()
    assert learned.learn("openai:m", "This model's maximum context length is 4096 tokens.", read=5_000) is None
    assert learned.limit("openai:m") is None


@pytest.mark.parametrize("said", REFUSALS)
def test_a_refusal_for_the_length_of_a_prompt_is_known(said: str) -> None:
    assert failures.is_too_long(Exception(said))


@pytest.mark.parametrize(
    "said",
    [
        "max_tokens is too large: 9000. This model supports at most 4096 completion tokens.",
        "Too many tokens, please wait before trying again.",
        "Invalid value for 'temperature'",
        "the name of the tool exceeds the maximum length of 64",
        "max_tokens cannot exceed 4096",
        "max_completion_tokens cannot exceed 4096",
        "Unrecognized request argument supplied: context_size",
        "Unsupported parameter: 'context_limit' is not supported with this model.",
        "#/stopSequences/0: expected maxLength: 20, actual: 30",
        "`max_tokens` must be less than or equal to `8192`, the maximum value is less than the `context_window`",
    ],
)
def test_another_refusal_is_not_taken_for_one(said: str) -> None:
    assert not failures.is_too_long(Exception(said))


def turn(number: int, tools: int = 0, words: int = 5) -> list[BaseMessage]:
    made: list[BaseMessage] = [HumanMessage(f"question {number} " + "so " * words, id=f"q{number}")]
    for at in range(tools):
        name = f"{number}-{at}"
        made.append(AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": name}], id=f"c{name}"))
        made.append(ToolMessage("result " + "so " * words, tool_call_id=name, id=f"r{name}"))
    return [*made, AIMessage(f"answer {number}", id=f"a{number}")]


THREADS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 400)), min_size=1, max_size=8).map(
    lambda shapes: [one for at, (tools, words) in enumerate(shapes) for one in turn(at, tools, words)]
)


def is_whole(messages: list[BaseMessage]) -> bool:
    """Whether each result comes after its call."""
    called: set[str | None] = set()
    for one in messages:
        if isinstance(one, AIMessage):
            called |= {call["id"] for call in one.tool_calls}
        if isinstance(one, ToolMessage) and one.tool_call_id not in called:
            return False
    return True


@given(THREADS, st.integers(0, 8))
def test_no_cut_parts_a_result_from_its_call(thread: list[BaseMessage], left_out: int) -> None:
    prompt = [SystemMessage("be kind"), *thread[: max(1, len(thread) - left_out)]]
    conversation = Conversation.of(prompt)
    for cut in conversation.cuts():
        assert is_whole(conversation.messages[cut:])
        given_ = conversation.summarised("so far", cut).given()
        assert given_[0] == prompt[0]
        assert "so far" in given_[1].text
        assert any(isinstance(one, HumanMessage) for one in given_[2:]), "the question stays"


@given(THREADS, st.integers(60, 2_000))
def test_what_is_trimmed_fits_and_ends_as_it_did(thread: list[BaseMessage], room: int) -> None:
    prompt = [SystemMessage("be kind"), *thread]
    kept = trimming.trimmed(Conversation.of(prompt), room)
    least = len(kept) * (token_estimates.MESSAGE_TOKENS + shortening.LEAST_TOKENS)
    assert token_estimates.prompt_tokens(kept) <= 1.1 * max(room, least), "the middle is cut by characters"
    assert (kept[0], kept[-1].id, is_whole(kept)) == (prompt[0], prompt[-1].id, True)
    asked = [one.id for one in thread if isinstance(one, HumanMessage)][-1]
    assert [one.id for one in kept].count(asked) == 1, "the question stays"


@given(THREADS)
def test_a_summary_stands_for_messages_that_are_there(thread: list[BaseMessage]) -> None:
    carrier = AIMessage("well", id="w")
    summaries.put_on(carrier, Summary("so far", str(thread[-1].id), "next"))
    whole = [*thread, HumanMessage("next", id="next"), carrier, HumanMessage("last", id="last")]
    found = summaries.standing(whole)
    assert found is not None
    assert (found.covered, found.carrier) == (len(thread), len(thread) + 1)
    assert [one.id for one in summaries.given(whole)] == [None, "next", "w", "last"]
    assert summaries.given(whole[len(thread) :]) == whole[len(thread) :], "a graph may show its model less"


@pytest.mark.parametrize(
    "stored", [None, 1, {}, {"text": 1, "until": "x"}, {"text": "x"}, {"text": "x", "until": None}]
)
def test_what_others_leave_in_a_message_is_no_summary(stored: object) -> None:
    assert summaries.carried(AIMessage("x", response_metadata={summaries.KEY: stored})) is None


def test_reported_tokens_count_where_there_are_some() -> None:
    usage = {
        "input_tokens": 900,
        "output_tokens": 100,
        "total_tokens": 1_000,
        "output_token_details": {"reasoning": 40},
    }
    rest = [AIMessage("answer", id="a", usage_metadata=usage), HumanMessage("and?", id="q")]
    conversation = Conversation.of([*turn(1, words=900)[:-1], *rest])
    assert conversation.takes_more_than(960)
    assert not conversation.takes_more_than(985)
    assert 0.9 < conversation.ratio() < 1.1
    assert Conversation.of([*turn(1, words=100)[:-1], *rest]).ratio() < 3.0, "a short prompt tells little"


@pytest.mark.parametrize(("reported", "ratio"), [(90_000, 8.0), (1, 0.25), (1_000, 1.0)])
def test_no_tokenizer_counts_so_many_more_or_fewer(reported: int, ratio: float) -> None:
    usage = UsageMetadata(input_tokens=reported, output_tokens=1, total_tokens=reported + 1)
    thread = [*turn(1, words=1_000)[:-1], AIMessage("answer", id="a", usage_metadata=usage)]
    assert Conversation.of(thread).ratio() == pytest.approx(ratio, rel=0.1)


def test_what_is_reported_of_a_part_is_not_taken_for_the_whole() -> None:
    usage = UsageMetadata(input_tokens=1_000, output_tokens=1, total_tokens=1_001)
    carried: dict[str, Any] = {TRIMMED_TO: 500}
    thread = [
        *turn(1, words=900)[:-1],
        AIMessage("answer", id="a", usage_metadata=usage, response_metadata=carried),
        HumanMessage("and?", id="q"),
    ]
    conversation = Conversation.of(thread)
    assert conversation.ratio() == 2.0
    assert conversation.takes_more_than(1_500), "of 900 words"


ARGUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30) | st.just("so on " * 2_000),
    lambda inner: st.lists(inner, max_size=30) | st.dictionaries(st.text(max_size=12), inner, max_size=30),
    max_leaves=60,
)
CONTENT = st.text(max_size=40) | st.lists(
    st.sampled_from(
        [
            "so " * 900,
            {"type": "text", "text": "so " * 900},
            {"type": "output", "content": [{"type": "text", "text": "so " * 900}]},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 9_000}},
            {"type": "text"},
            {"json": {"found": ["so " * 300] * 3}},
            {"type": "output", "content": [{"type": "json", "json": {str(at): at for at in range(900)}}]},
            {"json": ["so on "] * 900},
        ]
    ),
    max_size=4,
)


@given(
    st.lists(st.tuples(CONTENT, st.dictionaries(st.text(max_size=12), ARGUMENTS, max_size=40)), max_size=5),
    st.integers(100, 4_000),
)
def test_whatever_is_long_is_shortened(shapes: list[tuple[Any, dict[str, Any]]], room: int) -> None:
    messages: list[BaseMessage] = []
    for at, (content, arguments) in enumerate(shapes):
        call = {"name": "f", "args": arguments, "id": f"c{at}"}
        broken = {"name": "f", "args": "{" + "so on " * 2_000, "id": f"b{at}", "error": None}
        invalid = [broken] if at % 2 else []
        messages.append(AIMessage(content, tool_calls=[call], invalid_tool_calls=invalid))
    images = sum(str(one.content).count("base64") for one in messages)
    short = shortening.shortened(messages, room)
    parts = sum(1 + len(one.content) for one in messages) + 3 * len(messages)
    least = 90 * parts + token_estimates.MEDIA_TOKENS * images
    assert token_estimates.prompt_tokens(short) <= 1.5 * room + least
    assert [[call["id"] for call in one.tool_calls] for one in short if isinstance(one, AIMessage)] == [
        [f"c{at}"] for at in range(len(shapes))
    ]
    assert json.dumps([one.tool_calls for one in short if isinstance(one, AIMessage)])


def test_the_systems_messages_stay_where_a_summary_stands_too() -> None:
    carrier = AIMessage("well", id="w")
    thread = [
        *turn(1),
        *turn(2, words=2_000),
        SystemMessage("be brief"),
        *turn(3, words=2_000),
        HumanMessage("?", id="q"),
    ]
    summaries.put_on(carrier, Summary("so far", "a1", "q2"))
    prompt = [SystemMessage("be kind"), *thread[:-1], carrier, thread[-1]]
    kept = trimming.trimmed(Conversation.of(prompt), 500)
    assert [one.text for one in kept[:2]] == ["be kind", "be brief"]
    assert "so far" in kept[2].text
    assert kept[-1].id == "q"


def test_a_summary_is_made_of_what_is_no_text_too() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    file = {"type": "file", "file": {"file_data": "AAAA"}}
    messages = [
        HumanMessage([{"type": "text", "text": "What is <this>?"}, image, file, {"type": "text", "text": 5}]),
        AIMessage([{"type": "reasoning", "reasoning": "hm"}, "A harbour."]),
        ToolMessage([{"type": "output", "content": [{"type": "text", "text": "a result"}]}], tool_call_id="c"),
        ToolMessage([{"json": {"found": "a ship"}}], tool_call_id="d"),
    ]
    shown = material.shown(messages, 500)
    assert "What is &lt;this&gt;?\n[image]\n[file]" in shown
    assert all(words in shown for words in ("A harbour.", "a result", "a ship"))
    assert not any(words in shown for words in ("AAAA", "hm"))


def test_what_is_given_beside_a_thread_is_no_part_of_how_its_tokens_are_counted() -> None:
    thread: list[BaseMessage] = []
    for number in range(4):
        thread += turn(number, words=400)
        read = 9_000 + 2 * token_estimates.prompt_tokens(thread[:-1])
        thread[-1] = AIMessage(
            "ok",
            id=f"a{number}",
            usage_metadata=UsageMetadata(input_tokens=read, output_tokens=1, total_tokens=read + 1),
        )
    assert Conversation.of(thread).slope() == pytest.approx(2.0, rel=0.1)
    assert Conversation.of(thread).ratio() > 3.0
    assert Conversation.of(thread[:2]).slope() == 1.0


class Unread:
    def __str__(self) -> str:
        return "a moment"


def test_arguments_that_are_no_json_stand_in_what_a_summary_is_made_of() -> None:
    called = AIMessage(
        "",
        tool_calls=[{"name": "f", "args": {"when": Unread()}, "id": "c"}],
        invalid_tool_calls=[{"name": "g", "args": "{broken", "id": "b", "error": None, "type": "invalid_tool_call"}],
    )
    shown = material.shown([called], 500)
    assert all(words in shown for words in ("a moment", "[g: {broken]"))


@pytest.mark.parametrize("text", ["<b>&amp;</b>" * 2_000, "if (a < b && c > d) { e = &f; }\n" * 800, "so on " * 9_000])
def test_what_a_summary_is_made_of_fits_with_its_escapes(text: str) -> None:
    shown = material.shown([HumanMessage(text), AIMessage("ok"), HumanMessage(text)], 3_000)
    assert 1_000 < token_estimates.tokens(shown) < 3_200


def test_a_chunk_is_shortened_as_a_message_is() -> None:
    call = tool_call_chunk(name="f", args=json.dumps({"text": "so on " * 4_000}), id="c", index=0)
    short = shortening.shortened(
        [HumanMessage("so " * 300, id="q"), AIMessageChunk("", tool_call_chunks=[call])], 2_000
    )
    assert short[0].text == "so " * 300
    assert token_estimates.prompt_tokens(short) < 2_100
