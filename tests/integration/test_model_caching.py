"""Prompt caching on Bedrock: where cache points go, what is read from the cache, and what that saves."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import chatkeep.agent
from chatkeep.agent.models import converse
from tests.chat import deployment, new_session, send, sent
from tests.client import Client
from tests.provider.bedrock import Bedrock
from tests.provider.bedrock_cache import Cache
from tests.provider.bedrock_replies import Reasoning, Reply, Text, ToolUse, calls, says, tokens
from tests.provider.openai import Endpoint

MANUAL = Path(chatkeep.agent.__file__).parent / "README.md"
SONNET = "bedrock:global.anthropic.claude-sonnet-4-5-20250929-v1:0"
HAIKU = "bedrock:global.anthropic.claude-haiku-4-5-20251001-v1:0"
NOVA = "bedrock:us.amazon.nova-pro-v1:0"
PROMPT = "You answer questions about the archive of a museum. " * 100
"""Of some 1,300 tokens."""
WORDS = "The first of these paintings came to the museum in 1891. " * 20
"""Of some 300 tokens."""
POINT = {"cachePoint": {"type": "default"}}


@pytest.fixture
def cached(bedrock: Bedrock) -> Iterator[Bedrock]:
    """A Bedrock that keeps prompts, and a process to which no model has refused anything yet."""
    bedrock.cache = Cache()
    bedrock.default = says(WORDS, usage=tokens(1, 300))
    converse._refusing.clear()
    yield bedrock
    converse._refusing.clear()


@pytest.fixture
def tooled(cached: Bedrock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bedrock]:
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:tooled"}):
        yield cached


def used(api: Client, session_id: str) -> list[dict[str, Any]]:
    """The calls of the session's turns, the oldest turn first."""
    turns = api.get(f"/sessions/{session_id}/turns").json["turns"]
    return [call for turn in reversed(turns) for call in turn["calls"]]


def points(asked: dict[str, Any]) -> list[str]:
    """The places of a request's cache points; a message's by its number from the end."""
    messages = reversed(asked["messages"])
    found = ["tools"] if POINT in asked.get("toolConfig", {}).get("tools", []) else []
    found += ["system"] if POINT in asked.get("system", []) else []
    return found + [str(number) for number, one in enumerate(messages, 1) if POINT in one["content"]]


def test_a_summary_is_not_kept_in_a_cache(api: Client, cached: Bedrock) -> None:
    options = {"model_name": SONNET, "max_tokens": 100, "model_options": {"context_limit": 2_000}}
    session_id = new_session(api, title="Long", **options)
    for _ in range(6):
        sent(api, session_id, WORDS)
    summaries = [one for one in cached.asked if "You keep the memory" in str(one.get("system"))]
    assert len(summaries) == [call["kind"] for call in used(api, session_id)].count("summarization") > 0
    assert [points(one) for one in summaries] == [[]] * len(summaries)
    assert all(points(one) for one in cached.asked if one not in summaries)


@pytest.mark.parametrize("model", [SONNET, NOVA])
def test_a_second_turn_reads_the_first_from_the_cache(api: Client, cached: Bedrock, model: str) -> None:
    session_id = new_session(api, model_name=model, custom_system_prompt=PROMPT)
    sent(api, session_id, "What is there?")
    sent(api, session_id, "And since when?")
    first, second = used(api, session_id)
    assert first["cache_read_tokens"] == 0
    assert second["cache_read_tokens"] == first["cache_write_tokens"] > 1_000
    assert second["cache_write_tokens"] > 200
    assert [points(one) for one in cached.asked] == [["system", "1"], ["system", "1", "3"]]
    assert cached.violations == []


def test_a_loop_of_tools_reads_what_it_has_sent_before(api: Client, tooled: Bedrock) -> None:
    session_id = new_session(api, model_name=SONNET, custom_system_prompt=PROMPT)
    tooled.script = [calls(ToolUse("t1", "keep", '{"value": 1}')), calls(ToolUse("t2", "keep", '{"value": 2}'))]
    sent(api, session_id, "Keep both.")
    first, second, third = used(api, session_id)
    assert second["cache_read_tokens"] == first["cache_write_tokens"]
    assert third["cache_read_tokens"] == first["cache_write_tokens"] + second["cache_write_tokens"]
    assert [points(one) for one in tooled.asked] == [
        ["tools", "system", "1"],
        ["tools", "system", "1", "3"],
        ["tools", "system", "1", "3"],
    ]
    assert tooled.violations == []


def test_nova_gets_no_point_among_tools_and_results(api: Client, tooled: Bedrock) -> None:
    session_id = new_session(api, model_name=NOVA, custom_system_prompt=PROMPT)
    tooled.script = [calls(ToolUse("t1", "keep", '{"value": 1}'))]
    sent(api, session_id, "Keep it.")
    sent(api, session_id, "Again.")
    assert [points(one) for one in tooled.asked] == [["system", "1"], ["system", "3"], ["system", "1", "5"]]
    assert tooled.violations == []


def test_a_short_prompt_is_neither_written_nor_read(api: Client, cached: Bedrock) -> None:
    session_id = new_session(api, model_name=HAIKU, custom_system_prompt=PROMPT)  # it wants 4,096 tokens
    sent(api, session_id, "What is there?")
    sent(api, session_id, "And since when?")
    counts = [(call["cache_read_tokens"], call["cache_write_tokens"]) for call in used(api, session_id)]
    assert counts == [(0, 0), (0, 0)]


