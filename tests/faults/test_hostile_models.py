"""Whatever a model sends: the session goes on, its views agree, and each answer is documented.

There are `HOSTILE_EXAMPLES` conversations in all; another `HOSTILE_SEED` chooses others.
"""

import logging
import os
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from chatkeep.agent.models import failures
from tests import graphs
from tests.chat import deployment, new_session, send
from tests.client import Client
from tests.faults import hostile_bedrock, hostile_openai
from tests.faults.hostile_checks import (
    check_the_answer,
    check_the_counters,
    check_the_stats,
    check_the_views,
    check_what_was_heard,
)
from tests.faults.hostile_texts import Heard
from tests.provider import bedrock, bedrock_replies, openai, openai_replies
from tests.provider.openai_rules import GEMMA, MISTRAL, STRICTEST, Strict
from tests.views import views

EXAMPLES = int(os.environ.get("HOSTILE_EXAMPLES") or 20)
SEED = os.environ.get("HOSTILE_SEED") or "0"
BUILT_IN, TOOLED = "chatkeep.agent.graph:build_graph", "tests.graphs:tooled"
KINDS = [
    *[("openai", TOOLED), ("bedrock", TOOLED), ("openai", BUILT_IN), ("bedrock", BUILT_IN)],
    *[("openai", TOOLED), ("openai", BUILT_IN)] * 2,
    *[("openai", TOOLED), ("bedrock", TOOLED)],
]
"""The kinds of the shards in order: the first four differ."""
TOGETHER = 5
"""Conversations on the same tables; more would slow down moto's queries."""
SHARDS = range(max(1, EXAMPLES // TOGETHER))
MODELS = {"openai": "openai:tiny", "bedrock": "bedrock:anthropic.claude-3-5-sonnet-20240620-v1:0"}
STRICTS = {"openai": [STRICTEST, MISTRAL, GEMMA, Strict()], "bedrock": [bedrock.Strict()]}
LAST_WORDS = ("All ", "is ", "well.")
"""The model's last answer, when it behaves again."""
LAST = {"openai": openai_replies.says(*LAST_WORDS), "bedrock": bedrock_replies.says(*LAST_WORDS)}
HOSTILE: dict[str, Any] = {"openai": hostile_openai, "bedrock": hostile_bedrock}
CHECKS = list(HealthCheck)


@dataclass(frozen=True)
class Conversation:
    """`turns` are the model's scripts, one per hostile turn of a session; then it says `LAST_WORDS`."""

    turns: Sequence[Sequence[Any]]
    strict: Any
    prompt: str
    streams: bool


def conversations(provider: str) -> st.SearchStrategy[Conversation]:
    scripts = st.lists(HOSTILE[provider].ANSWERS, min_size=1, max_size=2)
    turns = st.lists(scripts, min_size=1, max_size=3)
    stricts, prompts = st.sampled_from(STRICTS[provider]), st.sampled_from(["", "Be brief."])
    return st.builds(Conversation, turns, stricts, prompts, streams=st.sampled_from([True, True, True, False]))


@dataclass
class World:
    """The setting of the conversations; `model` is the provider, which all share."""

    dynamodb: Any
    provider: str
    model: Any

    def tell(self, told: Conversation) -> None:
        api = Client(f"user-{uuid4()}")
        session_id = new_session(
            api,
            model_name=MODELS[self.provider],
            custom_system_prompt=told.prompt,
            model_options={
                **({} if told.streams else {"stream": False}),
                **({"system_role": "user"} if told.strict is GEMMA else {}),
            },
        )
        self.model.strict = told.strict
        counters = {"message_count": 0, "total_tokens_used": 0, "total_cost": 0.0}
        heard: dict[str, Heard | None] = {}
        for number, script in enumerate(told.turns):
            self.model.script = list(script)
            response = send(api, session_id, f"question {number}")
            check_the_answer(response)
            if response.status == 200:
                heard[response.json["turn_id"]] = HOSTILE[self.provider].heard(script[0], told.streams)
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
    @settings(max_examples=min(EXAMPLES, TOGETHER), database=None, suppress_health_check=CHECKS)
    @given(conversations(world.provider))
    def tell(told: Conversation) -> None:
        graphs.ran.clear()
        for kept in (world.model.asked, world.model.headers, world.model.violations):
            kept.clear()
        world.tell(told)

    try:
        tell()
    except Exception as error:  # pytest's workers can pass on only valid Unicode
        pytest.fail(ascii("".join(traceback.format_exception(error))).replace("\\n", "\n"), pytrace=False)
