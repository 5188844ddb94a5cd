"""The fake OpenAI-compatible endpoint: what it sends arrives as meant, and it refuses just what it should."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.provider import openai_refusals as refusals
from tests.provider.openai import Endpoint, serve
from tests.provider.openai_refusals import Refusal
from tests.provider.openai_replies import (
    ALL,
    NO_USAGE,
    TOKENS,
    PlainJson,
    Reply,
    ToolCall,
    Usage,
    When,
    calls,
    says,
)
from tests.provider.openai_rules import GEMMA, LENIENT, MISTRAL, STRICTEST, Strict, violations
from tests.provider.pauses import Pause
from tests.provider.server import HangUp
from tests.waiting import wait_until

HI = [{"role": "user", "content": "hi"}]
CONNECTIONS = httpx.Client(verify=False)  # to load certificates takes longer than a test
TOOLS = [{"type": "function", "function": {"name": "search", "parameters": {}}}]


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serve() as found:
        yield found


def client(endpoint: Endpoint, **options: Any) -> openai.OpenAI:
    wanted = {"max_retries": 0, "timeout": 20, **options}
    return openai.OpenAI(base_url=endpoint.url, api_key="key", http_client=CONNECTIONS, **wanted)


def streamed(endpoint: Endpoint, answer: Any = None, **body: Any) -> list[dict[str, Any]]:
    """The chunks of the answer, by the client of OpenAI."""
    endpoint.default = answer or endpoint.default
    asked = {"model": "tiny", "messages": HI, "stream_options": {"include_usage": True}, **body}
    return [one.model_dump() for one in client(endpoint).chat.completions.create(stream=True, **asked)]


def said(chunks: list[dict[str, Any]], member: str = "content") -> list[str]:
    deltas = [choice["delta"] for one in chunks for choice in one["choices"]]
    return [delta[member] for delta in deltas if delta.get(member)]


def post(endpoint: Endpoint, content: str | bytes | dict[str, Any]) -> httpx.Response:
    raw = json.dumps(content) if isinstance(content, dict) else content
    return CONNECTIONS.post(f"{endpoint.url}/chat/completions", content=raw)


def test_a_stream_has_its_words_its_end_and_its_usage_when_asked(endpoint: Endpoint) -> None:
    chunks = streamed(endpoint)
    assert said(chunks) == ["Hello", " there"]
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert (chunks[-1]["choices"], chunks[-1]["usage"]["total_tokens"]) == ([], 160)
    assert {one["model"] for one in chunks} == {"tiny"}
    assert endpoint.asked[0]["messages"] == HI
    assert endpoint.headers[0]["authorization"] == "Bearer key"


def test_the_script_is_followed_and_then_the_default(endpoint: Endpoint) -> None:
    endpoint.script = [says("one"), says("two", model="other-2026")]
    heard = [streamed(endpoint) for _ in range(3)]
    assert [said(chunks) for chunks in heard] == [["one"], ["two"], ["Hello", " there"]]
    assert heard[1][0]["model"] == "other-2026"


@pytest.mark.parametrize("asks", [{"stream": True}, {}])
def test_a_whole_answer_says_the_same(endpoint: Endpoint, asks: dict[str, Any]) -> None:
    reply = replace(calls(ToolCall("c", "search", '{"q": 1}')), words=("Wait", "."), reasoning=("hm",))
    endpoint.default = PlainJson(reply) if asks else reply
    answer = post(endpoint, {"model": "tiny", "messages": HI, **asks})
    assert answer.headers["content-type"] == "application/json"
    (choice,) = answer.json()["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] == "Wait."
    assert choice["message"]["reasoning_content"] == "hm"
    assert choice["message"]["tool_calls"][0]["function"] == {"name": "search", "arguments": '{"q": 1}'}
    assert answer.json()["usage"] == TOKENS


@pytest.mark.parametrize("pieces", range(4))
def test_tool_calls_are_named_once_and_their_arguments_come_in_pieces(endpoint: Endpoint, pieces: int) -> None:
    two = ToolCall("a", "search", '{"q": "two"', pieces), ToolCall("b", "search", "{}", pieces, index=0)
    deltas = [one for found in said(streamed(endpoint, calls(*two)), "tool_calls") for one in found]
    assert len(deltas) == 2 * (1 + pieces)
    assert [(one["index"], one["id"]) for one in deltas if one["id"]] == [(0, "a"), (0, "b")]
    assert "".join(one["function"]["arguments"] for one in deltas) == '{"q": "two"{}'


def test_refusals_and_reasoning_come_in_members_of_their_own(endpoint: Endpoint) -> None:
    reply = says(refusal=("I", " will not"), reasoning=("hm",), reasoning_member="reasoning", finish="content_filter")
    chunks = streamed(endpoint, reply)
    assert (said(chunks, "refusal"), said(chunks, "reasoning"), said(chunks)) == (["I", " will not"], ["hm"], [])


def test_a_lone_surrogate_travels_as_its_escape(endpoint: Endpoint) -> None:
    endpoint.default = says("a \ud83d", "\ude00")
    assert rb'"a \ud83d"' in post(endpoint, {"model": "tiny", "messages": HI, "stream": True}).content
    assert said(streamed(endpoint)) == ["a \ud83d", "\ude00"]


@pytest.mark.parametrize(
    ("when", "reported"),
    [
        (When.NEVER, []),
        (When.ASKED, [4]),
        (When.ALONE, [4]),
        (When.FINISHING, [3]),
        (When.TWICE, [3, 4]),
        (When.CUMULATIVE, [0, 1, 2, 3]),
        (When.FIRST, [0]),
    ],
)
def test_usage_is_reported_when_it_is_meant_to_be(endpoint: Endpoint, when: When, reported: list[int]) -> None:
    chunks = streamed(endpoint, Reply(usage=Usage(when=when)))
    assert [at for at, one in enumerate(chunks) if one["usage"]] == reported
    if reported:
        assert chunks[reported[-1]]["usage"]["completion_tokens"] == 40


def test_usage_is_not_reported_unasked_unless_it_is_meant_to_be(endpoint: Endpoint) -> None:
    unasked = {"stream_options": openai.omit}
    assert not any(one["usage"] for one in streamed(endpoint, **unasked))
    assert any(one["usage"] for one in streamed(endpoint, Reply(usage=Usage(when=When.ALONE)), **unasked))


def test_cumulative_usage_grows(endpoint: Endpoint) -> None:
    chunks = streamed(endpoint, Reply(usage=Usage(when=When.CUMULATIVE)))
    assert [one["usage"]["total_tokens"] for one in chunks] == [130, 140, 150, 160]


@pytest.mark.parametrize("tokens", [{"prompt_tokens": -1, "completion_tokens": 1e300}, {"prompt_tokens": "many"}])
@pytest.mark.parametrize("when", [When.ALONE, When.CUMULATIVE])
def test_absurd_usage_is_sent_as_it_is(endpoint: Endpoint, tokens: dict[str, Any], when: When) -> None:
    endpoint.default = Reply(usage=Usage(tokens, when))
    lines = post(endpoint, {"model": "tiny", "messages": HI, "stream": True}).text.split("\n\n")
    assert json.loads(lines[-3].removeprefix("data: "))["usage"] == tokens


@pytest.mark.parametrize(("after", "heard"), [(0, 0), (2, 2), (-1, 4), (ALL, 5)])
def test_a_cut_stream_is_noticed_after_what_was_sent(endpoint: Endpoint, after: int, heard: int) -> None:
    endpoint.default = Reply(cut_after=after)
    body = {"model": "tiny", "messages": HI, "stream_options": {"include_usage": True}}
    chunks = []
    with pytest.raises(openai.APIConnectionError):  # noqa: PT012
        for one in client(endpoint).chat.completions.create(stream=True, **body):
            chunks.append(one)  # noqa: PERF402
    assert len(chunks) == heard


def test_a_whole_answer_can_be_cut_and_an_answer_left_out(endpoint: Endpoint) -> None:
    endpoint.script = [Reply(cut_after=0), HangUp()]
    for _ in range(2):
        with pytest.raises(openai.APIConnectionError, match="Connection error"):
            client(endpoint).chat.completions.create(model="tiny", messages=HI)


def test_an_error_ends_a_stream(endpoint: Endpoint) -> None:
    with pytest.raises(openai.APIError, match="Provider returned error"):
        streamed(endpoint, Reply(error_event={"message": "Provider returned error", "code": 502}, error_after=2))
    endpoint.default = Reply(error_event={"message": "no"}, error_after=2)
    text = post(endpoint, {"model": "tiny", "messages": HI, "stream": True}).text
    assert (text.count("data: "), "[DONE]" in text) == (3, False)


def test_a_stream_may_just_stop(endpoint: Endpoint) -> None:
    endpoint.default = Reply(finish=None, done=False, usage=NO_USAGE)
    text = post(endpoint, {"model": "tiny", "messages": HI, "stream": True}).text
    assert (text.count("data: "), "[DONE]" in text, '"stop"' in text) == (3, False, False)


@pytest.mark.parametrize("after", [None, 0, 2, -1])
def test_a_silence_outlasts_the_patience_of_a_client_that_leaves(endpoint: Endpoint, after: int | None) -> None:
    pause = Pause(after=after)
    endpoint.default = Reply(pause=pause)
    impatient = client(endpoint, timeout=httpx.Timeout(20, read=0.5))
    with pytest.raises((openai.APITimeoutError, httpx.ReadTimeout)):
        list(impatient.chat.completions.create(model="tiny", messages=HI, stream=True))
    wait_until(lambda: endpoint.abandoned == 1)
    assert pause.reached.is_set()


def test_a_silence_ends_when_it_is_told_to_and_in_its_time(endpoint: Endpoint) -> None:
    held = Pause(after=2)
    endpoint.script = [Reply(pause=held), Reply(pause=Pause(seconds=0.05)), refusals.server_error().after(Pause(0.05))]
    threading.Thread(target=lambda: held.reached.wait(20) and held.until.set()).start()
    begun = time.monotonic()
    assert said(streamed(endpoint)) == said(streamed(endpoint)) == ["Hello", " there"]
    with pytest.raises(openai.InternalServerError):
        streamed(endpoint)
    assert 0.1 < time.monotonic() - begun < 15


def outlive(endpoint: Endpoint) -> None:
    with pytest.raises(openai.APIConnectionError):
        streamed(endpoint)


def test_closing_the_server_releases_what_is_silent() -> None:
    with serve() as endpoint:
        endpoint.default = Reply(pause=Pause())
        asking = threading.Thread(target=outlive, args=[endpoint])
        asking.start()
        endpoint.default.pause.reached.wait(20)
        begun = time.monotonic()
    asking.join(20)
    assert not asking.is_alive()
    assert time.monotonic() - begun < 10


REFUSALS: list[tuple[Refusal, type[openai.APIStatusError], str | None]] = [
    (refusals.context_too_long(), openai.BadRequestError, "context_length_exceeded"),
    (
        refusals.unsupported_parameter("max_tokens", "max_completion_tokens"),
        openai.BadRequestError,
        "unsupported_parameter",
    ),
    (refusals.unsupported_value("temperature", 0.5), openai.BadRequestError, "unsupported_value"),
    (refusals.vllm_context_too_long(), openai.BadRequestError, "400"),
    (refusals.invalid_api_key(), openai.AuthenticationError, "invalid_api_key"),
    (refusals.credits_used_up(), openai.APIStatusError, "402"),
    (refusals.not_allowed(), openai.PermissionDeniedError, "model_not_found"),
    (refusals.model_not_found(), openai.NotFoundError, "model_not_found"),
    (refusals.rate_limited(), openai.RateLimitError, "rate_limit_exceeded"),
    (refusals.quota_used_up(), openai.RateLimitError, "insufficient_quota"),
    (refusals.server_error(), openai.InternalServerError, None),
    (refusals.unavailable(), openai.InternalServerError, None),
    (refusals.overloaded(), openai.InternalServerError, None),
    (refusals.proxy_page(), openai.InternalServerError, None),
]


@pytest.mark.parametrize(("answer", "error", "code"), REFUSALS)
def test_refusals_are_what_the_client_takes_them_for(
    endpoint: Endpoint, answer: Refusal, error: type[openai.APIStatusError], code: str | None
) -> None:
    with pytest.raises(error) as refused:
        streamed(endpoint, answer)
    assert (refused.value.status_code, refused.value.code) == (answer.status, code)
    for name, value in answer.headers.items():
        assert refused.value.response.headers[name] == value


def test_what_is_no_completion_arrives_verbatim(endpoint: Endpoint) -> None:
    with pytest.raises(json.JSONDecodeError):
        streamed(endpoint, refusals.verbatim("data: {not json\n\n"))


CALL = {"id": "a", "type": "function", "function": {"name": "search", "arguments": "{}"}}
RESULT = {"role": "tool", "tool_call_id": "a", "content": "found"}
CALLED = [*HI, {"role": "assistant", "content": None, "tool_calls": [CALL]}, RESULT]
ANSWER = {"role": "assistant", "content": "yes"}
SYSTEM = {"role": "system", "content": "Be brief."}


def calling(**changes: Any) -> list[dict[str, Any]]:
    return [*HI, {"role": "assistant", "content": None, "tool_calls": [{**CALL, **changes}]}, {**RESULT, **changes}]


def arguments(text: Any) -> list[dict[str, Any]]:
    function = {"name": "search", "arguments": text}
    return [*HI, {"role": "assistant", "content": None, "tool_calls": [{**CALL, "function": function}]}, RESULT]


REFUSED: list[tuple[Strict, Any, str]] = [
    (Strict(), [], "messages"),
    (Strict(), ["hi"], "messages"),
    (Strict(), [{"role": "human", "content": "hi"}], "messages[0].role"),
    (Strict(), [{"role": "user", "content": None}], "messages[0].content"),
    (Strict(), [{"role": "user", "content": []}], "messages[0].content"),
    (Strict(), [{"role": "user", "content": [{"type": "thinking", "thinking": "x"}]}], "messages[0].content[0].type"),
    (Strict(), [{"role": "user", "content": [{"type": "text"}]}], "messages[0].content[0].text"),
    (Strict(), [*HI, {"role": "assistant", "content": None}], "messages[1].content"),
    (Strict(), [*HI, {**ANSWER, "tool_calls": []}], "messages[1].tool_calls"),
    (Strict(), [{**HI[0], "tool_calls": [CALL]}, RESULT], "messages[0].tool_calls"),
    (Strict(), calling(id=""), "messages[1].tool_calls[0].id"),
    (Strict(), calling(id=None), "messages[1].tool_calls[0].id"),
    (Strict(), calling(id="x" * 41), "messages[1].tool_calls[0].id"),
    (Strict(), calling(type="tool"), "messages[1].tool_calls[0].type"),
    (Strict(), calling(function={"name": "a b", "arguments": "{}"}), "messages[1].tool_calls[0].function.name"),
    (Strict(), [*HI, {**CALLED[1], "tool_calls": [CALL, CALL]}, RESULT], "messages[1].tool_calls[1].id"),
    (Strict(), CALLED[:2], "messages[1].tool_calls"),
    (Strict(), [*CALLED[:2], *HI, RESULT], "messages[1].tool_calls"),
    (Strict(), [*CALLED, RESULT], "messages[3].tool_call_id"),
    (Strict(), [*HI, RESULT], "messages[1].tool_call_id"),
    (Strict(), [*CALLED[:2], {"role": "tool", "content": "x"}], "messages[2].tool_call_id"),
    (Strict(), arguments(None), "messages[1].tool_calls[0].function.arguments"),
    (Strict(), arguments({}), "messages[1].tool_calls[0].function.arguments"),
    *(
        (Strict(), arguments(text), "messages[1].tool_calls[0].function.arguments")
        for text in ("", "{", "[]", "null", '"x"', '{"x": NaN}')
    ),
    (Strict(system_roles=()), [SYSTEM, *HI], "messages[0].role"),
    (Strict(system_roles=("developer",)), [SYSTEM, *HI], "messages[0].role"),
    (Strict(system_roles=("system",)), [{**SYSTEM, "role": "developer"}, *HI], "messages[0].role"),
    (Strict(calls_need_tools=True), CALLED, "messages[1].tool_calls"),
    (Strict(known_members=True), [{**HI[0], "reasoning_content": "hm"}], "messages[0].reasoning_content"),
    (Strict(alternating=True), [ANSWER, *HI], "messages[0].role"),
    (Strict(alternating=True), [*HI, *HI], "messages[1].role"),
    (Strict(alternating=True), [*HI, ANSWER, ANSWER], "messages[2].role"),
    (Strict(alternating=True), [*HI, ANSWER, SYSTEM, *HI], "messages[2].role"),
    (Strict(alternating=True), CALLED[1:], "messages[0].role"),
    (Strict(alternating=True), [*CALLED, *HI], "messages[3].role"),
    (Strict(no_blank=True), [{"role": "user", "content": " \n"}], "messages[0].content"),
    (Strict(no_blank=True), [{"role": "user", "content": [{"type": "text", "text": ""}]}], "messages[0].content"),
    (Strict(no_blank=True), [*HI, {**CALLED[1], "content": ""}, RESULT], "messages[1].content"),
    (Strict(no_blank=True), [*HI, {"role": "assistant", "content": None, "refusal": "no"}], "messages[1].content"),
    (Strict(no_blank=True), [*CALLED[:2], {**RESULT, "content": ""}], "messages[2].content"),
]


@pytest.mark.parametrize(("strict", "messages", "param"), REFUSED)
def test_what_breaks_a_rule_is_refused_by_its_place_and_recorded(
    endpoint: Endpoint, strict: Strict, messages: Any, param: str
) -> None:
    endpoint.strict = strict
    answer = post(endpoint, {"model": "tiny", "messages": messages})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
    assert endpoint.violations[0].startswith(f"{param}: ")


@pytest.mark.parametrize(("strict", "messages", "param"), REFUSED)
def test_a_rule_that_is_off_refuses_nothing(strict: Strict, messages: Any, param: str) -> None:
    lax = LENIENT if strict == Strict() else Strict()
    if param != "messages":
        assert list(violations({"model": "tiny", "messages": messages}, lax)) == []


def test_the_words_of_templates_are_theirs(endpoint: Endpoint) -> None:
    def refused(strict: Strict, messages: Any) -> str:
        endpoint.strict = strict
        return str(post(endpoint, {"model": "tiny", "messages": messages}).json()["error"]["message"])

    assert refused(GEMMA, [SYSTEM, *HI]) == "System role not supported"
    assert "roles must alternate user/assistant" in refused(GEMMA, [*HI, *HI])
    assert refused(MISTRAL, [*CALLED, *HI]) == "Unexpected role 'user' after role 'tool'"


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": ""}, "model"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"tools": []}, "tools"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools"),
    ],
)
def test_fields_that_make_no_sense_are_refused(endpoint: Endpoint, change: dict[str, Any], param: str) -> None:
    answer = post(endpoint, {"model": "tiny", "messages": HI, **change})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"[]",
        b'{"model": "tiny", "messages": [{"role": "user", "content": "\xff"}]}',
        rb'{"model": "tiny", "messages": [{"role": "user", "content": "a \ud83d"}]}',
        rb'{"model": "tiny", "messages": [{"role": "user", "content": "hi", "\udc00": 1}]}',
        b'{"model": "tiny", "messages": [{"role": "user", "content": "hi"}], "temperature": NaN}',
        b'{"model": "tiny", "messages": [{"role": "user", "content": "hi"}], "temperature": -Infinity}',
    ],
)
def test_what_is_not_json_is_refused_and_recorded(endpoint: Endpoint, raw: bytes) -> None:
    assert post(endpoint, raw).status_code == 400
    assert [one.partition(": ")[0] for one in endpoint.violations] == ["body"]


def test_a_whole_pair_of_surrogates_is_json(endpoint: Endpoint) -> None:
    raw = rb'{"model": "tiny", "messages": [{"role": "user", "content": "\ud83d\ude00"}]}'
    assert (post(endpoint, raw).status_code, endpoint.violations) == (200, [])


def test_fields_are_refused_or_required_by_choice_and_that_is_no_violation(endpoint: Endpoint) -> None:
    endpoint.strict = Strict(refused_fields={"max_tokens"}, required_fields={"max_completion_tokens"})
    asked = {"model": "tiny", "messages": HI}
    refused, missed = (post(endpoint, {**asked, **more}).json()["error"] for more in ({"max_tokens": 1}, {}))
    assert (refused["code"], refused["param"]) == ("unsupported_parameter", "max_tokens")
    assert (missed["code"], missed["param"]) == ("missing_required_parameter", "max_completion_tokens")
    assert post(endpoint, {**asked, "max_completion_tokens": 1}).status_code == 200
    assert (endpoint.violations, endpoint.unsupported) == ([], ["max_tokens", "max_completion_tokens"])


def test_a_refused_request_leaves_the_script_as_it_is(endpoint: Endpoint) -> None:
    endpoint.script = [says("first")]
    post(endpoint, {"model": "tiny", "messages": []})
    assert said(streamed(endpoint)) == ["first"]


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)


@st.composite
def turns(draw: st.DrawFn, turn: int) -> list[dict[str, Any]]:
    """A question and its answer, after as many rounds of tools as drawn."""
    said = [{"role": "user", "content": draw(texts)}]
    for number in range(draw(st.integers(0, 2))):
        made = [{**CALL, "id": f"{turn}-{number}-{at}"} for at in range(draw(st.integers(1, 3)))]
        said.append({"role": "assistant", "content": draw(st.none() | texts), "tool_calls": made})
        results = [{"role": "tool", "tool_call_id": call["id"], "content": draw(texts)} for call in made]
        said += draw(st.permutations(results))
    return [*said, {"role": "assistant", "content": draw(texts)}]


@st.composite
def histories(draw: st.DrawFn, at_least: int = 0) -> list[dict[str, Any]]:
    said = [SYSTEM] if draw(st.booleans()) else []
    for number in range(draw(st.integers(at_least, 3))):
        said += draw(turns(number))
    return [*said, {"role": "user", "content": draw(texts)}]


def found(messages: list[dict[str, Any]], strict: Strict = STRICTEST) -> list[str]:
    return [str(one) for one in violations({"model": "tiny", "messages": messages, "tools": TOOLS}, strict)]


@given(histories())
@settings(derandomize=True, max_examples=50)
def test_a_sound_history_passes_the_strictest_rules(messages: list[dict[str, Any]]) -> None:
    assert found(messages) == []


@given(histories(at_least=1), st.data())
@settings(derandomize=True, max_examples=200)
def test_a_history_that_lost_or_doubled_a_message_is_refused(
    messages: list[dict[str, Any]], data: st.DataObject
) -> None:
    at = data.draw(st.integers(int(messages[0] is SYSTEM), len(messages) - 2))
    assert found(messages[:at] + messages[at + 1 :])
    assert found(messages[: at + 1] + messages[at:])
