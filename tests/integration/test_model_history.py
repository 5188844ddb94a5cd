"""The history sent to a model: alternating roles and no blank text, whatever the session has gone through."""

import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from chatkeep.turns import supervision
from functions.sessions import cancelling
from tests.cases import cases, one_in
from tests.chat import deployment, meanwhile, new_session, sent
from tests.client import Client
from tests.provider.bedrock import Bedrock
from tests.provider.bedrock_replies import Reasoning
from tests.provider.bedrock_replies import Reply as BedrockReply
from tests.provider.openai import Endpoint
from tests.provider.openai_replies import Reply, ToolCall, calls, says
from tests.provider.openai_rules import GEMMA, MISTRAL, Strict
from tests.provider.pauses import Pause
from tests.views import transcript, views

MANUAL = Path(__file__).parents[2] / "layers" / "shared" / "chatkeep" / "agent" / "README.md"
STRICT = Strict(alternating=True, no_blank=True, system_roles=("system",))
WITHOUT_WORDS = {
    "empty": Reply(words=()),
    "an empty piece": says(""),
    "white space": says(" ", "\n"),
    "reasoning alone": Reply(words=(), reasoning=("hm",)),
    "reasoning under its other name": Reply(words=(), reasoning=("hm",), reasoning_member="reasoning"),
    "cut by the limit": Reply(words=(), finish="length"),
}


@pytest.mark.parametrize("case", one_in(2, WITHOUT_WORDS.keys()))
@pytest.mark.parametrize("strict", cases({"alternating": STRICT, "mistral": MISTRAL}, thorough=["mistral"]))
def test_a_turn_without_words_does_not_stand_in_the_way_of_the_next(
    api: Client, dynamodb: Any, user_id: str, endpoint: Endpoint, case: str, strict: Strict
) -> None:
    endpoint.strict = strict
    session_id = new_session(api, model_name="openai:tiny", custom_system_prompt="Be brief.")
    endpoint.script = [WITHOUT_WORDS[case]] * 2
    sent(api, session_id, "one")
    sent(api, session_id, "two")
    assert sent(api, session_id, "three")["message"]["content"] == "Hello there"
    assert endpoint.violations == []
    assert [one["role"] for one in endpoint.asked[-1]["messages"]] == ["system", "user"]
    assert endpoint.asked[-1]["messages"][1]["content"] == "one\n\ntwo\n\nthree"
    shown = [one["content"] for one in transcript(api, session_id)]
    assert [shown[0], shown[2], shown[4], shown[5]] == ["one", "two", "three", "Hello there"]
    views(dynamodb, user_id, session_id).check()


def test_a_turn_that_was_cancelled_before_its_first_word_does_neither(
    api: Client, dynamodb: Any, user_id: str, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "FIRST_LOOK_SECONDS", 0.05)
    endpoint.strict = STRICT
    session_id = new_session(api, model_name="openai:tiny")
    held = Pause()
    endpoint.script = [Reply(pause=held)]
    with meanwhile(lambda: held.reached.wait(20), lambda: cancelling.cancel(user_id, session_id, None)):
        assert sent(api, session_id, "one")["status"] == "cancelled"
    sent(api, session_id, "two")
    assert endpoint.violations == []
    assert [one["content"] for one in transcript(api, session_id)] == ["one", "", "two", "Hello there"]
    views(dynamodb, user_id, session_id).check()


def test_a_question_of_white_space_is_no_blank_message(api: Client, endpoint: Endpoint) -> None:
    endpoint.strict = STRICT
    session_id = new_session(api, model_name="openai:tiny")
    assert sent(api, session_id, " \n")["user_message"]["content"] == " \n"
    assert endpoint.violations == []
    assert endpoint.asked[-1]["messages"] == [{"role": "user", "content": "…"}]


def test_bedrock_is_sent_no_answer_of_reasoning_alone(
    api: Client, dynamodb: Any, user_id: str, bedrock: Bedrock
) -> None:
    session_id = new_session(api, model_name="bedrock:anthropic.claude-3-5-sonnet-20240620-v1:0")
    bedrock.script = [BedrockReply((Reasoning(("hm",), signature="s"),)), BedrockReply(())]
    sent(api, session_id, "one")
    sent(api, session_id, "two")
    sent(api, session_id, "three")
    assert bedrock.violations == []
    assert [one["role"] for one in bedrock.asked[-1]["messages"]] == ["user"]
    views(dynamodb, user_id, session_id).check()


@pytest.mark.parametrize("prompt", ["", " \n"])
@pytest.mark.parametrize("graph", ["tests.graphs:tooled", "chatkeep.agent.graph:build_graph"])
def test_a_session_without_a_prompt_has_no_system_message(
    api: Client, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, graph: str, prompt: str
) -> None:
    endpoint.strict = Strict(no_blank=True)
    session_id = new_session(api, model_name="openai:tiny", custom_system_prompt=prompt)
    variables = {"GRAPH": graph, "OPENAI_BASE_URL": endpoint.url, "OPENAI_API_KEY": "key"}
    with deployment(monkeypatch, variables):
        sent(api, session_id, "hi")
    assert endpoint.violations == []
    assert endpoint.asked[-1]["messages"] == [{"role": "user", "content": "hi"}]


def test_the_manuals_own_graph_works_as_it_is_printed(
    api: Client, dynamodb: Any, user_id: str, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    printed = re.findall(r"```python\n(.*?)```", MANUAL.read_text(encoding="utf-8"), re.DOTALL)
    (example,) = [one for one in printed if "def build_graph" in one]
    name = f"printed_{uuid4().hex}"
    (tmp_path / f"{name}.py").write_text(example, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    endpoint.strict = Strict(no_blank=True)
    endpoint.script = [calls(ToolCall("c", "search", '{"query": "fjords"}')), says("They are deep.")]
    variables = {"GRAPH": f"{name}:build_graph", "OPENAI_BASE_URL": endpoint.url, "OPENAI_API_KEY": "key"}
    with deployment(monkeypatch, variables):
        session_id = new_session(api, model_name="openai:tiny")
        assert sent(api, session_id, "What of fjords?")["message"]["content"] == "They are deep."
    assert endpoint.violations == []
    shown = [one["content"] for one in views(dynamodb, user_id, session_id).transcript]
    assert shown == ["What of fjords?", "", "nothing is known of fjords", "They are deep."]


def test_an_endpoint_that_knows_no_system_role_takes_the_prompt_with_the_first_question(
    api: Client, endpoint: Endpoint
) -> None:
    endpoint.strict = GEMMA
    options = {"system_role": "user"}
    session_id = new_session(api, model_name="openai:tiny", custom_system_prompt="Be brief.", model_options=options)
    sent(api, session_id, "hi")
    sent(api, session_id, "again")
    assert endpoint.violations == []
    assert endpoint.asked[-1]["messages"][0] == {"role": "user", "content": "Be brief.\n\nhi"}


def test_a_node_that_is_not_async_asks_alike(
    api: Client, dynamodb: Any, user_id: str, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint.strict = STRICT
    session_id = new_session(api, model_name="openai:tiny")
    variables = {"GRAPH": "tests.graphs:blocking", "OPENAI_BASE_URL": endpoint.url, "OPENAI_API_KEY": "key"}
    with deployment(monkeypatch, variables):
        endpoint.script = [Reply(words=()), says("a \ud83d", "\ude00")]
        sent(api, session_id, "one")
        assert sent(api, session_id, "two")["message"]["content"] == "a \U0001f600"
        sent(api, session_id, "three")
    assert endpoint.violations == []
    views(dynamodb, user_id, session_id).check()
