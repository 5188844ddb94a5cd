"""Whatever a model sends: the session goes on, its views agree, and each answer is documented.

`HOSTILE_EXAMPLES` stories are told in all, `HOSTILE_SEED` chooses others.
"""

import json
import logging
import math
import os
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from chatkeep.errors import ChatkeepError
from functions.chat.models import failures
from tests import graphs
from tests.chat import deployment, new_session, send
from tests.client import Client, Response
from tests.faults import hostile_bedrock, hostile_openai
from tests.faults.hostile_texts import Heard
from tests.provider import bedrock, bedrock_replies, openai, openai_replies
from tests.provider.openai_rules import GEMMA, MISTRAL, STRICTEST, Strict
from tests.provider.texts import parsed
from tests.views import Views, views

EXAMPLES = int(os.environ.get("HOSTILE_EXAMPLES") or 200)
SEED = os.environ.get("HOSTILE_SEED") or "0"
BUILT_IN, TOOLED = "functions.chat.agent:build_graph", "tests.graphs:tooled"
KINDS = [
    *[("openai", BUILT_IN)] * 3,
    *[("openai", TOOLED)] * 4,
    ("bedrock", BUILT_IN),
    *[("bedrock", TOOLED)] * 2,
]
TOGETHER = 20
"""Stories told on the same tables: moto's queries take longer the more is in them."""
SHARDS = range(max(1, EXAMPLES // TOGETHER))
MODELS = {"openai": "openai:tiny", "bedrock": "bedrock:anthropic.claude-3-5-sonnet-20240620-v1:0"}
STRICTS = {"openai": [STRICTEST, MISTRAL, GEMMA, Strict()], "bedrock": [bedrock.Strict()]}
LAST_WORDS = ("All ", "is ", "well.")
"""What the model says in the end, when it is itself again."""
LAST = {"openai": openai_replies.says(*LAST_WORDS), "bedrock": bedrock_replies.says(*LAST_WORDS)}
HOSTILE: dict[str, Any] = {"openai": hostile_openai, "bedrock": hostile_bedrock}
CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


def codes(kind: type[ChatkeepError] = ChatkeepError) -> set[str]:
    return {kind.code}.union(*map(codes, kind.__subclasses__()))


@dataclass(frozen=True)
class Story:
    """`turns` are the scripts of the model, for each hostile turn of a session one; then it says `LAST_WORDS`."""

    turns: Sequence[Sequence[Any]]
    strict: Any
    prompt: str
    streams: bool


def stories(provider: str) -> st.SearchStrategy[Story]:
    scripts = st.lists(HOSTILE[provider].ANSWERS, min_size=1, max_size=2)
    turns = st.lists(scripts, min_size=1, max_size=3)
    return st.builds(
        Story, turns, st.sampled_from(STRICTS[provider]), st.sampled_from(["", "Be brief."]), st.booleans()
    )


@dataclass
class World:
    """Where stories take place; `model` is the provider, which all share."""

    dynamodb: Any
    provider: str
    model: Any

    def tell(self, story: Story) -> None:
        api = Client(f"user-{uuid4()}")
        session_id = new_session(
            api,
            model_name=MODELS[self.provider],
            custom_system_prompt=story.prompt,
            model_options={
                **({} if story.streams else {"stream": False}),
                **({"system_role": "user"} if story.strict is GEMMA else {}),
            },
        )
        self.model.strict = story.strict
        counters = {"message_count": 0, "total_tokens_used": 0, "total_cost": 0.0}
        heard: dict[str, Heard | None] = {}
        for number, script in enumerate(story.turns):
            self.model.script = list(script)
            response = send(api, session_id, f"question {number}")
            check_the_answer(response)
            if response.status == 200:
                heard[response.json["turn_id"]] = HOSTILE[self.provider].heard(script[0], story.streams)
            counters = check_the_counters(api, session_id, counters)
        self.model.script = []
        last = send(api, session_id, "and now?")
        assert (last.status, self.model.violations) == (200, []), last.text
        assert (last.json["status"], last.json["message"]["content"]) == ("completed", "".join(LAST_WORDS))
        check_the_counters(api, session_id, counters)
        found = views(self.dynamodb, str(api.user_id), session_id)
        check_the_views(found)
        check_what_was_heard(found, heard)
        check_the_stats(api, session_id)


def check_the_answer(response: Response) -> None:
    told = parsed(response.answer.body)
    if response.status == 200:
        assert told["status"] in ("completed", "failed")
        assert (told["error"] is None) == (told["status"] == "completed")
        problem = told["error"]
        check_usage(told["usage"])
    else:
        problem = told
        assert problem["status"] == response.status
    if problem is not None:
        assert problem["code"] in codes() - {"internal_error", "graph_failed", "broken_thread"}, problem
        assert len(problem["detail"]) < 1_000
    wait = response.headers.get("retry-after")
    assert wait is None or 0 < int(wait) < 10**9


def check_usage(usage: dict[str, Any] | None) -> None:
    if usage is not None:
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
        assert all(math.isfinite(one) and one >= 0 for one in usage.values() if one is not None)


def check_the_counters(api: Client, session_id: str, before: dict[str, float]) -> dict[str, float]:
    """What the session shows, which is never less than `before`."""
    shown = parsed(api.get(f"/sessions/{session_id}").answer.body)
    counters = {name: shown[name] for name in before}
    assert all(before[name] <= counters[name] < math.inf for name in before)
    return counters


def check_the_views(found: Views) -> None:
    found.check()
    found.check_nothing_is_pending()
    for one in found.transcript:
        json.dumps(one, ensure_ascii=False, allow_nan=False).encode()
        check_usage(one["usage"])
        calls = [call["id"] for call in one["tool_calls"] or []]
        assert all(calls)
        assert len(calls) == len(set(calls))
    for turn in found.turns.values():
        check_calls(turn)


def check_calls(turn: dict[str, Any]) -> None:
    """A turn's record is the sum of its calls, none of which uses what no call can."""
    calls = calls_of(turn)
    for name in ("input_tokens", "output_tokens"):
        assert turn[name] == sum(call[name] for call in calls)
        assert all(0 <= call[name] <= 10_000_000 for call in calls)


def calls_of(turn: dict[str, Any]) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = json.loads(turn.get("calls") or "[]")
    return calls


def check_the_stats(api: Client, session_id: str) -> None:
    for path in (f"/sessions/{session_id}/stats", "/stats", "/stats/daily"):
        told = parsed(api.get(path).answer.body)
        numbers = [one for one in told.values() if isinstance(one, int | float)]
        assert all(math.isfinite(one) and one >= 0 for one in numbers), path


def check_what_was_heard(found: Views, heard: dict[str, Heard | None]) -> None:
    """The first answer of each turn is what the model has said, and its call used what the model reports."""
    for turn_id, known in heard.items():
        if known is None:
            continue
        answers = [one for one in found.transcript if (one["turn_id"], one["role"]) == (turn_id, "assistant")]
        said = answers[0]
        assert said["content"] in known.texts
        if known.whole and said is answers[-1]:
            assert said["status"] == "completed"
        assert known.calls is None or len(said["tool_calls"] or []) == known.calls
        if known.tokens is not None:
            call = calls_of(found.turns[turn_id])[0]
            assert (call["input_tokens"], call["output_tokens"]) == known.tokens


@pytest.fixture
def world(dynamodb: Any, monkeypatch: pytest.MonkeyPatch, shard: int) -> Iterator[World]:
    provider, graph = KINDS[shard % len(KINDS)]
    monkeypatch.setattr(failures, "USUAL_PAUSE", 0.001)
    monkeypatch.setattr(failures, "LONGEST_PAUSE", 0.01)
    monkeypatch.setattr(logging.getLogger(os.environ["POWERTOOLS_SERVICE_NAME"]), "disabled", True)
    with {"openai": openai, "bedrock": bedrock}[provider].serve() as model:
        model.default = LAST[provider]
        variables = {"GRAPH": graph, "OPENAI_BASE_URL": model.url, "OPENAI_API_KEY": "key"}
        with deployment(monkeypatch, variables):
            yield World(dynamodb, provider, model)


@pytest.mark.parametrize("shard", SHARDS)
def test_whatever_a_model_sends_the_session_goes_on_and_its_views_agree(world: World, shard: int) -> None:
    @seed(f"{SEED}, {shard}")
    @settings(max_examples=min(EXAMPLES, TOGETHER), deadline=None, database=None, suppress_health_check=CHECKS)
    @given(stories(world.provider))
    def tell(story: Story) -> None:
        graphs.ran.clear()
        for kept in (world.model.asked, world.model.headers, world.model.violations):
            kept.clear()
        world.tell(story)

    try:
        tell()
    except Exception as error:  # pytest's workers pass on nothing that is no valid Unicode
        pytest.fail(ascii("".join(traceback.format_exception(error))).replace("\\n", "\n"), pytrace=False)
