"""Tool calls of any shape: what is made of them, what the transcript shows, and that the session goes on."""

from typing import Any

import pytest

from tests import graphs
from tests.cases import one_in
from tests.chat import deployment, new_session, send, sent
from tests.client import Client
from tests.provider import bedrock_replies
from tests.provider.bedrock import Bedrock
from tests.provider.forms import in_each_form
from tests.provider.openai import Endpoint
from tests.provider.openai_replies import Reply, ToolCall, calls
from tests.provider.openai_rules import STRICTEST, Strict
from tests.views import transcript, views

SONNET = "bedrock:anthropic.claude-3-5-sonnet-20240620-v1:0"
CALLS = {
    "without an id": [ToolCall(None, "keep", '{"value": 1}')],
    "with a blank id": [ToolCall(" ", "keep", '{"value": 1}')],
    "two without ids": [ToolCall(None, "keep", '{"value": 1}'), ToolCall(None, "keep", '{"value": 2}')],
    "two with one id": [ToolCall("c", "keep", '{"value": 1}'), ToolCall("c", "keep", '{"value": 2}')],
    "two at one index": [
        ToolCall("c1", "keep", '{"value": 1}', index=0),
        ToolCall("c2", "keep", '{"value": 2}', index=0),
    ],
    "two without ids at one index": [
        ToolCall(None, "keep", '{"value": 1}', index=0, pieces=0),
        ToolCall("", "keep", '{"value": 2}', index=0, pieces=0),
    ],
    "two with one id at one index": [
        ToolCall("c", "keep", '{"value": 1}', index=0),
        ToolCall("c", "keep", '{"value": 2}', index=0),
    ],
    "not json": [ToolCall("c", "keep", "not json")],
    "a list": [ToolCall("c", "keep", "[1, 2]")],
    "a bare string": [ToolCall("c", "keep", '"hello"')],
    "null": [ToolCall("c", "keep", "null")],
    "cut in the middle": [ToolCall("c", "keep", '{"value": 12')],
    "no arguments": [ToolCall("c", "keep", "", pieces=0)],
    "no name": [ToolCall("c", None, "{}")],
    "a tool that does not exist": [ToolCall("c", "fly", "{}")],
    "a name that is no name": [ToolCall("c", "fly to the moon!", "{}")],
    "an id of another kind": [ToolCall("functions.keep:0 " + "x" * 80, "keep", '{"value": 1}')],
    "one good, one bad": [ToolCall("c1", "keep", '{"value": 1}'), ToolCall("c2", "keep", "[")],
    "good, bad and without id": [
        ToolCall("", "keep", '{"value": 1}'),
        ToolCall(None, "keep", "["),
        ToolCall("", "fly", ""),
    ],
}
MADE = {
    "without an id": [1], "with a blank id": [1], "two without ids": [1, 2], "two with one id": [1, 2],
    "two at one index": [1, 2], "two without ids at one index": [1, 2], "two with one id at one index": [1, 2],
    "no arguments": [None], "an id of another kind": [1], "one good, one bad": [1],
    "good, bad and without id": [1],
}  # fmt: skip
"""The tool is called with these, and not at all in the other cases."""


@pytest.mark.parametrize("case", one_in(3, CALLS.keys()))
@in_each_form(thorough=["whole"])
def test_an_agent_makes_the_calls_that_can_be_made_and_the_session_goes_on(
    api: Client, dynamodb: Any, user_id: str, tools: Endpoint, case: str, as_sent: Any
) -> None:
    tools.strict = STRICTEST
    session_id = new_session(api, model_name="openai:tiny")
    tools.script = [as_sent(calls(*CALLS[case], words=("Wait.",)))]
    sent(api, session_id, "hi")
    assert sorted(graphs.ran, key=str) == MADE.get(case, [])
    shown = [call for one in transcript(api, session_id) for call in one["tool_calls"] or []]
    assert len(shown) == len(CALLS[case])
    assert all(call["id"] for call in shown)
    sent(api, session_id, "again")
    assert tools.violations == []
    views(dynamodb, user_id, session_id).check()


def test_an_endpoint_that_does_not_stream_may_call_tools_too(
    api: Client, dynamodb: Any, user_id: str, tools: Endpoint
) -> None:
    session_id = new_session(api, model_name="openai:tiny", model_options={"stream": False})
    tools.script = [calls(ToolCall("c1", "keep", '{"value": 1}'), ToolCall("c2", "keep", "["))]
    assert sent(api, session_id, "hi")["message"]["content"] == "Hello there"
    assert graphs.ran == [1]
    assert [call["id"] for call in transcript(api, session_id)[1]["tool_calls"]] == ["c1", "c2"]
    assert tools.violations == []
    views(dynamodb, user_id, session_id).check()


