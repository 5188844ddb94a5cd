"""The fake Bedrock: what it sends arrives as meant, only what Bedrock could send, and it refuses what Bedrock does."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError, HTTPClientError, ReadTimeoutError
from hypothesis import given, settings
from hypothesis import strategies as st
from urllib3.exceptions import HTTPError

from tests.provider import bedrock_refusals as refusals
from tests.provider.bedrock import Bedrock, serve
from tests.provider.bedrock_cache import Cache
from tests.provider.bedrock_replies import Failure, Reasoning, Refusal, Reply, Text, ToolUse, calls, says, tokens
from tests.provider.bedrock_rules import UNSUPPORTED, Strict, violations
from tests.provider.pauses import Pause
from tests.provider.server import HangUp

MODEL = "anthropic.claude-3-5-sonnet-20240620-v1:0"
HI = [{"role": "user", "content": [{"text": "hi"}]}]
TOOLS = {"tools": [{"toolSpec": {"name": "search", "inputSchema": {"json": {"type": "object"}}}}]}


@pytest.fixture
def bedrock() -> Iterator[Bedrock]:
    with serve() as found:
        yield found


@pytest.fixture(scope="module")
def client() -> Any:
    """As strict with answers as with requests; the service judges the requests itself."""
    return client_with(patience=20)


def client_with(patience: float) -> Any:
    """A client that waits so many seconds for a word."""
    config = Config(read_timeout=patience, retries={"total_max_attempts": 1}, parameter_validation=False)
    return boto3.client("bedrock-runtime", region_name="us-east-1", config=config)


def streamed(client: Any, messages: Any = HI, **rest: Any) -> list[dict[str, Any]]:
    with closing(client.converse_stream(modelId=MODEL, messages=messages, **rest)["stream"]) as events:
        return list(events)


def deltas(events: list[dict[str, Any]], member: str) -> list[Any]:
    found = [event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event]
    return [delta[member] for delta in found if member in delta]


def test_a_stream_has_its_words_its_end_and_its_usage(bedrock: Bedrock, client: Any) -> None:
    events = streamed(client, system=[{"text": "In French."}], inferenceConfig={"maxTokens": 9})
    assert [kind for event in events for kind in event] == [
        *("messageStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata")
    ]
    assert deltas(events, "text") == ["Bonjour"]
    assert events[-1]["metadata"]["usage"] == {"inputTokens": 1000, "outputTokens": 200, "totalTokens": 1200}
    (asked,) = bedrock.asked
    assert (asked["messages"], asked["inferenceConfig"]) == (HI, {"maxTokens": 9})
    assert asked["url"].endswith("/converse-stream")
    assert bedrock.headers[0]["authorization"].startswith("AWS4-HMAC-SHA256")


def test_the_script_is_followed_and_then_the_default(bedrock: Bedrock, client: Any) -> None:
    bedrock.script = [says("one"), says("t", "wo", stop="max_tokens")]
    assert [deltas(streamed(client), "text") for _ in range(3)] == [["one"], ["t", "wo"], ["Bonjour"]]


@pytest.mark.parametrize("pieces", [1, 3, 9])
def test_blocks_come_in_order_and_tool_inputs_in_pieces(bedrock: Bedrock, client: Any, pieces: int) -> None:
    thought = Reasoning(("hm", "!"), signature="c2ln")
    uses = ToolUse("a", "search", '{"q": [1', pieces), ToolUse("b", "search", "{}", pieces)
    bedrock.default = calls(*uses, before=(thought, Reasoning(redacted=b"\x00\xff")), more={"thinking": 2})
    events = streamed(client)
    starts = [event["contentBlockStart"] for event in events if "contentBlockStart" in event]
    assert [(one["contentBlockIndex"], one["start"]["toolUse"]["toolUseId"]) for one in starts] == [(2, "a"), (3, "b")]
    assert "".join(one["input"] for one in deltas(events, "toolUse")) == '{"q": [1{}'
    assert deltas(events, "reasoningContent") == [
        *({"text": "hm"}, {"text": "!"}, {"signature": "c2ln"}, {"redactedContent": b"\x00\xff"})
    ]
    stop = {"stopReason": "tool_use", "additionalModelResponseFields": {"thinking": 2}}
    assert {"messageStop": stop} in events


def test_converse_says_the_same_in_one_body(bedrock: Bedrock, client: Any) -> None:
    thoughts = Reasoning(("hm", "!"), signature="c2ln"), Reasoning(redacted=b"\x00\xff"), Text(("Wait", "."))
    bedrock.default = calls(ToolUse("a", "search", '{"q": 1}'), before=thoughts)
    answer = client.converse(modelId=MODEL, messages=HI)
    assert answer["output"]["message"]["content"] == [
        {"reasoningContent": {"reasoningText": {"text": "hm!", "signature": "c2ln"}}},
        {"reasoningContent": {"redactedContent": b"\x00\xff"}},
        {"text": "Wait."},
        {"toolUse": {"toolUseId": "a", "name": "search", "input": {"q": 1}}},
    ]
    assert (answer["stopReason"], answer["usage"]["totalTokens"]) == ("tool_use", 1200)


def test_usage_has_what_was_read_from_the_cache_and_written_to_it(bedrock: Bedrock, client: Any) -> None:
    bedrock.default = Reply(usage=tokens(3, 5, cached=100, cached_5m=20, cached_1h=10))
    assert streamed(client)[-1]["metadata"]["usage"] == {
        "inputTokens": 3,
        "outputTokens": 5,
        "totalTokens": 138,
        "cacheReadInputTokens": 100,
        "cacheWriteInputTokens": 30,
        "cacheDetails": [{"ttl": "1h", "inputTokens": 10}, {"ttl": "5m", "inputTokens": 20}],
    }


def test_a_stream_may_just_stop(bedrock: Bedrock, client: Any) -> None:
    bedrock.default = Reply(stop=None, usage=None)
    assert list(streamed(client)[-1]) == ["contentBlockStop"]


@pytest.mark.parametrize(
    "impossible",
    [
        lambda: Reply(stop="bored"),
        lambda: Reply(usage={**tokens(1, 1), "inputTokens": -1}),
        lambda: Reply(usage={"inputTokens": 1}),
        lambda: Reply(usage={**tokens(1, 1), "cacheDetails": [{"ttl": "1d", "inputTokens": 1}]}),
        lambda: Reply(usage={**tokens(1, 1), "reasoningTokens": 1}),
        lambda: calls(ToolUse("a b", "search")),
        lambda: calls(ToolUse("a", "x" * 65)),
        lambda: calls(ToolUse("", "search")),
        lambda: says(b"bytes"),  # type: ignore[arg-type]
        lambda: Reply(failure=Failure("accessDeniedException", "not in a stream")),
        lambda: Reply(failure=Failure("throttlingException", "x", {"originalStatusCode": 429})),
        lambda: Refusal("RateLimitError", "of another service"),
        lambda: Refusal("ModelErrorException", "x", {"originalStatusCode": 1000}),
    ],
)
def test_what_bedrock_could_not_send_is_no_scenario(impossible: Any) -> None:
    with pytest.raises(ValueError):
        impossible()


@pytest.mark.parametrize(
    "failure",
    [
        Failure("throttlingException", "slowly"),
        Failure("internalServerException", "sorry"),
        Failure("serviceUnavailableException", "later"),
        Failure("validationException", "no"),
        Failure("modelStreamErrorException", "it broke", {"originalStatusCode": 500, "originalMessage": "x"}),
    ],
)
def test_a_failure_ends_a_stream(bedrock: Bedrock, client: Any, failure: Failure) -> None:
    bedrock.default = says("a", "b", "c", failure=failure, fails_after=2)
    heard = []
    stream = client.converse_stream(modelId=MODEL, messages=HI)["stream"]
    with closing(stream), pytest.raises(EventStreamError) as failed:
        heard.extend(stream)
    assert failed.value.response["Error"] == {"Code": failure.name, "Message": failure.message}
    assert deltas(heard, "text") == ["a"]


@pytest.mark.parametrize(("after", "heard"), [(0, 0), (2, 2), (-1, 4), (5, 5)])
def test_a_cut_stream_is_noticed_after_what_was_sent(bedrock: Bedrock, client: Any, after: int, heard: int) -> None:
    bedrock.default = Reply(cut_after=after)
    events = []
    answer = client.converse_stream
    with pytest.raises((HTTPClientError, HTTPError)), closing(answer(modelId=MODEL, messages=HI)["stream"]) as stream:
        events.extend(stream)
    assert len(events) == heard


def test_an_answer_may_be_left_out(bedrock: Bedrock, client: Any) -> None:
    bedrock.default = HangUp()
    with pytest.raises(HTTPClientError):
        streamed(client)


@pytest.mark.parametrize("after", [None, 0, 2])
def test_a_silence_outlasts_the_patience_of_a_client_that_leaves(bedrock: Bedrock, after: int | None) -> None:
    bedrock.default = Reply(pause=Pause(after=after))
    with pytest.raises((ReadTimeoutError, HTTPError)):
        streamed(client_with(patience=0.5))
    assert bedrock.default.pause.reached.wait(20)


def test_a_silence_ends_when_it_is_told_to(bedrock: Bedrock, client: Any) -> None:
    pause = Pause(after=2)
    bedrock.default = Reply(pause=pause)
    threading.Thread(target=lambda: pause.reached.wait(20) and pause.until.set()).start()
    begun = time.monotonic()
    assert deltas(streamed(client), "text") == ["Bonjour"]
    assert time.monotonic() - begun < 10


REFUSALS = [
    (refusals.throttled(), 429, "ThrottlingException"),
    (refusals.too_long(), 400, "ValidationException"),
    (refusals.access_denied(), 403, "AccessDeniedException"),
    (refusals.bad_credentials(), 403, "UnrecognizedClientException"),
    (refusals.model_retired(), 404, "ResourceNotFoundException"),
    (refusals.unknown_model(), 400, "ValidationException"),
    (refusals.quota_exceeded(), 400, "ServiceQuotaExceededException"),
    (refusals.model_not_ready(), 429, "ModelNotReadyException"),
    (refusals.unavailable(), 503, "ServiceUnavailableException"),
    (refusals.model_timed_out(), 408, "ModelTimeoutException"),
    (refusals.model_failed(), 424, "ModelErrorException"),
    (refusals.internal_error(), 500, "InternalServerException"),
]


@pytest.mark.parametrize(("answer", "status", "code"), REFUSALS)
def test_refusals_are_what_the_client_takes_them_for(
    bedrock: Bedrock, client: Any, answer: Refusal, status: int, code: str
) -> None:
    bedrock.default = answer
    with pytest.raises(ClientError) as refused:
        streamed(client)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert refused.value.response["Error"] == {"Code": code, "Message": answer.message}


def test_a_failure_is_the_whole_answer_where_nothing_is_streamed(bedrock: Bedrock, client: Any) -> None:
    bedrock.default = Reply(failure=Failure("throttlingException", "slowly"))
    with pytest.raises(client.exceptions.ThrottlingException):
        client.converse(modelId=MODEL, messages=HI)


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def model(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def use(use_id: str = "a", **changes: Any) -> dict[str, Any]:
    return {"toolUse": {"toolUseId": use_id, "name": "search", "input": {}, **changes}}


def result(use_id: str = "a", text: str = "found") -> dict[str, Any]:
    return {"toolResult": {"toolUseId": use_id, "content": [{"text": text}]}}


YES = {"text": "yes"}
BLANK = {"text": " \n"}
CALLED = [*HI, model(YES, use()), user(result())]

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"messages": []}, "A conversation must start with a user message"),
    ({"messages": [model(YES), *HI]}, "A conversation must start with a user message"),
    ({"messages": [*HI, *HI]}, "A conversation must alternate"),
    ({"messages": [*HI, model(YES)]}, "must end with a user message"),
    ({"messages": [user()]}, "messages.0 is empty"),
    ({"messages": [user(YES, BLANK)]}, "ContentBlock object at messages.0.content.1 is blank"),
    ({"messages": [*HI, model(BLANK, use()), user(result())]}, "messages.1.content.0 is blank"),
    ({"messages": [*HI, model(use()), user(result(text=""))]}, "messages.2.content.0.toolResult.content.0 is blank"),
    ({"messages": HI, "system": [BLANK]}, "SystemContentBlock object at system.0 is blank"),
    (
        {"messages": [*CALLED[:2], user(YES)]},
        "Expected toolResult blocks at messages.2.content for the following Ids: a",
    ),
    ({"messages": [*HI, model(use(), use("b")), user(result())]}, "following Ids: b"),
    ({"messages": [*CALLED[:2], user(result("c"))]}, "following Ids: a"),
    ({"messages": [*CALLED[:2], user(result(), result())]}, "following Ids: a"),
    ({"messages": CALLED[:2]}, "Expected toolResult blocks at messages.2.content"),
    ({"messages": [*HI, model(use(), use()), user(result(), result())]}, "duplicate Ids: a"),
    ({"messages": [*HI, model(YES), user(result())]}, "exceeds the number of toolUse blocks"),
    ({"messages": [user(use())]}, "User messages cannot contain tool uses"),
    ({"messages": CALLED, "toolConfig": None}, "The toolConfig field must be defined"),
    ({"messages": [*HI, model(use(input=[])), user(result())]}, "messages.1.content.0.toolUse.input is invalid"),
    ({"messages": [*HI, model(use(use_id="a b")), user(result())]}, "Malformed input request"),
    ({"messages": [*HI, model(use(use_id="x" * 65)), user(result())]}, "Malformed input request"),
    ({"messages": [*HI, model(use(name="a.b")), user(result())]}, "Malformed input request"),
    ({"messages": [{"role": "tool", "content": [YES]}]}, "Malformed input request"),
    ({"messages": HI, "inferenceConfig": {"temperature": 1.5}}, "Malformed input request"),
    ({"messages": HI, "inferenceConfig": {"maxTokens": 0}}, "Malformed input request"),
    ({"messages": [user({**YES, "cachePoint": {"type": "default"}})]}, "Malformed input request"),
]


@pytest.mark.parametrize(("asked", "message"), REFUSED)
def test_what_breaks_a_rule_is_refused_in_bedrocks_words_and_recorded(
    bedrock: Bedrock, client: Any, asked: dict[str, Any], message: str
) -> None:
    body = {name: value for name, value in {"toolConfig": TOOLS, **asked}.items() if value is not None}
    bedrock.script = [says("next")]
    with pytest.raises(client.exceptions.ValidationException, match=message):
        streamed(client, **body)
    assert len(bedrock.violations) >= 1
    assert deltas(streamed(client), "text") == ["next"]


POINT = {"cachePoint": {"type": "default"}}
THOUGHT = {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}}
SONNET, NOVA, NOVA_2 = "anthropic.claude-sonnet-4-5-20250929-v1:0", "amazon.nova-pro-v1:0", "us.amazon.nova-2-lite-v1:0"
OPUS = "us.anthropic.claude-opus-4-7"


def thinking(budget: int = 2000, **changes: Any) -> dict[str, Any]:
    more = {"thinking": {"type": "enabled", "budget_tokens": budget}}
    return {"messages": HI, "inferenceConfig": {"maxTokens": 4000}, "additionalModelRequestFields": more, **changes}


def more(**fields: Any) -> dict[str, Any]:
    return {"messages": HI, "inferenceConfig": {"maxTokens": 4000}, "additionalModelRequestFields": fields}


OF_MODELS: list[tuple[str, dict[str, Any], str]] = [
    (SONNET, {"messages": [user(YES, *[POINT, YES] * 5)]}, "A maximum of 4 blocks"),
    (SONNET, {"messages": [user(POINT, YES)]}, "needs content before it"),
    (SONNET, {"messages": [*HI, model(THOUGHT, POINT), user(YES)]}, "cannot be inserted after reasoning block"),
    (NOVA, {"messages": HI, "toolConfig": {"tools": [*TOOLS["tools"], POINT]}}, "extraneous key .cachePoint."),
    (NOVA, {"messages": [*CALLED[:2], user(result(), POINT)], "toolConfig": TOOLS}, "extraneous key .cachePoint."),
    (SONNET, thinking(1000), "greater than or equal to 1024"),
    (SONNET, thinking(4000), "must be greater than `thinking.budget_tokens`"),
    (SONNET, thinking(inferenceConfig={"maxTokens": 4000, "temperature": 0.5}), "`temperature` may only be set to 1"),
    (SONNET, thinking(messages=CALLED, toolConfig=TOOLS), "Expected `thinking` or `redacted_thinking`"),
    (SONNET, more(thinking={"type": "adaptive"}), "adaptive thinking is not supported"),
    (SONNET, more(output_config={"effort": "low"}), "output_config: Extra inputs"),
    (SONNET, more(reasoning_effort="low"), "reasoning_effort: Extra inputs"),
    (OPUS, thinking(), "is not supported for this model"),
    (
        SONNET,
        {"messages": [*HI, model({"reasoningContent": {"reasoningText": {"text": "hm"}}}, YES), *HI]},
        "signature",
    ),
    (NOVA, more(reasoningConfig={"type": "enabled", "maxReasoningEffort": "low"}), "reasoning config value is invalid"),
    (NOVA_2, more(reasoningConfig={"type": "enabled", "maxReasoningEffort": "high"}), "maxTokens must not be set"),
    ("openai.gpt-oss-20b-1:0", more(reasoning_effort="xhigh"), "'low', 'medium' or 'high'"),
]


@pytest.mark.parametrize(("name", "asked", "message"), OF_MODELS)
def test_what_a_model_does_not_take_is_refused_in_bedrocks_words(
    bedrock: Bedrock, client: Any, name: str, asked: dict[str, Any], message: str
) -> None:
    with pytest.raises(client.exceptions.ValidationException, match=message):
        client.converse(modelId=name, **asked)
    assert len(bedrock.violations) >= 1


def test_a_model_without_a_cache_refuses_points_and_that_is_no_violation(bedrock: Bedrock, client: Any) -> None:
    with pytest.raises(client.exceptions.AccessDeniedException, match="did not allow prompt caching"):
        streamed(client, [user(YES, POINT)])
    assert (bedrock.violations, bedrock.unsupported) == ([], ["cachePoint"])


@pytest.mark.parametrize(("words", "kept"), [(1_000, 0), (2_000, 1)])
def test_a_prompt_is_read_from_the_cache_if_it_is_long_enough(
    bedrock: Bedrock, client: Any, words: int, kept: int
) -> None:
    bedrock.cache = Cache()
    asked = {"modelId": SONNET, "messages": [user({"text": "two " * words}, POINT, YES)]}
    first, second = (client.converse(**asked)["usage"] for _ in range(2))
    assert (first.get("cacheWriteInputTokens", 0) > 0, first.get("cacheReadInputTokens", 0)) == (kept, 0)
    assert second.get("cacheReadInputTokens", 0) == first.get("cacheWriteInputTokens", 0)
    assert first["totalTokens"] == second["totalTokens"]


@pytest.mark.parametrize("key", UNSUPPORTED)
def test_what_a_model_does_not_support_is_refused_and_that_is_no_violation(
    bedrock: Bedrock, client: Any, key: str
) -> None:
    bedrock.strict = Strict(refuses=[key])
    everything = {"system": [YES], "toolConfig": TOOLS, "inferenceConfig": {"temperature": 0.5, "topP": 0.5}}
    with pytest.raises(client.exceptions.ValidationException):
        streamed(client, **everything)
    del everything[key.partition(".")[0].partition(" ")[0]]
    streamed(client, **everything)
    assert (bedrock.violations, bedrock.unsupported) == ([], [key])


def test_rules_may_be_off(bedrock: Bedrock, client: Any) -> None:
    bedrock.strict = Strict(history=False, final_user=False)
    streamed(client, [model(BLANK), model(use())])
    assert bedrock.violations == []


def test_a_lone_surrogate_is_not_text(bedrock: Bedrock, client: Any) -> None:
    with pytest.raises(ClientError, match="surrogates"):
        streamed(client, [user({"text": "a \ud83d"})])
    assert len(bedrock.violations) == 1


texts = st.text(min_size=1).filter(str.strip).map(lambda text: {"text": text})


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Questions and answers, each after as many rounds of tools as drawn."""
    said = [user(draw(texts))]
    for turn in range(draw(st.integers(1, 3))):
        for number in range(draw(st.integers(0, 2))):
            ids = [f"{turn}-{number}-{at}" for at in range(draw(st.integers(1, 3)))]
            said += [model(*map(use, ids)), user(*map(result, draw(st.permutations(ids))))]
        said += [model(draw(texts)), user(draw(texts))]
    return said


def found(messages: list[dict[str, Any]]) -> list[str]:
    return list(violations({"messages": messages, "toolConfig": TOOLS}, Strict()))


@given(histories(), st.data())
@settings(derandomize=True, max_examples=100)
def test_a_sound_history_passes_and_one_that_lost_or_doubled_a_message_does_not(
    messages: list[dict[str, Any]], data: st.DataObject
) -> None:
    assert found(messages) == []
    at = data.draw(st.integers(0, len(messages) - 1))
    assert found(messages[:at] + messages[at + 1 :])
    assert found(messages[: at + 1] + messages[at:])
