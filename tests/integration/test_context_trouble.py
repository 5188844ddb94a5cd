"""Contexts that are full in every unlucky way: the turn lives, and what the model has used is recorded once."""

import math
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatkeep.agent.context import learned
from chatkeep.agent.models import within_context
from tests.chat import deployment, send, sent
from tests.client import Client
from tests.conversations import ASKED, FACT, LIMITED, calls, limited, summaries, talk, told_a_fact, transcript
from tests.provider import openai_refusals
from tests.provider.openai import Endpoint
from tests.provider.openai_refusals import Refusal, refusal
from tests.provider.openai_replies import Reply
from tests.provider.pauses import Pause
from tests.provider.small import Small, remembered
from tests.views import views

UNKNOWN: dict[str, Any] = {"model_options": {}}


@pytest.mark.parametrize("names_limit", [True, False])
def test_a_limit_that_nobody_knows_is_met_and_not_passed(
    api: Client, dynamodb: Any, user_id: str, small: Small, names_limit: bool
) -> None:
    small.names_limit = names_limit
    session_id = told_a_fact(api, 60, words=300, **UNKNOWN)
    assert sent(api, session_id, ASKED)["message"]["content"].startswith("Lisbon")
    assert small.summaries == calls(api, session_id, "summarization") > 0
    if names_limit:
        assert small.refusals == 1, "what the provider has said is known from then on"
    assert len(transcript(api, session_id)) == 124
    views(dynamodb, user_id, session_id).check()


@pytest.mark.parametrize("limit", [UNKNOWN, {"model_options": LIMITED}], ids=["unknown", "known"])
@pytest.mark.parametrize("reports", [True, False])
@pytest.mark.parametrize("tokens_per_word", [0.2, 1.0, 3.0, 7.0])
def test_a_model_that_counts_otherwise_than_is_estimated(
    api: Client,
    dynamodb: Any,
    user_id: str,
    small: Small,
    limit: dict[str, Any],
    reports: bool,
    tokens_per_word: float,
) -> None:
    small.tokens_per_word, small.reports = tokens_per_word, reports
    session_id = limited(api, **limit)
    sent(api, session_id, FACT)
    words = int(300 / max(1.0, tokens_per_word))
    talk(api, session_id, 40, words)
    assert sent(api, session_id, ASKED)["message"]["content"].startswith("Lisbon")
    assert small.summaries == calls(api, session_id, "summarization")
    if reports and limit is not UNKNOWN:
        assert small.refusals == 0
    views(dynamodb, user_id, session_id).check()


@pytest.mark.parametrize("limit", [UNKNOWN, {"model_options": LIMITED}], ids=["unknown", "known"])
@pytest.mark.parametrize("settings_of_session", [{}, {"enable_summarization": False, "on_overflow": "trim"}])
def test_a_single_message_over_the_limit_is_read_in_part(
    api: Client,
    dynamodb: Any,
    user_id: str,
    small: Small,
    limit: dict[str, Any],
    settings_of_session: dict[str, Any],
) -> None:
    session_id = limited(api, **limit, **settings_of_session)
    sent(api, session_id, "The quay is Alfama.")
    long = FACT + " and so on" * 9_000 + " " + ASKED
    answer = sent(api, session_id, long)
    assert answer["message"]["content"].startswith("Lisbon"), "its beginning and its end are read"
    assert answer["user_message"]["content"] == long
    assert sent(api, session_id, "and now?")["status"] == "completed"
    talk(api, session_id, 10, words=300)
    views(dynamodb, user_id, session_id).check()


def test_a_single_message_over_the_limit_is_refused_where_the_session_says_so(api: Client, small: Small) -> None:
    session_id = limited(api, enable_summarization=False)
    refused = send(api, session_id, "and so on" * 9_000)
    assert (refused.status, refused.json["code"]) == (422, "context_length_exceeded")


FAILURES: dict[str, Any] = {
    "an error of the server": openai_refusals.server_error(),
    "a refusal": refusal(400, None, "no"),
    "too long": openai_refusals.context_too_long(),
    "no words": " ",
    "a limit of requests": openai_refusals.rate_limited(20),
    "no access": openai_refusals.not_allowed(),
    "what a filter left": Reply(words=("I", " cannot"), finish="content_filter"),
    "what the model will not do": Reply(words=(), refusal=("I", " cannot")),
    "a thought": "<think>Let me see. " + "The user wants " * 50,
}
ANSWERED = ("no words", "what a filter left", "what the model will not do", "a thought")


