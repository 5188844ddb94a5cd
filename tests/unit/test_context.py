"""Where a conversation is cut, what is left of it, and what providers say of their limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from chatkeep.agent.context import learned, trimming
from chatkeep.agent.context.conversation import Conversation
from chatkeep.turns import summaries, token_estimates
from chatkeep.turns.summaries import Summary

REFUSALS = {
    "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.": 8192,
    "This model's maximum context length is 8,192 tokens. However, you requested 9100 tokens (9000 in ...)": 8192,
    "request (9000 tokens) exceeds the available context size (4096 tokens), try increasing it": 4096,
    "prompt is too long: 212000 tokens > 200000 maximum": 200_000,
    "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).": 1_048_576,
    "Input is too long for requested model.": None,
    "maximum context length is 7 tokens": None,
    "maximum context length is " + "9" * 400: None,
}


@pytest.mark.parametrize(("said", "limit"), REFUSALS.items())
def test_a_limit_is_learned_from_a_refusal_that_names_it(said: str, limit: int | None) -> None:
    learned.forget()
    assert learned.learn("openai:m", said) == limit == learned.limit("openai:m")
    learned.forget()


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
    least = len(kept) * (token_estimates.MESSAGE_TOKENS + trimming.LEAST_TOKENS)
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
    thread = [*turn(1)[:-1], AIMessage("answer", id="a", usage_metadata=usage), HumanMessage("and?", id="q")]
    conversation = Conversation.of(thread)
    assert 960 < conversation.tokens() < 980
    assert conversation.ratio() == 8.0, "no tokenizer counts so many more"
    assert Conversation.of(thread, tools=[{"name": "f" * 500}]).ratio() < 8.0
