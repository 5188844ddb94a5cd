"""Usage of any shape: what of it can be a count is believed, and the answer is kept whatever the rest is."""

from typing import Any

import pytest

from tests.chat import new_session, sent
from tests.client import Client
from tests.provider.forms import in_each_form
from tests.provider.openai import Endpoint
from tests.provider.openai_replies import Reply, Usage, When

COUNTED = {"prompt_tokens": 7, "completion_tokens": 5}
SHAPES = {
    "details that are a number": {**COUNTED, "prompt_tokens_details": 10**30, "completion_tokens_details": 3},
    "details that are not a number": {**COUNTED, "prompt_tokens_details": float("nan")},
    "details that are a list": {**COUNTED, "completion_tokens_details": [1]},
    "details that are objects": {**COUNTED, "prompt_tokens_details": {"cached_tokens": {"n": 1}}},
    "a total that is an object": {**COUNTED, "total_tokens": {"n": 1}},
    "members of its own": {**COUNTED, "cost_details": {"upstream": None}, "cost": 0.25},
}


@pytest.mark.parametrize("tokens", SHAPES.values(), ids=SHAPES)
@in_each_form()
def test_a_usage_of_another_shape_is_read_as_far_as_it_can_be(
    api: Client, endpoint: Endpoint, tokens: Any, as_sent: Any
) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    endpoint.script = [as_sent(Reply(usage=Usage(tokens, When.FINISHING)))]
    answer = sent(api, session_id, "hi")
    assert (answer["status"], answer["message"]["content"]) == ("completed", "Hello there")
    usage = answer["usage"]
    assert (usage["input_tokens"], usage["output_tokens"], usage["estimated"]) == (7, 5, False)


@pytest.mark.parametrize(
    "count", [10**400, {"n": 1}, "7", float("inf"), -1], ids=["huge", "object", "text", "infinite", "negative"]
)
def test_a_count_that_cannot_be_is_estimated_beside_one_that_can(api: Client, endpoint: Endpoint, count: Any) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    endpoint.script = [Reply(usage=Usage({"prompt_tokens": count, "completion_tokens": 5.0}, When.FINISHING))]
    usage = sent(api, session_id, "hi")["usage"]
    assert usage["input_tokens"] > 0
    assert (usage["output_tokens"], usage["estimated"]) == (5, True)


def test_an_answer_that_comes_whole_may_have_a_member_whose_name_has_nul(api: Client, endpoint: Endpoint) -> None:
    session_id = new_session(api, model_name="openai:tiny", model_options={"stream": False})
    endpoint.script = [Reply(usage=Usage({**COUNTED, "completion_tokens_details": [{"\x00": 0}]}))]
    answer = sent(api, session_id, "hi")
    assert (answer["message"]["content"], answer["usage"]["output_tokens"]) == ("Hello there", 5)
