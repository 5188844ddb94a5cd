"""Output of models and tools is mended so that it can be stored, shown and sent again: text, numbers, structures."""

import json
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
from tests.provider.openai_replies import Reply, Shapeless, ToolCall, calls, says
from tests.views import transcript, views

SONNET = "bedrock:anthropic.claude-3-5-sonnet-20240620-v1:0"


PIECES = [
    (["a \ud83d", "\ude00 b"], "a \U0001f600 b"),
    (["\ud83d", "", "\ude00"], "\U0001f600"),
    (["a \ud83d b"], "a \ufffd b"),
    (["a \ude00", "\ud83d b"], "a \ufffd\ufffd b"),
    (["a \ud83d"], "a \ufffd"),
    (["\ude00 a"], "\ufffd a"),
]


@pytest.mark.parametrize(("pieces", "text"), one_in(2, PIECES))
@in_each_form()
def test_halves_of_surrogate_pairs_are_joined_and_lone_ones_replaced(
    api: Client, dynamodb: Any, user_id: str, endpoint: Endpoint, pieces: list[str], text: str, as_sent: Any
) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    endpoint.script = [as_sent(says(*pieces))]
    answer = sent(api, session_id, "hi")
    assert answer["message"]["content"] == text
    assert answer["usage"]["output_tokens"] == 40
    sent(api, session_id, "again")
    assert endpoint.asked[-1]["messages"][1]["content"] == text
    views(dynamodb, user_id, session_id).check()


@pytest.mark.parametrize(("pieces", "text"), one_in(2, PIECES))
@in_each_form()
def test_a_refusal_is_made_valid_to_its_end_too(
    api: Client, endpoint: Endpoint, pieces: list[str], text: str, as_sent: Any
) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    endpoint.script = [as_sent(Reply(words=(), refusal=pieces))]
    assert sent(api, session_id, "hi")["message"]["content"] == text


def test_bedrock_may_send_half_a_pair_too(api: Client, dynamodb: Any, user_id: str, bedrock: Bedrock) -> None:
    session_id = new_session(api, model_name=SONNET)
    bedrock.script = [bedrock_replies.says("a \ud83d", "\ude00 b \ud83d")]
    assert sent(api, session_id, "hi")["message"]["content"] == "a \U0001f600 b \ufffd"
    sent(api, session_id, "again")
    views(dynamodb, user_id, session_id).check()


def test_a_tool_call_cut_off_inside_an_escaped_emoji_is_shown_and_not_made(
    api: Client, dynamodb: Any, user_id: str, tools: Endpoint
) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    tools.script = [calls(ToolCall("c1", "keep", '{"value": "a \\ud83d', pieces=3))]
    answer = sent(api, session_id, "hi")
    assert graphs.ran == []
    (call,) = answer["message"]["tool_calls"]
    assert (call["type"], call["id"]) == ("invalid_tool_call", "c1")
    sent(api, session_id, "again")
    assert tools.violations == []
    views(dynamodb, user_id, session_id).check()


def test_arguments_names_and_results_with_half_a_pair_are_made_valid(
    api: Client, dynamodb: Any, user_id: str, tools: Endpoint
) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    arguments = json.dumps({"value": {"deep": ["x \ud83d", {"\ude00k": "\ud83d\ude00"}]}})
    tools.script = [
        calls(ToolCall("c\ud83d1", "keep", arguments), ToolCall("c2", "half"), ToolCall("c3", "ha\ud83dlf"))
    ]
    sent(api, session_id, "hi")
    assert graphs.ran == [{"deep": ["x \ufffd", {"\ufffdk": "\U0001f600"}]}]
    assert "half \ufffd of it" in [one["content"] for one in transcript(api, session_id)]
    sent(api, session_id, "again")
    assert tools.violations == []
    views(dynamodb, user_id, session_id).check()


ODD = {
    "an integer over 64 bits": ("1180591620717411303424", 2**70, str(2**70)),
    "a negative one": ("-1180591620717411303424", -(2**70), str(-(2**70))),
    "not a number": ("NaN", "nan", "nan"),
    "infinity": ("-Infinity", float("-inf"), "-inf"),
    "a large exponent": ("1e400", float("inf"), "inf"),
}