@pytest.mark.parametrize("failure", FAILURES)
def test_a_turn_lives_without_the_summary_that_fails(
    api: Client, dynamodb: Any, user_id: str, small: Small, failure: str
) -> None:
    small.summarise = lambda _: FAILURES[failure]
    session_id = told_a_fact(api, 30, words=300)
    assert small.summaries > 0
    assert (small.refusals, max(small.prompts) <= small.limit - 500) == (0, True)
    messages = transcript(api, session_id)
    assert (len(messages), summaries(messages)) == (62, [])
    assert calls(api, session_id, "summarization") == (small.summaries if failure in ANSWERED else 0)
    small.summarise = remembered
    talk(api, session_id, 1, words=300)
    assert sent(api, session_id, ASKED)["message"]["content"].startswith("Lisbon"), "nothing was lost meanwhile"
    views(dynamodb, user_id, session_id).check()


@pytest.mark.parametrize("words", [1_000, 5_000, 200_000])
def test_a_summary_that_is_too_long_is_cut(api: Client, dynamodb: Any, user_id: str, small: Small, words: int) -> None:
    small.summarise = lambda told: remembered(told) + " and again" * words
    session_id = told_a_fact(api, 60, words=300)
    assert sent(api, session_id, ASKED)["message"]["content"].startswith("Lisbon")
    assert (small.refusals, max(small.prompts) <= small.limit - 500) == (0, True)
    stand = [one["parts"][0]["text"] for one in transcript(api, session_id) if one["parts"]]
    assert len(stand) == small.summaries > 0
    assert all(len(text.split()) < small.limit / 8 for text in stand)
    views(dynamodb, user_id, session_id).check()


@pytest.mark.parametrize("graph", ["chatkeep.agent.graph:build_graph", "tests.graphs:blocking"])
def test_a_summary_that_takes_too_long_leaves_the_answer_its_time(
    api: Client, dynamodb: Any, user_id: str, small: Small, monkeypatch: pytest.MonkeyPatch, graph: str
) -> None:
    monkeypatch.setattr(within_context, "LONGEST_SECONDS", 0.2)
    with deployment(monkeypatch, {"GRAPH": graph, "OPENAI_BASE_URL": small.url, "OPENAI_API_KEY": "k"}):
        session_id = limited(api)
        while not small.prompts or small.prompts[-1] <= 5_600:
            sent(api, session_id, "and so on " * 100)
        asked = len(small.asked)
        small.script = [Reply(words=("late",), pause=Pause(8))]
        answer = sent(api, session_id, "and so on " * 100)
    assert (answer["status"], len(small.asked) - asked, answer["response_time_ms"] < 6_000) == ("completed", 2, True)
    assert answer["message"]["content"].startswith("noted")
    views(dynamodb, user_id, session_id).check()


@pytest.mark.parametrize("thought", ["<think>The quay is Alfama.</think>", "The quay is Alfama.\n</think>"])
def test_the_thoughts_before_a_summary_are_no_part_of_it(api: Client, small: Small, thought: str) -> None:
    small.summarise = lambda told: f"{thought}\n\n{remembered(told)}"
    session_id = told_a_fact(api, 30, words=300)
    stand = [one["parts"][0]["text"] for one in transcript(api, session_id) if one["parts"]]
    assert set(stand) == {f"Known so far. {FACT}"}


@pytest.mark.parametrize("words", ["It parses the <think> tag.", "It takes </think> as a stop."])
def test_a_summary_may_be_about_tags(api: Client, small: Small, words: str) -> None:
    small.summarise = lambda told: f"{words} {remembered(told)} {words}"
    session_id = told_a_fact(api, 30, words=300)
    assert sent(api, session_id, ASKED)["message"]["content"].startswith("Lisbon")


@pytest.mark.parametrize("limit", [UNKNOWN, {"model_options": LIMITED}], ids=["unknown", "known"])
@pytest.mark.parametrize("max_tokens", [6_000, 8_000, 9_000])
def test_answers_that_may_take_most_of_the_context(
    api: Client, dynamodb: Any, user_id: str, small: Small, max_tokens: int, limit: dict[str, Any]
) -> None:
    session_id = told_a_fact(api, 30, words=200, max_tokens=max_tokens, **limit)
    assert small.refusals <= (1 if limit is UNKNOWN else 0)
    assert sent(api, session_id, ASKED)["message"]["content"].startswith("Lisbon")
    views(dynamodb, user_id, session_id).check()


