"""Rules about template.yaml: it agrees with the code, and answers as the contract says."""

import importlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chatkeep.http.cors import CORS
from infra.local.template import Function, load_api, load_functions, load_routes
from tests.client import STACK

API_GATEWAY_SECONDS = 29
POWERTOOLS = {"LOG_LEVEL", "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_SERVICE_NAME"}
FUNCTIONS = load_functions(STACK)
RESPONSES = load_api(STACK).responses


class Recorder(dict[str, str]):
    """An environment in which every variable is 1, or empty JSON, and which remembers those that were asked for."""

    def __getitem__(self, name: str) -> str:
        return self.get(name)

    def get(self, name: str, default: Any = None) -> str:
        value = "{}" if name.endswith("_OPTIONS") else "1"
        self[name] = value
        return value


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_function_gets_the_variables_that_its_settings_read_and_no_others(function: Function) -> None:
    recorder = Recorder()
    for settings in settings_of(function):
        settings.read(recorder)
    assert set(function.environment) == set(recorder) | POWERTOOLS


def settings_of(function: Function) -> Iterator[Any]:
    yield importlib.import_module("chatkeep.settings").Settings
    folder = STACK.path.parent / function.folder
    if any("chatkeep.agent" in file.read_text(encoding="utf-8") for file in folder.rglob("*.py")):
        yield importlib.import_module("chatkeep.agent.settings").AgentSettings
    module = ".".join([*Path(function.folder).parts, "settings"])
    if importlib.util.find_spec(module):
        yield next(value for name, value in vars(importlib.import_module(module)).items() if name.endswith("Settings"))


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_function_is_named_after_its_folder_in_its_metrics_and_traces(function: Function) -> None:
    folder = function.handler.split(".")[1]
    assert function.name == f"{folder.capitalize()}Function"
    assert function.environment["POWERTOOLS_SERVICE_NAME"] == folder


def test_no_two_functions_claim_one_route() -> None:
    claims = Counter((route.method, route.path) for route in load_routes(STACK))
    assert [claim for claim, count in claims.items() if count > 1] == []


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_function_answers_exactly_the_routes_that_the_template_sends_it(function: Function) -> None:
    declared = {(route.method, route.path) for route in load_routes(STACK) if route.function == function.name}
    app = getattr(importlib.import_module(function.handler.rpartition(".")[0]), "app", None)
    routes = [*app._static_routes, *app._dynamic_routes] if app else []
    assert declared == {(route.method, re.sub(r"<(\w+)>", r"{\1}", route.path)) for route in routes}


def test_every_route_asks_for_a_token() -> None:
    assert [route for route in load_routes(STACK) if route.is_open] == []


def test_a_function_behind_the_api_ends_before_api_gateway_gives_up() -> None:
    behind = {FUNCTIONS[route.function].timeout_seconds for route in load_routes(STACK)}
    assert max(behind) < API_GATEWAY_SECONDS


@pytest.mark.parametrize("response", RESPONSES.values(), ids=RESPONSES)
def test_a_page_may_read_the_same_headers_of_the_gateways_answers_as_of_the_functions(response: dict[str, Any]) -> None:
    exposed = response["ResponseParameters"]["Headers"]["Access-Control-Expose-Headers"]
    assert exposed.strip("'").split(",") == CORS.expose_headers


def test_a_preflight_allows_every_method_that_a_route_has() -> None:
    allowed = load_api(STACK).cors["Access-Control-Allow-Methods"].split(",")
    assert set(allowed) == {route.method for route in load_routes(STACK)}


@pytest.mark.parametrize("kind", RESPONSES)
def test_what_api_gateway_answers_itself_is_a_problem_with_a_code(kind: str) -> None:
    response = RESPONSES[kind]
    problem = json.loads(response["ResponseTemplates"]["application/json"])
    assert response["ResponseParameters"]["Headers"]["Content-Type"] == "'application/problem+json'"
    assert problem["status"] == response["StatusCode"]
    assert problem["type"] == f"urn:chatkeep:problem:{problem['code']}"
    assert sorted(problem) == ["code", "detail", "status", "title", "type"]


def test_the_codes_of_api_gateways_own_answers_are_those_of_the_contract() -> None:
    bodies = {kind: json.loads(one["ResponseTemplates"]["application/json"]) for kind, one in RESPONSES.items()}
    assert {kind: (body["status"], body["code"]) for kind, body in bodies.items()} == {
        "ACCESS_DENIED": (403, "access_denied"),
        "DEFAULT_4XX": (400, "bad_request"),
        "DEFAULT_5XX": (502, "internal_error"),
        "EXPIRED_TOKEN": (401, "unauthorized"),
        "INTEGRATION_TIMEOUT": (504, "gateway_timeout"),
        "MISSING_AUTHENTICATION_TOKEN": (404, "not_found"),
        "REQUEST_TOO_LARGE": (413, "request_too_large"),
        "RESOURCE_NOT_FOUND": (404, "not_found"),
        "THROTTLED": (429, "throttled"),
        "UNAUTHORIZED": (401, "unauthorized"),
        "WAF_FILTERED": (403, "access_denied"),
    }


def test_a_throttled_caller_is_told_when_to_come_back() -> None:
    assert RESPONSES["THROTTLED"]["ResponseParameters"]["Headers"]["Retry-After"] == "'1'"