@pytest.mark.parametrize(("raw", "given", "shown"), ODD.values(), ids=ODD)
def test_a_number_that_not_every_format_has_reaches_the_tool_and_is_stored(
    api: Client, dynamodb: Any, user_id: str, tools: Endpoint, raw: str, given: Any, shown: Any
) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    tools.script = [calls(ToolCall("c1", "keep", f'{{"value": {raw}}}'))]
    sent(api, session_id, "hi")
    assert [str(one) for one in graphs.ran] == [str(given)]
    assert transcript(api, session_id)[1]["tool_calls"][0]["args"] == {"value": shown}
    sent(api, session_id, "again")
    assert tools.violations == []
    views(dynamodb, user_id, session_id).check()


@pytest.mark.parametrize("depth", [90, 200, 2_000, 200_000])
def test_arguments_that_are_nested_too_deeply_are_refused_before_the_tool_runs(
    api: Client, dynamodb: Any, user_id: str, tools: Endpoint, depth: int
) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    tools.script = [calls(ToolCall("c1", "keep", f'{{"value": {"[" * depth}{"]" * depth}}}'))]
    sent(api, session_id, "hi")
    assert len(graphs.ran) == (1 if depth < 100 else 0)
    sent(api, session_id, "again")
    assert tools.violations == []
    views(dynamodb, user_id, session_id).check()


def test_a_number_with_more_digits_than_python_reads_makes_an_invalid_call(
    api: Client, dynamodb: Any, user_id: str, tools: Endpoint
) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    tools.script = [calls(ToolCall("c1", "keep", '{"value": ' + "9" * 5_000 + "}"))]
    assert sent(api, session_id, "hi")["message"]["tool_calls"][0]["type"] == "invalid_tool_call"
    sent(api, session_id, "again")
    views(dynamodb, user_id, session_id).check()


def test_a_half_at_the_end_of_a_refusal_is_marked(api: Client, endpoint: Endpoint) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    endpoint.script = [Reply(words=(), refusal=("No \ud83d",))]
    assert sent(api, session_id, "hi")["message"]["content"] == "No \ufffd"


@pytest.mark.parametrize("shape", [None, "x", 7, {"function": "keep"}, {"function": None}])
def test_calls_of_any_shape_leave_the_words_whole(api: Client, endpoint: Endpoint, shape: Any) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    endpoint.script = [says("Wait", tool_calls=[Shapeless(shape)])]
    answer = sent(api, session_id, "hi")
    assert (answer["status"], answer["message"]["content"]) == ("completed", "Wait")


def test_the_last_message_of_a_turn_is_mended_too(
    api: Client, dynamodb: Any, user_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = new_session(api)
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:garbled"}):
        answer = sent(api, session_id, "hi")
        assert (answer["status"], answer["message"]["content"]) == ("completed", "half \ufffd of it")
        assert answer["message"]["tool_calls"][0]["args"] == {"speed": str(2**64), "to": "\ufffd"}
        sent(api, session_id, "again")
    views(dynamodb, user_id, session_id).check()


def test_a_fault_of_the_graph_is_not_called_the_models_and_keeps_what_was_said(
    api: Client, dynamodb: Any, user_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = new_session(api)
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:broken"}):
        answer = send(api, session_id, "hi", key="k")
    assert (answer.status, answer.json["status"], answer.json["error"]["code"]) == (200, "failed", "graph_failed")
    assert answer.json["message"]["content"] == "echo: hi"
    views(dynamodb, user_id, session_id).check()


def test_text_that_was_stored_invalid_is_shown_all_the_same(api: Client, dynamodb: Any, user_id: str) -> None:
    session_id = new_session(api)
    message = sent(api, session_id, "hi")["message"]
    dynamodb.update_item(
        TableName="chatkeep-SessionsTable",
        Key={"pk": {"S": f"SESSION#{user_id}#{session_id}"}, "sk": {"S": f"MESSAGE#{message['message_id']}"}},
        UpdateExpression="SET tool_calls = :calls",
        ExpressionAttributeValues={":calls": {"S": json.dumps([{"name": "x", "args": {"a": "\ud83d"}, "id": "1"}])}},
    )
    assert transcript(api, session_id)[1]["tool_calls"][0]["args"] == {"a": "\ufffd"}


def test_a_reply_without_any_chunk_is_no_answer(api: Client, endpoint: Endpoint) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    endpoint.script = [Reply(words=(), finish=None, cut_after=0)] * 2
    assert send(api, session_id, "hi").json["code"] == "model_unavailable"
