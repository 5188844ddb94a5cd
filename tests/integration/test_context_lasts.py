"""Conversations that outgrow their model's context: with summaries they go on, and the transcript keeps everything."""

from typing import Any

import pytest

from chatkeep.agent.context.fitting import MOST_CALLS
from tests.chat import deployment, send, sent, sent_again
from tests.client import Client
from tests.conversations import ASKED, FACT, LIMITED, calls, limited, summaries, talk, told_a_fact, transcript
from tests.provider.openai_refusals import context_too_long
from tests.provider.small import Small
from tests.streaming import StreamClient, frames, words
from tests.views import views


def test_three_hundred_turns_stay_under_the_limit_and_remember_the_first(
    api: Client, dynamodb: Any, user_id: str, small: Small
) -> None:
    session_id = told_a_fact(api, 298, enable_summarization=True)
    answer = sent(api, session_id, ASKED)
    assert answer["message"]["content"].startswith("Lisbon")
    assert small.refusals == 0
    assert max(small.prompts) <= small.limit - 500
    assert len(small.prompts) == 300
    messages = transcript(api, session_id)
    assert [one["role"] for one in messages] == ["user", "assistant"] * 300
    assert [one["content"].partition(":")[0] for one in messages[2:-2:2]] == [str(number) for number in range(298)]
    assert messages[0]["content"] == FACT
    stand = summaries(messages)
    assert 4 <= len(stand) == small.summaries == calls(api, session_id, "summarization")
    assert all(until < at - 1 for at, until in stand), "the latest messages stay as they are"
    assert all(messages[until]["role"] == "assistant" for _, until in stand), "a turn is summarised whole"
    assert [until for _, until in stand] == sorted({until for _, until in stand})
    views(dynamodb, user_id, session_id).check()


def test_each_answer_tells_how_full_the_context_is(api: Client, small: Small) -> None:
    session_id = limited(api, enable_summarization=True)
    for _ in range(3):
        answer = sent(api, session_id, "and so on")["message"]
        assert answer["context_tokens"] == small.prompts[-1] + 31
        assert answer["context_limit"] == 8_000


@pytest.mark.parametrize("option", [{"context_limit": 100}, {"context_limit": "8000"}, {"context_limit": True}])
def test_a_limit_that_cannot_be_one_is_refused(api: Client, small: Small, option: dict[str, Any]) -> None:
    refused = api.post("/sessions", json={"model_options": option})
    assert (refused.status, refused.json["errors"][0]["field"]) == (422, "model_options")
    assert "context_limit" in refused.json["errors"][0]["detail"]


def test_the_limit_is_not_sent_to_the_model(api: Client, small: Small) -> None:
    sent(api, limited(api), "hi")
    assert "context_limit" not in small.asked[-1]


def test_a_session_without_summaries_is_refused_over_the_limit(api: Client, small: Small) -> None:
    session_id = limited(api, enable_summarization=False)
    talk(api, session_id, 14, words=300)
    refused = send(api, session_id, "and so on " * 300)
    assert (refused.status, refused.json["code"]) == (422, "context_length_exceeded")
    assert small.summaries == 0


@pytest.mark.parametrize("tokens_per_word", [0.4, 1.4, 4.0])
def test_it_is_trimmed_where_it_says_so(
    api: Client, dynamodb: Any, user_id: str, small: Small, tokens_per_word: float
) -> None:
    small.tokens_per_word = tokens_per_word
    length = max(300, int(420 / tokens_per_word))
    session_id = told_a_fact(api, 60, length, enable_summarization=False, on_overflow="trim")
    assert sent(api, session_id, ASKED)["message"]["content"].startswith("unknown")
    assert (small.summaries, small.refusals) == (0, 0), "what was left out is not forgotten"
    assert max(small.prompts) <= small.limit - 500
    assert min(small.prompts[-20:-1]) > 0.5 * small.limit, "as much as there is room for"
    assert len(transcript(api, session_id)) == 124
    views(dynamodb, user_id, session_id).check()


