"""GET /stats/daily, `by_model`: what each model used, adding up to the day whatever becomes of the turns."""

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatResult

from chatkeep import clock, ids
from chatkeep.agent import runtime
from chatkeep.deadline import Deadline
from chatkeep.errors import GraphFailedError
from chatkeep.idempotency import Claim
from chatkeep.models.day import LONGEST_NAME, MOST_MODELS, Day, ModelUsage
from chatkeep.models.session import Session
from chatkeep.turns.admission import Strategy
from chatkeep.turns.engine import Request, send
from chatkeep.turns.model_calls import MODEL_NAME, ModelCall, as_entries
from chatkeep.turns.tools import Tools
from chatkeep.usage import reporting
from chatkeep.usage.by_model import shares
from chatkeep.usage.reporting import Report
from tests.bench.meter import Meter, item_size
from tests.chat import new_session
from tests.client import Client
from tests.engines import Engine
from tests.graphs import one_node
from tests.wire import requests

FREE = "local:free"
"""A model without a known price; a token of any other costs a micro-dollar."""
USUAL = ["openai:gpt-4o", "bedrock:eu.anthropic.claude-sonnet-4-5-20250929-v1:0", FREE]
ODD = st.one_of(
    st.text(min_size=1, max_size=LONGEST_NAME // 4), st.sampled_from(["x" * 201, "é" * 101, "\ud800:a", "unknown", ":"])
)
NAMES = st.one_of(st.sampled_from(USUAL), ODD)
REPORT = Report(messages=1, tokens=7, dollars=0.000003)
_tokens = itertools.count(1)


class Named(BaseChatModel):
    """Uses more tokens with each call; `used` is told how many."""

    used: Any

    @property
    def _llm_type(self) -> str:
        return "named"

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        read, written = next(_tokens), next(_tokens)
        self.used((self.metadata or {})[MODEL_NAME], read, written)
        usage = UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)
        return ChatResult(generations=[ChatGeneration(message=AIMessage("yes", usage_metadata=usage))])


def price(call: ModelCall) -> int | None:
    return None if call.asked == FREE else call.input_tokens + call.output_tokens