@pytest.mark.parametrize("case", one_in(3, CALLS.keys()))
def test_a_graph_without_tools_shows_the_calls_and_sends_none_to_the_model(
    api: Client, dynamodb: Any, user_id: str, endpoint: Endpoint, case: str
) -> None:
    endpoint.strict = STRICTEST
    session_id = new_session(api, model_name="openai:tiny")
    endpoint.script = [calls(*CALLS[case])]
    answer = sent(api, session_id, "hi")
    assert len(answer["message"]["tool_calls"]) == len(CALLS[case])
    assert answer["message"]["finish_reason"] == "tool_calls"
    sent(api, session_id, "again")
    assert endpoint.violations == []
    assert not any("tool_calls" in one or one["role"] == "tool" for one in endpoint.asked[-1]["messages"])
    views(dynamodb, user_id, session_id).check()


def test_a_call_that_could_not_be_made_is_shown_as_the_model_wrote_it(api: Client, tools: Endpoint) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    tools.script = [calls(ToolCall("c", "keep", '{"value": 12'))]
    sent(api, session_id, "hi")
    sent(api, session_id, "again")
    _, answer, result, question, _ = transcript(api, session_id)
    assert answer["tool_calls"] == [
        {
            "id": "c",
            "name": "keep",
            "args": '{"value": 12',
            "type": "invalid_tool_call",
            "error": "the arguments are not a JSON object",
        }
    ]
    assert (result["role"], question["content"]) == ("tool", "again")


def test_what_bedrock_cuts_off_or_writes_is_read_alike(
    api: Client, dynamodb: Any, user_id: str, tools: Endpoint, bedrock: Bedrock
) -> None:
    session_id = new_session(api, model_name=SONNET)
    for raw in ('{"value": 12', "not json", "[1]", '{"value": [1, 2]}', ""):
        bedrock.script = [bedrock_replies.calls(bedrock_replies.ToolUse("t1", "keep", raw, pieces=3))]
        sent(api, session_id, "hi")
        sent(api, session_id, "again")
    assert graphs.ran == [[1, 2], None]
    assert bedrock.violations == []
    views(dynamodb, user_id, session_id).check()


def test_a_session_may_go_on_with_another_providers_model(
    api: Client, dynamodb: Any, user_id: str, tools: Endpoint, bedrock: Bedrock
) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    tools.script = [calls(ToolCall("functions.keep:0", "keep", '{"value": 1}'))]
    sent(api, session_id, "hi")
    api.patch(f"/sessions/{session_id}", json={"model_name": SONNET})
    reasoned = (bedrock_replies.Reasoning(("hm",), signature="s"), bedrock_replies.Text(("Yes",)))
    bedrock.script = [bedrock_replies.Reply(reasoned)]
    sent(api, session_id, "and now")
    api.patch(f"/sessions/{session_id}", json={"model_name": "openai:tiny"})
    sent(api, session_id, "back again")
    assert (bedrock.violations, tools.violations) == ([], [])
    views(dynamodb, user_id, session_id).check()


def test_a_tool_without_a_result_in_words_is_no_blank_message(api: Client, tools: Endpoint) -> None:
    tools.strict = Strict(no_blank=True)
    session_id = new_session(api, model_name="openai:tiny")
    tools.script = [calls(ToolCall("c", "silent"), words=(" ",)), Reply(words=("Done.",))]
    assert sent(api, session_id, "hi")["message"]["content"] == "Done."
    assert tools.violations == []


@pytest.mark.parametrize(
    ("graph", "call"), [("ending", ToolCall("c", "final")), ("shaped", ToolCall("c", "Shape", '{"n": 1}'))]
)
def test_a_run_that_a_tool_ends_is_stored_and_not_made_again(
    api: Client,
    dynamodb: Any,
    user_id: str,
    tools: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    graph: str,
    call: ToolCall,
) -> None:
    tools.strict = STRICTEST
    session_id = new_session(api, model_name="openai:tiny")
    tools.script = [calls(call)]
    variables = {"GRAPH": f"tests.graphs:{graph}", "OPENAI_BASE_URL": tools.url, "OPENAI_API_KEY": "key"}
    with deployment(monkeypatch, variables):
        first = sent(api, session_id, "hi", key="k")
        assert sent(api, session_id, "hi", key="k") == first
        tools.script = [calls(call)]
        sent(api, session_id, "again")
    shown = transcript(api, session_id)
    assert (first["status"], first["message"]["finish_reason"]) == ("completed", "stop")
    assert first["message"]["content"] == shown[2]["content"] != ""
    assert [one["role"] for one in shown] == ["user", "assistant", "tool", "assistant"] * 2
    assert tools.violations == []
    views(dynamodb, user_id, session_id).check()


def test_what_a_tool_leaves_that_cannot_be_stored_is_no_models_fault(
    api: Client, dynamodb: Any, user_id: str, tools: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    tools.script = [calls(ToolCall("c", "lock"))]
    variables = {"GRAPH": "tests.graphs:ending", "OPENAI_BASE_URL": tools.url, "OPENAI_API_KEY": "key"}
    with deployment(monkeypatch, variables):
        failed = send(api, session_id, "hi")
    assert (failed.status, failed.json["code"]) == (500, "graph_failed")
    assert "retry-after" not in failed.headers
    sent(api, session_id, "again")
    views(dynamodb, user_id, session_id).check()