def test_it_is_summarised_as_late_as_can_be_where_it_says_so(api: Client, small: Small) -> None:
    early, late = limited(api, enable_summarization=True), limited(api, enable_summarization=False)
    assert api.patch(f"/sessions/{late}", json={"on_overflow": "summarize"}).json["on_overflow"] == "summarize"
    turns = {}
    for session_id in (early, late):
        before = len(small.prompts)
        while small.summaries == len(turns):
            sent(api, session_id, "and so on " * 100)
        turns[session_id] = len(small.prompts) - before
    assert turns[early] < turns[late]


def test_what_is_done_at_the_limit_is_shown_in_lists_too(api: Client, small: Small) -> None:
    for on_overflow in ("summarize", "trim", "refuse"):
        session_id = limited(api, on_overflow=on_overflow)
        (shown,) = (one for one in api.get("/sessions").json["sessions"] if one["session_id"] == session_id)
        assert shown["on_overflow"] == on_overflow
        assert api.delete(f"/sessions/{session_id}").json["on_overflow"] == on_overflow
        (shown,) = (
            one for one in api.get("/sessions?status=deleted").json["sessions"] if one["session_id"] == session_id
        )
        assert (shown["on_overflow"], shown["status"], shown["is_active"]) == (on_overflow, "deleted", False)
    refused = api.post("/sessions", json={"on_overflow": "ignore"})
    assert (refused.status, refused.json["errors"][0]["field"]) == (422, "on_overflow")


def test_an_answer_made_again_from_before_a_summary_has_the_messages_that_it_stands_for(
    api: Client, dynamodb: Any, user_id: str, small: Small
) -> None:
    session_id = limited(api, enable_summarization=True)
    first = sent(api, session_id, FACT)
    while not small.summaries:
        sent(api, session_id, "and so on " * 100)
    whole = small.prompts[-1]
    assert whole < small.prompts[-2]
    again = sent_again(api, session_id, transcript(api, session_id)[-1]["message_id"])
    assert again["message"]["parts"][0]["type"] == "summary", "the thread is as it was before the answer"
    assert small.summaries == 2
    sent_again(api, session_id, first["message"]["message_id"])
    assert small.prompts[-1] < 50
    assert sent(api, session_id, ASKED)["message"]["content"].startswith("Lisbon")
    assert summaries(transcript(api, session_id)) == []
    views(dynamodb, user_id, session_id).check()


def test_a_streamed_turn_tells_of_its_summary(api: Client, stream: StreamClient, small: Small) -> None:
    session_id = limited(api, enable_summarization=True)
    while not small.summaries:
        events = frames(stream.post(session_id, "and so on " * 100).text)
    told = [one.data for one in events if one.name == "message"]
    assert told[-1]["parts"][0]["text"] == "Known so far."
    assert words(events) == told[-1]["content"]


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("graph", ["tests.graphs:blocking", "tests.graphs:streaming", "tests.graphs:blocking_stream"])
def test_whichever_way_a_graph_asks_its_model(
    api: Client,
    dynamodb: Any,
    user_id: str,
    small: Small,
    monkeypatch: pytest.MonkeyPatch,
    graph: str,
    streams: bool,
) -> None:
    with deployment(monkeypatch, {"GRAPH": graph, "OPENAI_BASE_URL": small.url, "OPENAI_API_KEY": "k"}):
        options = LIMITED if streams else {**LIMITED, "stream": False}
        session_id = told_a_fact(api, 30, words=300, enable_summarization=True, model_options=options)
        small.script = [context_too_long()]
        assert sent(api, session_id, ASKED)["message"]["content"].startswith("Lisbon")
    assert small.summaries == calls(api, session_id, "summarization")
    assert small.summaries <= 3 + MOST_CALLS, "each call is fitted once, the last in parts"
    assert len(summaries(transcript(api, session_id))) == 4, "the last after a refusal"
    assert max(small.prompts) <= small.limit - 500
    views(dynamodb, user_id, session_id).check()