def test_points_are_no_part_of_thread_and_transcript(api: Client, cached: Bedrock) -> None:
    session_id = new_session(api, model_name=SONNET, custom_system_prompt=PROMPT)
    sent(api, session_id, "What is there?")
    sent(api, session_id, "And since when?")
    page = api.get(f"/sessions/{session_id}/messages").text
    assert "cachePoint" not in page
    questions = [one["content"] for one in cached.asked[1]["messages"] if one["role"] == "user"]
    assert questions == [[{"text": "What is there?"}, POINT], [{"text": "And since when?"}, POINT]]


@pytest.mark.parametrize(
    "model",
    [
        "deepseek.r1-v1:0",
        "meta.llama3-3-70b-instruct-v1:0",
        "anthropic.claude-3-5-sonnet-20240620-v1:0",
        "anthropic.new-1",
    ],
)
def test_a_model_that_is_not_known_to_cache_gets_no_points(api: Client, cached: Bedrock, model: str) -> None:
    sent(api, new_session(api, model_name=f"bedrock:{model}", custom_system_prompt=PROMPT), "hi")
    assert [points(one) for one in cached.asked] == [[]]
    assert cached.unsupported == []


def test_a_session_may_have_no_caching(api: Client, cached: Bedrock) -> None:
    session_id = new_session(api, model_name=SONNET, model_options={"prompt_caching": False})
    sent(api, session_id, "hi")
    (asked,) = cached.asked
    assert points(asked) == []
    assert "additionalModelRequestFields" not in asked


@pytest.mark.parametrize("stream", [True, False])
def test_a_model_that_refuses_points_answers_without_and_is_not_asked_again(
    api: Client, cached: Bedrock, monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    graph = "chatkeep.agent.graph:build_graph" if stream else "tests.graphs:whole"
    session_id = new_session(api, model_name="bedrock:deepseek.r1-v1:0", model_options={"prompt_caching": True})
    with deployment(monkeypatch, {"GRAPH": graph}):
        for _ in range(2):
            assert sent(api, session_id, "hi")["message"]["content"] == WORDS
    assert [points(one) for one in cached.asked] == [["1"], [], []]
    assert len(used(api, session_id)) == 2


def test_what_is_neither_true_nor_false_names_its_field(api: Client, cached: Bedrock) -> None:
    refused = send(api, new_session(api, model_name=SONNET, model_options={"prompt_caching": "yes"}), "hi")
    assert (refused.status, refused.json["errors"][0]["field"]) == (422, "model_options.prompt_caching")


def test_an_openai_endpoint_is_not_told(api: Client, endpoint: Endpoint) -> None:
    sent(api, new_session(api, model_name="openai:tiny", model_options={"prompt_caching": True}), "hi")
    assert "prompt_caching" not in endpoint.asked[0]


def test_a_graph_that_asks_for_caching_itself_gets_no_more_points(
    api: Client, cached: Bedrock, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = new_session(api, model_name=SONNET, custom_system_prompt=PROMPT)
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:caching"}):
        sent(api, session_id, "hi")
    assert points(cached.asked[0]) == ["tools", "system", "1"]
    assert cached.violations == []


def test_reasoning_and_caching_go_together(api: Client, tooled: Bedrock) -> None:
    options = {"reasoning_effort": "low"}
    session_id = new_session(api, model_name=SONNET, custom_system_prompt=PROMPT, model_options=options)
    thought = Reasoning(("Two things.",), signature="c2ln")
    tooled.script = [
        calls(ToolUse("t1", "keep", '{"value": 1}'), before=(thought,)),
        Reply((thought, Text(("Done.",)))),
    ]
    sent(api, session_id, "Keep it.")
    sent(api, session_id, "Thanks.")
    assert tooled.violations == []
    assert [call["cache_read_tokens"] > 0 for call in used(api, session_id)] == [False, True, True]


def cost_of(api: Client, bedrock: Bedrock, *, pauses: bool = False, **options: Any) -> float:
    """US dollars for 20 turns, with or without `pauses` in which the cache forgets."""
    session_id = new_session(api, model_name=SONNET, custom_system_prompt=PROMPT, **options)
    for number in range(20):
        sent(api, session_id, f"What became of painting {number}, and who has written about it?")
        if pauses and bedrock.cache:
            bedrock.cache.kept.clear()
    return float(api.get(f"/sessions/{session_id}/stats").json["total_cost"])


def test_a_conversation_of_twenty_turns_costs_less_than_half(api: Client, cached: Bedrock) -> None:
    costs = {
        "without caching": cost_of(api, cached, model_options={"prompt_caching": False}),
        "with it": cost_of(api, cached),
        "with it, and more than five minutes between all turns": cost_of(api, cached, pauses=True),
    }
    without, with_it, slowly = costs.values()
    assert 0 < with_it < 0.5 * without < without < slowly < 1.25 * without
    rows = [f"| {name} | {cost:.2f} |" for name, cost in costs.items()]
    assert [row for row in rows if row not in MANUAL.read_text(encoding="utf-8")] == []
