"""The environment of a worker: where botocore takes the runner for Lambda, whatever the caller's settings are."""

import os
from collections.abc import Mapping
from unittest.mock import patch

import pytest
from botocore.loaders import Loader
from botocore.session import Session
from botocore.utils import get_environ_proxies
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.local.environment import worker_environment
from infra.local.template import load_functions
from tests.client import STACK

RUNNER = "http://127.0.0.1:4567"
SWEEP = load_functions(STACK)["SweepFunction"]
ELSEWHERE = st.sampled_from(["https://elsewhere.example", "http://127.0.0.1:9", ""])
CALLERS = st.fixed_dictionaries(
    {},
    optional={
        "AWS_ENDPOINT_URL": ELSEWHERE,
        "AWS_ENDPOINT_URL_LAMBDA": ELSEWHERE,
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": ELSEWHERE,
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": st.sampled_from(["true", "True", "false", ""]),
        "HTTP_PROXY": ELSEWHERE,
        "HTTPS_PROXY": ELSEWHERE,
        "NO_PROXY": st.sampled_from(["*", "example.com", "a.example,b.example", ""]),
        "no_proxy": st.sampled_from(["*", "other.example", ""]),
    },
)


LOADER = Loader()


def endpoint(service: str, environment: Mapping[str, str]) -> str:
    """Where a worker with this environment sends a request to that service."""
    with patch.dict(os.environ, environment, clear=True):
        session = Session()
        session.register_component("data_loader", LOADER)  # which has read the services' models
        url: str = session.create_client(service).meta.endpoint_url
    return url


def environment_for(caller: Mapping[str, str]) -> dict[str, str]:
    return worker_environment(SWEEP, {}, caller, RUNNER)


@given(CALLERS)
@settings(max_examples=40)
def test_lambda_is_the_runner_and_no_proxy_stands_between(caller: dict[str, str]) -> None:
    environment = environment_for(caller)
    assert endpoint("lambda", environment) == RUNNER
    with patch.dict(os.environ, environment, clear=True):
        assert get_environ_proxies(RUNNER) == {}


@pytest.mark.parametrize("ignores", ["true", "false"])
def test_other_endpoints_are_those_that_the_caller_would_have(ignores: str) -> None:
    caller = {
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "https://elsewhere.example",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": ignores,
    }
    own = {**caller, "AWS_DEFAULT_REGION": "us-east-1"}
    assert endpoint("bedrock-runtime", environment_for(caller)) == endpoint("bedrock-runtime", own)


@pytest.mark.parametrize("exceptions", ["NO_PROXY", "no_proxy"])
def test_a_proxy_is_used_for_the_hosts_that_the_caller_would_reach_by_it(exceptions: str) -> None:
    environment = environment_for({"HTTPS_PROXY": "http://proxy.example", exceptions: "inside.example"})
    with patch.dict(os.environ, environment, clear=True):
        assert get_environ_proxies("https://outside.example") != {}
        assert get_environ_proxies("https://inside.example") == {}
