"""Hostile answers of Bedrock, as far as its service allows: cut calls, breaks and refusals anywhere."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from chatkeep.text import valid
from chatkeep.turns.reported import MOST_TOKENS
from tests.faults.hostile_texts import ARGUMENTS, SPOKEN, Heard, weighted
from tests.provider import bedrock_refusals as refusals
from tests.provider.bedrock import Answer
from tests.provider.bedrock_replies import Failure, Reasoning, Reply, Text, ToolUse, tokens
from tests.provider.server import HangUp

SIGNATURES = st.none() | st.sampled_from(["", "s", "c2lnbmF0dXJl"])
BLOCKS: st.SearchStrategy[Any] = weighted(
    (3, st.builds(Text, SPOKEN)),
    (1, st.builds(Reasoning, SPOKEN, SIGNATURES)),
    (1, st.builds(lambda hidden: Reasoning(redacted=hidden), st.binary(max_size=8))),
    (
        2,
        st.builds(
            ToolUse,
            st.sampled_from(["t1", "t1", "t2", "x" * 64]),
            st.sampled_from(["keep", "keep", "half", "silent", "fly", "k" * 64]),
            ARGUMENTS,
            pieces=st.integers(0, 5),
        ),
    ),
)
COUNTS = weighted((4, st.integers(1, 100_000)), (1, st.sampled_from([0, 2**31 - 1])))
STOPS = st.sampled_from(
    ["end_turn", "tool_use", "max_tokens", "stop_sequence", "guardrail_intervened", "content_filtered", None]
)
FAILURES = st.builds(
    Failure,
    st.sampled_from(
        [
            "internalServerException",
            "modelStreamErrorException",
            "validationException",
            "throttlingException",
            "serviceUnavailableException",
        ]
    ),
    st.sampled_from(["Too many tokens.", "Input is too long for requested model.", "", "\ud83d"]),
)
REPLIES = st.builds(
    Reply,
    st.lists(BLOCKS, max_size=4).map(tuple),
    STOPS,
    st.none()
    | st.builds(
        lambda read, written, cached, kept: tokens(read, written, cached=cached, cached_5m=kept), *[COUNTS] * 4
    ),
    cut_after=weighted((3, st.none()), (1, st.integers(0, 12))),
    failure=weighted((3, st.none()), (1, FAILURES)),
    fails_after=st.none() | st.integers(0, 10),
)
REFUSALS = st.sampled_from(
    [
        refusals.throttled(),
        refusals.too_long(),
        refusals.access_denied(),
        refusals.bad_credentials(),
        refusals.model_retired(),
        refusals.unknown_model(),
        refusals.quota_exceeded(),
        refusals.model_not_ready(),
        refusals.unavailable(),
        refusals.model_timed_out(),
        refusals.model_failed(),
        refusals.internal_error(),
    ]
)
ANSWERS: st.SearchStrategy[Answer] = weighted((10, REPLIES), (2, REFUSALS), (1, st.just(HangUp())))


def heard(answer: Answer, streams: bool) -> Heard | None:
    """The expected reading of `answer`, or None if it breaks off or is a refusal."""
    if not isinstance(answer, Reply) or not (answer.stop and answer.cut_after is None and answer.failure is None):
        return None
    text = "".join(valid("".join(block.pieces)) for block in answer.blocks if isinstance(block, Text))
    return Heard([text], True, sum(isinstance(block, ToolUse) for block in answer.blocks), _counted(answer.usage or {}))


def _counted(usage: Mapping[str, Any]) -> tuple[int, int] | None:
    read = sum(usage.get(name, 0) for name in ("inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens"))
    written = usage.get("outputTokens", 0)
    return (read, written) if 0 < read <= MOST_TOKENS and 0 < written <= MOST_TOKENS else None