@dataclass
class User:
    """Takes turns whose graphs call models; `spent` is what each has used by day, `sums` all that was used by day."""

    user_id: str = field(default_factory=lambda: f"user-{uuid4()}")
    spent: dict[str, dict[str, Counter[str]]] = field(default_factory=dict)
    sums: dict[str, Counter[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.api = Client(self.user_id)
        self.session_id = new_session(self.api)

    def take_a_turn(self, models: Sequence[str], *, fails: bool = False, key: str | None = None) -> None:
        """A turn that calls these models one after the other, and then answers or fails."""

        def answer(state: Any) -> dict[str, Any]:
            said: BaseMessage = AIMessage("nothing")
            for name in models:
                said = Named(used=self._count, metadata={MODEL_NAME: name}).invoke(state["messages"])
            if fails:
                raise RuntimeError
            return {"messages": [said]}

        tools = Tools(runtime.saver(), lambda *made_for: one_node(answer, made_for[2]), price, 10)
        claim = Claim(ids.derived(key), "body") if key else None
        request = Request(self.user_id, self.session_id, "one two", Strategy.ENQUEUE, claim, Deadline.within(60))
        with suppress(GraphFailedError):
            send(request, tools)

    def report(self) -> None:
        reporting.record(self.user_id, self.session_id, REPORT, None)
        self._today(self.sums, Counter()).update(tokens=REPORT.tokens, cost=3)

    def _count(self, name: str, read: int, written: int) -> None:
        cost = 0 if name == FREE else read + written
        used = Counter(calls=1, tokens=read + written, cost=cost)
        self._today(self.spent, {}).setdefault(name, Counter()).update(used)
        self._today(self.sums, Counter()).update(used)

    def _today(self, days: dict[str, Any], nothing: Any) -> Any:
        return days.setdefault(str(clock.now().date()), nothing)

    def days(self) -> list[dict[str, Any]]:
        days: list[dict[str, Any]] = self.api.get("/stats/daily").json["days"]
        return days

    def check(self) -> None:
        """Each day's entries add up to it, in order; the ones with names are what these models have used."""
        found = {day["date"]: day for day in self.days()}
        assert found.keys() == self.sums.keys()
        for date, sums in self.sums.items():
            entries = found[date]["by_model"]
            assert sum(map(of, entries), Counter()) == sums == of({**found[date], "calls": sums["calls"]})
            assert entries == sorted(entries, key=lambda one: (-(one["cost"] or 0), -of(one)["tokens"]))
            named = {one["model_name"]: of(one) for one in entries if one["model_name"] is not None}
            assert len(named) == len([one for one in entries if one["model_name"] is not None]) <= MOST_MODELS
            spent = {valid(name): used for name, used in self.spent.get(date, {}).items()}
            assert {name: spent[name] for name in named} == named
            short = [name for name in spent if len(name.encode()) <= LONGEST_NAME]
            assert len(named) == min(len(short), MOST_MODELS)
            for one in entries:
                assert (one["cost"] is None) == (one["model_name"] == FREE)


def of(entry: dict[str, Any]) -> Counter[str]:
    """Calls, tokens and micro-dollars, those that are not 0."""
    cost = round((entry["cost"] or 0) * 1_000_000)
    return +Counter(calls=entry["calls"], tokens=entry["input_tokens"] + entry["output_tokens"], cost=cost)


def valid(name: str) -> str:
    return name.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@pytest.fixture
def user(engine: Engine) -> User:
    return User()


TURN = st.fixed_dictionaries({"models": st.lists(NAMES, max_size=4), "fails": st.booleans()})
STEPS = st.lists(st.one_of(TURN, st.just("report"), st.just("tomorrow")), min_size=1, max_size=8)


def test_the_entries_of_a_day_add_up_to_it_whatever_models_are_called(
    engine: Engine, pass_time: Callable[[timedelta], None]
) -> None:
    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(STEPS)
    def hold(steps: list[Any]) -> None:
        user = User()
        for step in steps:
            if step == "tomorrow":
                pass_time(timedelta(days=1))
            elif step == "report":
                user.report()
            elif step["models"]:
                user.take_a_turn(**step)
        user.check()

    hold()


def test_a_turn_that_is_run_again_counts_each_attempt_and_a_repetition_nothing(user: User) -> None:
    user.take_a_turn(USUAL, fails=True, key="again")
    user.take_a_turn(USUAL[:1], key="again")
    user.take_a_turn(USUAL[:1], key="again")
    user.check()
    (day,) = user.days()
    assert (day["turns"], sum(one["calls"] for one in day["by_model"])) == (1, 4)


def test_a_model_without_a_price_has_no_cost_and_what_has_no_model_no_name(user: User) -> None:
    user.take_a_turn([FREE, USUAL[0]])
    user.report()
    user.check()
    entries = {one["model_name"]: one for one in user.days()[0]["by_model"]}
    assert entries[FREE]["cost"] is None
    assert entries[None] == {
        "model_name": None,
        "calls": 0,
        "input_tokens": REPORT.tokens,
        "output_tokens": 0,
        "cost": 0.000003,
    }


def test_what_models_used_stays_in_the_day_after_their_session_is_deleted_for_good(user: User) -> None:
    user.take_a_turn(USUAL)
    before = user.days()
    user.api.delete(f"/sessions/{user.session_id}", params={"permanent": "true"})
    assert user.days() == before


def test_a_day_of_before_there_were_models_has_all_of_it_without_a_name(user: User) -> None:
    Day(user.user_id, "2026-01-01", turns=1, input_tokens=5, output_tokens=6, cost=7).save()
    (entry,) = user.days()[0]["by_model"]
    assert (entry["model_name"], of(entry)) == (None, Counter(tokens=11, cost=7))


def test_models_beyond_the_most_of_a_day_count_without_a_name(user: User) -> None:
    many = [f"openai:model-{number}" for number in range(MOST_MODELS + 4)]
    user.take_a_turn(many[:2])
    for name in many[1:]:
        user.take_a_turn([name])
    user.take_a_turn([many[-1], many[0], many[-2]])
    user.take_a_turn(many)
    user.check()
    names = {one["model_name"] for one in user.days()[0]["by_model"]}
    assert names == {*many[:MOST_MODELS], None}


def test_a_turn_with_more_models_than_a_day_has_room_for_names_the_costliest(user: User) -> None:
    user.take_a_turn([f"openai:model-{number}" for number in range(MOST_MODELS + 40)])
    user.take_a_turn([f"openai:model-{number}" for number in reversed(range(MOST_MODELS + 40))])
    user.check()
    names = {one["model_name"] for one in user.days()[0]["by_model"]}
    assert names == {None, *(f"openai:model-{number}" for number in range(40, MOST_MODELS + 40))}


def test_only_a_model_that_the_day_has_no_room_for_costs_a_turn_requests(user: User) -> None:
    known = [f"openai:model-{number}" for number in range(MOST_MODELS)]
    user.take_a_turn(known)
    with requests() as sent:
        user.take_a_turn(known[-1:])
    usual = [name for name, _ in sent]
    with requests() as sent:
        user.take_a_turn(["openai:another"])
    assert Counter(name for name, _ in sent) - Counter(usual) == {"GetItem": 1, "TransactWriteItems": 1}


def test_eight_models_with_usual_names_leave_a_turns_capacity_as_it_was(user: User, engine: Engine) -> None:
    meter = Meter(Session._get_connection().connection.client, engine.client)
    user.take_a_turn(["openai:gpt-4o"])
    with meter.measure() as one:
        user.take_a_turn(["openai:gpt-4o"])
    eight = ["openai:gpt-4o", *(f"bedrock:eu.amazon.nova-version-{number}-v1:0" for number in range(7))]
    user.take_a_turn(eight)
    with meter.measure() as last:
        user.take_a_turn(["openai:gpt-4o"])
    assert (last.requests, last.wcu) == (one.requests, one.wcu)


def test_the_item_of_a_day_is_bounded_by_the_longest_names(user: User, engine: Engine) -> None:
    for number in range(MOST_MODELS + 2):
        user.take_a_turn([f"{number:0>{LONGEST_NAME}}"])
    key = Day.KEY.of(user.user_id, clock.now().date())
    item = engine.client.get_item(
        TableName="chatkeep-SessionsTable", Key=dict(zip(("pk", "sk"), ({"S": one} for one in key), strict=True))
    )
    assert item_size(item["Item"]) < 3_072


def test_turns_at_once_lose_nothing_where_the_room_for_models_ends(user: User) -> None:
    others = [User(user.user_id) for _ in range(3)]
    everyone = [user, *others]
    names = [f"openai:model-{number}" for number in range(MOST_MODELS + 2)]

    def take_turns(number: int) -> None:
        for name in names[number:] + names[:number]:
            everyone[number].take_a_turn([name, names[0]])

    with ThreadPoolExecutor(len(everyone)) as pool:
        list(pool.map(take_turns, range(len(everyone))))
    (day,) = user.days()
    (sums,) = (sum((one.sums[day["date"]] for one in everyone), Counter()),)
    assert sum(map(of, day["by_model"]), Counter()) == sums
    for entry in day["by_model"]:
        if entry["model_name"] in names[:1]:
            assert of(entry) == sum((one.spent[day["date"]][names[0]] for one in everyone), Counter())


@pytest.mark.parametrize(
    ("asked", "answered", "expected"),
    [
        ("openai:gpt-4o", "openai:gpt-4o-2024-08-06", "openai:gpt-4o"),
        ("openai:unknown", "openai:gpt-4o", "openai:gpt-4o"),
        ("talker:unknown", "talker:unknown", "talker:unknown"),
    ],
)
def test_a_model_has_the_name_that_was_asked_for_where_that_is_known(asked: str, answered: str, expected: str) -> None:
    call = ModelCall("message", answered, 1, 2, cost=3, asked=asked)
    assert shares([call.as_json()]) == {expected: ModelUsage(1, 1, 2, 3)}


def test_calls_that_a_record_has_added_up_count_each() -> None:
    call = ModelCall("message", FREE, 1, 2, asked=FREE)
    assert shares(as_entries([call] * 1_000)) == {FREE: ModelUsage(1_000, 1_000, 2_000, None)}