def test_a_limit_that_is_named_within_a_turn_is_known_in_its_next_calls(
    api: Client, small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.calls = 60
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:wordy", "OPENAI_BASE_URL": small.url, "OPENAI_API_KEY": "k"}):
        assert sent(api, limited(api, **UNKNOWN), "go on")["status"] == "completed"
    assert small.refusals == 1


@pytest.mark.parametrize("graph", ["chatkeep.agent.graph:build_graph", "tests.graphs:streaming"])
def test_a_refusal_may_follow_a_failure_that_passes(
    api: Client, small: Small, monkeypatch: pytest.MonkeyPatch, graph: str
) -> None:
    with deployment(monkeypatch, {"GRAPH": graph, "OPENAI_BASE_URL": small.url, "OPENAI_API_KEY": "k"}):
        session_id = told_a_fact(api, 3)
        small.script = [openai_refusals.server_error(), openai_refusals.context_too_long()]
        assert sent(api, session_id, ASKED)["status"] == "completed"


def test_a_prompt_for_a_summary_that_cannot_be_shorter_is_not_sent_again(api: Client, small: Small) -> None:
    small.limit = 600
    session_id = limited(api, max_tokens=50, model_options={"context_limit": 600})
    talk(api, session_id, 6, words=300)
    assert len(small.asked) <= 3 * 6


@pytest.mark.parametrize("max_tokens", [50, 2_000])
def test_a_summary_has_room_for_words_however_short_answers_are(api: Client, small: Small, max_tokens: int) -> None:
    session_id = limited(api, max_tokens=max_tokens)
    talk(api, session_id, 30, words=300)
    asked = [one for one in small.asked if one["messages"][0]["content"].startswith("You keep the memory")]
    assert small.summaries == len(asked) > 0
    assert {one["max_tokens"] for one in asked} == {max(max_tokens, (8_000 - max_tokens) // 8)}
    assert small.refusals == 0


def test_a_summary_is_kept_where_the_answer_after_it_breaks(
    api: Client, dynamodb: Any, user_id: str, small: Small
) -> None:
    session_id = limited(api)
    while not small.summaries:
        made = small.summaries
        small.summarise = lambda told: _then_breaks(small, told)
        answer = sent(api, session_id, "and so on " * 100)
    assert made == 0
    assert (answer["status"], answer["message"]["content"]) == ("failed", "half")
    assert answer["message"]["parts"][0]["type"] == "summary"
    sent(api, session_id, "and so on")
    assert small.summaries == 1, "it need not be made again"
    assert small.prompts[-1] < 3_500
    views(dynamodb, user_id, session_id).check()


def _then_breaks(small: Small, told: str) -> str:
    small.script = [Reply(words=("half", " a", " word"), cut_after=2)]
    return remembered(told)


def test_many_results_of_tools_in_one_turn(
    api: Client, dynamodb: Any, user_id: str, small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.calls = 24
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:wordy", "OPENAI_BASE_URL": small.url, "OPENAI_API_KEY": "k"}):
        session_id = limited(api)
        answer = sent(api, session_id, f"{FACT} {ASKED}")
        assert answer["message"]["content"].startswith("Lisbon")
        assert max(small.prompts) <= small.limit - 500
        assert small.refusals == 0
        messages = transcript(api, session_id)
        assert [one["role"] for one in messages] == ["user", *["assistant", "tool"] * 24, "assistant"]
        assert small.summaries == calls(api, session_id, "summarization") == len(summaries(messages)) > 0
        assert all(messages[until]["role"] == "tool" for _, until in summaries(messages))
        small.calls = 0
        sent(api, session_id, "and now?")
        assert small.prompts[-1] < 6_000
    views(dynamodb, user_id, session_id).check()


@pytest.mark.parametrize("settings_of_session", [{}, {"enable_summarization": False, "on_overflow": "trim"}])
@pytest.mark.parametrize("limit", [UNKNOWN, {"model_options": LIMITED}], ids=["unknown", "known"])
def test_calls_of_tools_with_long_arguments(
    api: Client,
    dynamodb: Any,
    user_id: str,
    small: Small,
    monkeypatch: pytest.MonkeyPatch,
    limit: dict[str, Any],
    settings_of_session: dict[str, Any],
) -> None:
    small.calls, small.argument_words, small.tokens_per_word = 3, 25_000, 1.0
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:wordy", "OPENAI_BASE_URL": small.url, "OPENAI_API_KEY": "k"}):
        session_id = limited(api, **limit, **settings_of_session)
        answer = sent(api, session_id, f"{FACT} {ASKED}")
        assert answer["message"]["content"].startswith("Lisbon")
        assert [one["role"] for one in transcript(api, session_id)] == ["user", *["assistant", "tool"] * 3, "assistant"]
        assert sent(api, session_id, "and now?")["status"] == "completed"
    if limit is not UNKNOWN:
        assert small.refusals == 0
    views(dynamodb, user_id, session_id).check()


@pytest.mark.parametrize("keeps", [True, False], ids=["answered", "broken"])
def test_a_summary_of_an_agents_own_messages_is_not_the_sessions(
    api: Client, dynamodb: Any, user_id: str, small: Small, monkeypatch: pytest.MonkeyPatch, keeps: bool
) -> None:
    variables = {"GRAPH": "tests.graphs:apart", "OPENAI_BASE_URL": small.url, "OPENAI_API_KEY": "k"}
    if not keeps:
        small.summarise = lambda told: _then_breaks(small, told)
    with deployment(monkeypatch, variables):
        session_id = limited(api)
        for question in (FACT, "and so on"):
            answer = sent(api, session_id, question)
            assert answer["message"]["content"].startswith("noted" if keeps else "half")
    messages = transcript(api, session_id)
    assert small.summaries == calls(api, session_id, "summarization") == 2
    assert summaries(messages) == [], "it stands for nothing of the transcript"
    assert sent(api, session_id, ASKED)["message"]["content"].startswith("Lisbon"), "the thread is whole"
    views(dynamodb, user_id, session_id).check()


def test_a_summary_may_end_before_a_message_that_the_graph_has_added(
    api: Client, small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {"GRAPH": "tests.graphs:prompting", "OPENAI_BASE_URL": small.url, "OPENAI_API_KEY": "k"}
    with deployment(monkeypatch, variables):
        session_id = limited(api)
        talk(api, session_id, 30, words=300)
    stand = summaries(transcript(api, session_id))
    assert len(stand) == small.summaries == calls(api, session_id, "summarization") > 0
    assert all(until < at for at, until in stand)


SIZES = st.lists(st.integers(1, 4_000), min_size=1, max_size=8)


def test_no_conversation_gets_stuck(api: Client, dynamodb: Any, small: Small) -> None:
    @settings(max_examples=20, deadline=None)
    @given(
        sizes=SIZES,
        limit=st.integers(600, 3_000),
        tells=st.booleans(),
        tokens_per_word=st.sampled_from([0.5, 1.4, 4.0]),
        reports=st.booleans(),
        counts_answer=st.booleans(),
        early=st.booleans(),
        on_overflow=st.sampled_from(["summarize", "trim"]),
        bad=st.booleans(),
    )
    def hold(
        sizes: list[int],
        limit: int,
        tells: bool,
        tokens_per_word: float,
        reports: bool,
        counts_answer: bool,
        early: bool,
        on_overflow: str,
        bad: bool,
    ) -> None:
        learned.forget()
        owner = str(uuid4())
        its = api.as_user(owner)
        small.limit, small.tokens_per_word = limit, tokens_per_word
        small.reports, small.counts_answer = reports, counts_answer
        small.summarise, small.prompts[:], small.summaries = (_nothing if bad else remembered), [], 0
        options = {"context_limit": limit} if tells else {}
        wanted = {"model_options": options, "max_tokens": 50, "enable_summarization": early, "on_overflow": on_overflow}
        session_id = limited(its, **wanted)
        for size in sizes:
            assert sent(its, session_id, "word " * size)["status"] == "completed"
        assert len(transcript(its, session_id)) == 2 * len(sizes)
        assert max(small.prompts) + (50 if counts_answer else 0) <= limit
        assert calls(its, session_id, "summarization") == (0 if bad else small.summaries)
        views(dynamodb, owner, session_id).check()

    hold()


def _nothing(_: str) -> Refusal:
    return refusal(400, None, "no")


def test_a_model_without_any_limit_is_never_asked_for_a_summary(api: Client, endpoint: Endpoint) -> None:
    session_id = limited(api, **UNKNOWN)
    for _ in range(3):
        sent(api, session_id, "and so on " * 5_000)
    assert len(endpoint.asked) == 3
    assert math.isclose(len(endpoint.asked[-1]["messages"]), 5)
