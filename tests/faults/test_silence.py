"""A DynamoDB that is silent, in real time: the answer is 503, somebody still waits for it, and nothing is half."""

import importlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from infra.local.events import LambdaContext
from infra.local.template import load_functions, load_routes
from tests import graphs
from tests.cases import cases, one_in
from tests.chat import deployment, new_session, send
from tests.client import STACK, Client
from tests.faults.injector import FOR_GOOD, NOT_YET, Fault, outage
from tests.faults.story import Story, check_is_unavailable
from tests.views import views

EVENTS = {file.stem: json.loads(file.read_text()) for file in (Path(__file__).parents[1] / "events").glob("*.json")}
FUNCTIONS = load_functions(STACK)
SOON = 0.05
"""Seconds after which a silence is noticed where its length is not what a test is about."""
ROUTES = {
    "sessions": lambda api: api.post("/sessions", json={}),
    "stats": lambda api: api.get("/stats"),
    "chat": lambda api: send(api, "0198c0de-5e55-7000-8000-000000000001", "hi", key="k"),
}


@contextmanager
def within(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


@pytest.mark.parametrize("function", one_in(3, ROUTES.keys()))
def test_a_silent_storage_is_told_well_within_the_functions_time(api: Client, function: str) -> None:
    timeout = FUNCTIONS[f"{function.capitalize()}Function"].timeout_seconds
    with outage(Fault.SILENT), within(timeout - 2):
        check_is_unavailable(ROUTES[function](api))


WITHOUT_STORAGE = {"list_models"}
"""What is answered from the deployment's own settings and lists."""


def is_whole(event: dict[str, Any]) -> bool:
    """Whether it is a request that a function answers whole; the tests of streams have outages of their own."""
    routes = {(route.method, route.path): FUNCTIONS[route.function] for route in load_routes(STACK)}
    return "httpMethod" in event and not routes[event["httpMethod"], event["resource"]].is_web


@pytest.mark.parametrize("fault", sorted(FOR_GOOD))
@pytest.mark.parametrize(
    "event", sorted(name for name, event in EVENTS.items() if is_whole(event) and name not in WITHOUT_STORAGE)
)
def test_each_route_says_that_the_storage_is_not_there(api: Client, event: str, fault: Fault) -> None:
    request = EVENTS[event]
    function = next(one for one in FUNCTIONS.values() if not one.is_web and answers(one.module, request))
    module, _, name = function.handler.rpartition(".")
    context = LambdaContext(function.name, "a-request", time.monotonic() + function.timeout_seconds)
    with outage(fault, patience=SOON), within(function.timeout_seconds - 2):
        result = getattr(importlib.import_module(module), name)(request, context)
    assert (result["statusCode"], json.loads(result["body"])["code"]) == (503, "storage_unavailable")


def answers(module: str, event: dict[str, Any]) -> bool:
    app = getattr(importlib.import_module(module), "app", None)
    routes = [*app._static_routes, *app._dynamic_routes] if app else []
    resource = event["resource"].replace("{", "<").replace("}", ">")
    return any((one.method, one.path) == (event["httpMethod"], resource) for one in routes)


def test_a_sweep_that_meets_silence_ends_before_it_is_killed(api: Client) -> None:
    from functions.sweep.app import lambda_handler

    context = LambdaContext("SweepFunction", "a-request", time.monotonic() + 8)
    with outage(Fault.SILENT), within(8), pytest.raises(Exception, match="query"):
        lambda_handler({}, context)


BUILT_IN = "chatkeep.agent.graph:build_graph"


@pytest.mark.parametrize("graph", cases([BUILT_IN, "tests.graphs:agent"], thorough=["tests.graphs:agent"]))
@pytest.mark.parametrize("key", cases([None, "k"], thorough=[None]))
def test_a_storage_that_falls_silent_anywhere_in_a_turn_leaves_all_of_it_or_nothing(
    new_story: Callable[[], Story], monkeypatch: pytest.MonkeyPatch, graph: str, key: str | None
) -> None:
    with deployment(monkeypatch, {"GRAPH": graph}):
        for at in count():
            story = new_story()
            story.say("before")
            with within(20):
                hit, response = story.say_amid(Fault.SILENT, at, "one two", key, patience=SOON)
            if not hit:
                break
            assert response
            check_is_unavailable(response)
            story.check()
            story.wait()
            assert story.say("one two", key).status == 200
            story.check()
    assert at > 2


@pytest.mark.thorough
def test_a_turn_that_meets_silence_when_its_time_is_over_is_answered_and_its_usage_logged(
    api: Client, dynamodb: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    session_id = new_session(api)
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:patient"}), outage(Fault.SILENT, at=NOT_YET) as met:
        graphs.meanwhile[:] = [met.begin]
        with within(8):
            response = send(api.with_deadline(8), session_id, "think")
    check_is_unavailable(response)
    (logged,) = [vars(record) for record in caplog.records if record.getMessage() == "usage may not be recorded"]
    assert (logged["levelname"], logged["session_id"]) == ("ERROR", session_id)
    assert logged["output_tokens"] > 0
    found = views(dynamodb, str(api.user_id), session_id)
    found.check()
    assert (found.transcript, found.memory, found.turns) == ([], [], {})
