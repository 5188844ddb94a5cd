"""Checks that hold for every view of a session, whatever its model has sent."""

import json
import math
from collections.abc import Iterator
from typing import Any

from chatkeep.errors import ChatkeepError
from chatkeep.turns.reported import MOST_TOKENS
from tests.client import Client, Response
from tests.faults.hostile_texts import Heard
from tests.provider.texts import parsed
from tests.views import Views


def codes(kind: type[ChatkeepError] = ChatkeepError) -> set[str]:
    return {kind.code}.union(*map(codes, kind.__subclasses__()))


OURS = {"internal_error", "graph_failed", "broken_thread"}
"""Codes of problems that are not the model's fault."""
MODELS_FAULTS = codes() - OURS


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
        assert problem["code"] in MODELS_FAULTS, problem
        assert len(problem["detail"]) < 1_000
    wait = response.headers.get("retry-after")
    assert wait is None or 0 < int(wait) < 10**9


def check_usage(usage: dict[str, Any] | None) -> None:
    if usage is not None:
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
        assert all(math.isfinite(one) and one >= 0 for one in usage.values() if one is not None)


def check_the_counters(api: Client, session_id: str, before: dict[str, float]) -> dict[str, float]:
    """The session's counters, none of which is less than `before`."""
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
    """A turn's record is the sum of its calls, each with a usage that a call can have."""
    calls = calls_of(turn)
    for name in ("input_tokens", "output_tokens"):
        assert turn[name] == sum(call[name] for call in calls)
        assert all(0 <= call[name] <= MOST_TOKENS for call in calls)


def calls_of(turn: dict[str, Any]) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = json.loads(turn.get("calls") or "[]")
    return calls


def check_the_stats(api: Client, session_id: str) -> None:
    for path in (f"/sessions/{session_id}/stats", "/stats", "/stats/daily"):
        told = parsed(api.get(path).answer.body)
        assert all(math.isfinite(one) and one >= 0 for one in numbers(told)), path


def numbers(told: Any) -> Iterator[float]:
    if isinstance(told, dict | list):
        for one in told.values() if isinstance(told, dict) else told:
            yield from numbers(one)
    elif isinstance(told, int | float):
        yield told


def check_what_was_heard(found: Views, heard: dict[str, Heard | None]) -> None:
    """The first answer of each turn has the model's words, and its call the usage that the model reports."""
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
