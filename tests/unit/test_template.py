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

POWERTOOLS = {"LOG_LEVEL", "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_SERVICE_NAME"}
ADAPTER = {
    "AWS_LAMBDA_EXEC_WRAPPER",
    "AWS_LWA_ASYNC_INIT",
    "AWS_LWA_ERROR_STATUS_CODES",
    "AWS_LWA_INVOKE_MODE",
    "AWS_LWA_PORT",
    "AWS_LWA_READINESS_CHECK_PATH",
}
"""The Lambda Web Adapter's, and Lambda's for it."""
FORMED = {"OPENAI_OPTIONS": "{}", "PROMPT_FACTS": "date"}
FUNCTIONS = load_functions(STACK)
RESPONSES = load_api(STACK).responses
EVENTS = {name: one.get("Events", {}) for name, one in STACK.of_type("AWS::Serverless::Function")}


class Recorder(dict[str, str]):
    """An environment in which every variable is 1, or what a form asks for, and which remembers those asked for."""

    def __getitem__(self, name: str) -> str:
        return self.get(name)

    def get(self, name: str, default: Any = None) -> str:
        value = FORMED.get(name, "1")
        self[name] = value
        return value


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_function_gets_the_variables_that_its_settings_read_and_no_others(function: Function) -> None:
    recorder = Recorder()
    for settings in settings_of(function):
        settings.read(recorder)
    assert set(function.environment) == set(recorder) | POWERTOOLS | (ADAPTER if function.is_web else set())


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
    folder = function.module.split(".")[1]
    assert function.name == f"{folder.capitalize()}Function"
    assert function.environment["POWERTOOLS_SERVICE_NAME"] == folder


def test_no_two_functions_claim_one_route() -> None:
    claims = Counter((route.method, route.path) for route in load_routes(STACK))
    assert [claim for claim, count in claims.items() if count > 1] == []


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_function_answers_exactly_the_routes_that_the_template_sends_it(function: Function) -> None:
    declared = {(route.method, route.path) for route in load_routes(STACK) if route.function == function.name}
    assert declared == {(route.method, re.sub(r"<(\w+)>", r"{\1}", route.path)) for route in routes_of(function)}


def routes_of(function: Function) -> list[Any]:
    """Those that its app has, by Powertools or in a table of its own; a function for events has none."""
    module = importlib.import_module(function.module)
    if function.is_web:
        return list(module.ROUTES)
    app = getattr(module, "app", None)
    return [*app._static_routes, *app._dynamic_routes] if app else []


def test_a_function_that_serves_http_is_called_by_its_streams_and_by_nothing_else() -> None:
    """Its adapter streams each answer, which API Gateway takes from a route that streams alone."""
    streamed = {route.is_streamed: set() for route in load_routes(STACK)}
    for route in load_routes(STACK):
        streamed[route.is_streamed].add(route.function)
    web = {name for name, function in FUNCTIONS.items() if function.is_web}
    assert streamed[True] == web == {"StreamFunction"}
    assert not streamed[False] & web
    for name in web:
        assert not [one for one in EVENTS[name].values() if one["Type"] != "Api"]


def test_a_stream_lasts_as_long_as_api_gateway_and_lambda_let_it() -> None:
    of_streams = {route.seconds for route in load_routes(STACK) if route.is_streamed}
    assert of_streams == {900} == {FUNCTIONS["StreamFunction"].timeout_seconds}


@pytest.mark.parametrize("script", [one.handler for one in FUNCTIONS.values() if one.is_web])
def test_what_the_adapter_starts_is_a_program(script: str) -> None:
    """The wrapper runs it below the function's folder, which has it where the project has it."""
    file = STACK.path.parent / script
    assert file.stat().st_mode & 0o111 == 0o111
    assert file.read_bytes().startswith(b"#!/bin/sh\n")


def test_every_route_asks_for_a_token() -> None:
    assert [route for route in load_routes(STACK) if route.is_open] == []


def test_a_function_behind_the_api_ends_before_api_gateway_gives_up() -> None:
    for route in load_routes(STACK):
        latest = route.seconds if route.is_streamed else route.seconds - 1
        assert FUNCTIONS[route.function].timeout_seconds <= latest, route


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
