"""The month of the demonstration: its counters are those of a real one, and it is the same each time."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import pytest

from infra.local.demo import month, playing, story
from infra.local.demo.in_process import InProcess
from infra.local.demo.told_time import ToldTime
from infra.local.tables import create_missing_tables
from tests.chat import deployment
from tests.client import STACK, Client

DAYS = 4
NOW = datetime(2026, 3, 18, 15, tzinfo=UTC)
SPECIAL = {"Weekly report", "Long answer that I stopped", "Failed: provider was overloaded", "New Conversation"}
Play = Callable[[str], None]


def some() -> list[story.Conversation]:
    """A few of the conversations, with each kind of end among them, and the long one."""
    told = story.conversations()
    return [one for at, one in enumerate(told) if at % 9 == 0 or one.spread or one.place or one.title in SPECIAL]


@pytest.fixture
def play(engine: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Play]:
    def play_for(user_id: str) -> None:
        told = some()
        steps = month.steps(told, NOW, DAYS)
        api = InProcess.of(STACK, user_id, ToldTime(steps[0].at, month.SEED))
        playing.play(api, told, steps, lambda *_: None)

    with deployment(monkeypatch, {"GRAPH": "infra.local.demo.told_model:graph"}):
        yield play_for


def sessions(api: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get("/sessions", params={"status": "all", "limit": 100}).json["sessions"]
    return found


def messages(api: Client, session: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        path = f"/sessions/{session['session_id']}/messages"
        page = api.get(path, params={"limit": 200, **cursor}).json
        found += page["messages"]
        if not page["next_cursor"]:
            return found
        cursor = {"cursor": page["next_cursor"]}


def counted(some: list[dict[str, Any]]) -> dict[str, int]:
    """What these messages add up to, money in micro-dollars."""
    used = [one["usage"] for one in some if one.get("usage")]
    tokens = {name: sum(one[name] for one in used) for name in ("input_tokens", "output_tokens")}
    return {"messages": len(some), **tokens, "cost": sum(micro(one["cost"]) for one in used)}


def micro(dollars: float) -> int:
    return round(dollars * 1_000_000)


def test_counters_equal_a_recount_of_the_messages(play: Play, api: Client, user_id: str) -> None:
    play(user_id)
    found = {one["session_id"]: (one, messages(api, one)) for one in sessions(api)}
    for session, said in found.values():
        recount = counted(said)
        assert session["message_count"] == recount["messages"]
        assert session["total_tokens_used"] == recount["input_tokens"] + recount["output_tokens"]
        assert micro(session["total_cost"]) == recount["cost"]
    every = list(chain.from_iterable(said for _, said in found.values()))
    totals, whole = api.get("/stats").json, counted(every)
    assert totals["total_messages"] == whole["messages"]
    assert totals["total_tokens"] == whole["input_tokens"] + whole["output_tokens"]
    assert micro(totals["total_cost"]) == whole["cost"] > 0
    statuses = Counter(session["status"] for session, _ in found.values())
    assert {name: totals[f"{name}_sessions"] for name in ("active", "archived", "deleted")} == statuses
    ratings = Counter(one["feedback"]["rating"] for one in every if one.get("feedback"))
    assert (totals["thumbs_up"], totals["thumbs_down"]) == (ratings["thumbs_up"], ratings["thumbs_down"])


def test_days_equal_a_recount_of_the_messages(play: Play, api: Client, user_id: str) -> None:
    play(user_id)
    every = list(chain.from_iterable(messages(api, one) for one in sessions(api)))
    days = api.get("/stats/daily").json["days"]
    assert len(days) == DAYS
    for day in days:
        said = [one for one in every if one["created_at"].startswith(day["date"])]
        named = {name: day[name] for name in ("messages", "input_tokens", "output_tokens")}
        assert named | {"cost": micro(day["cost"])} == counted(said)
        times = [one["response_time_ms"] for one in said if one.get("response_time_ms") is not None]
        assert day["avg_response_time_ms"] == round(sum(times) / len(times), 2)
        by_model = {one["model_name"]: one["input_tokens"] for one in day["by_model"]}
        answers = [one for one in said if one.get("usage")]
        for name in by_model:
            assert by_model[name] == sum(one["usage"]["input_tokens"] for one in answers if one["model_name"] == name)


def test_the_month_has_each_kind_of_end_and_a_long_conversation(play: Play, api: Client, user_id: str) -> None:
    play(user_id)
    found = {one["title"]: messages(api, one) for one in sessions(api)}
    statuses = Counter(one["status"] for one in chain.from_iterable(found.values()) if one["role"] == "assistant")
    assert (statuses["cancelled"], statuses["failed"]) == (1, 1)
    assert found["New Conversation"] == []
    assert len(found["German glossary for the app"]) == 150
    assert [one["role"] for one in found["Weekly report"]][:4] == ["user", "assistant", "tool", "assistant"]
    assert all(one.deed != "ask" or one.at < NOW for one in month.steps(some(), NOW, DAYS))


def test_the_same_month_comes_of_each_seeding(play: Play, api: Client, user_id: str, dynamodb: Any) -> None:
    def seen() -> tuple[Any, ...]:
        found = sessions(api)
        return found, [messages(api, one) for one in found], api.get("/stats").json, api.get("/stats/daily").json

    play(user_id)
    first = seen()
    for name, _ in STACK.tables():
        dynamodb.delete_table(TableName=name)
    create_missing_tables(STACK, dynamodb)
    play(user_id)
    second = seen()
    assert list(differences(first, second)) == []


def differences(one: Any, other: Any, at: str = "") -> Iterator[str]:
    """Where the two differ, but for the ids of requests, which are no part of the story."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in one.keys() | other.keys():
            yield from differences(one.get(name), other.get(name), f"{at}.{name}")
    elif isinstance(one, list | tuple) and len(one) == len(other):
        for number, pair in enumerate(zip(one, other, strict=True)):
            yield from differences(*pair, f"{at}[{number}]")
    elif one != other and not at.endswith(".trace_id"):
        yield f"{at}: {one} is {other}"
