"""Why an answer ended: its finish reason, a refusal's words, and blank answers that say they are complete."""

from typing import Any

import pytest

from tests.cases import one_in
from tests.chat import new_session, sent
from tests.client import Client
from tests.provider import bedrock_replies
from tests.provider.bedrock import Bedrock
from tests.provider.forms import in_each_form
from tests.provider.openai import Endpoint
from tests.provider.openai_replies import Reply, ToolCall, calls, says
from tests.views import transcript

SONNET = "bedrock:anthropic.claude-3-5-sonnet-20240620-v1:0"
ENDINGS: dict[str, tuple[Reply, str, str]] = {
    "stop": (says("Hello"), "Hello", "stop"),
    "length": (says("Hel", finish="length"), "Hel", "length"),
    "content filter": (says("Hel", finish="content_filter"), "Hel", "content_filter"),
    "none": (says("Hello", finish=None), "Hello", "unknown"),
    "none and no end": (says("Hello", finish=None, done=False), "Hello", "unknown"),
    "one that nobody knows": (says("Hello", finish="because"), "Hello", "unknown"),
    "refusal": (Reply(words=(), refusal=("I ", "won't.")), "I won't.", "refusal"),
    "refusal after words": (Reply(words=("Well. ",), refusal=("No.",)), "Well. No.", "refusal"),
    "empty": (Reply(words=()), "", "unknown"),
    "blank": (says(" \n"), " \n", "unknown"),
    "empty at the limit": (Reply(words=(), finish="length"), "", "length"),
    "reasoning alone": (Reply(words=(), reasoning=("hm",)), "", "unknown"),
    "tool calls": (calls(ToolCall("c", "keep")), "", "tool_calls"),
    "tool calls that stop": (calls(ToolCall("c", "keep"), finish="stop"), "", "tool_calls"),
}


@pytest.mark.parametrize("case", one_in(3, ENDINGS.keys()))
@in_each_form(thorough=["whole"])
def test_an_answer_tells_why_it_ended(api: Client, endpoint: Endpoint, case: str, as_sent: Any) -> None:
    reply, content, reason = ENDINGS[case]
    session_id = new_session(api, model_name="openai:tiny")
    endpoint.script = [as_sent(reply)]
    answer = sent(api, session_id, "hi")
    assert (answer["message"]["content"], answer["message"]["finish_reason"]) == (content, reason)
    assert answer["status"] == "completed"
    assert [one["finish_reason"] for one in transcript(api, session_id)] == [None, reason]


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
        ("tool_use", "tool_calls"),
    ],
)
def test_bedrocks_reasons_have_the_same_names(api: Client, bedrock: Bedrock, stop: str, reason: str) -> None:
    session_id = new_session(api, model_name=SONNET)
    bedrock.script = [bedrock_replies.says("Hello", stop=stop)]
    assert sent(api, session_id, "hi")["message"]["finish_reason"] == reason
