"""Settings: a missing variable is named, and all values come from the environment."""

from typing import Any

import pytest

from chatkeep.agent.settings import AgentSettings
from chatkeep.settings import Settings
from functions.sessions.settings import SessionsSettings
from functions.worker.settings import WorkerSettings
from infra.local.template import load_functions
from tests.client import STACK

ENVIRONMENTS = {name: dict(function.environment) for name, function in load_functions(STACK).items()}
REQUIRED: list[tuple[Any, str, str]] = [
    (Settings, "StatsFunction", "SESSIONS_TABLE"),
    (SessionsSettings, "SessionsFunction", "DEFAULT_MODEL"),
    (SessionsSettings, "SessionsFunction", "DEFAULT_TEMPERATURE"),
    (SessionsSettings, "SessionsFunction", "DEFAULT_MAX_TOKENS"),
    (SessionsSettings, "SessionsFunction", "DEFAULT_ENABLE_SUMMARIZATION"),
    (SessionsSettings, "SessionsFunction", "DEFAULT_GENERATE_TITLES"),
    (SessionsSettings, "SessionsFunction", "RETENTION_DAYS"),
    (SessionsSettings, "SessionsFunction", "CURSOR_SECRET_ARN"),
    (AgentSettings, "ChatFunction", "CHECKPOINTS_TABLE"),
    (AgentSettings, "ChatFunction", "GRAPH"),
    (AgentSettings, "StreamFunction", "GRAPH"),
    (AgentSettings, "WorkerFunction", "GRAPH"),
    (WorkerSettings, "WorkerFunction", "DEFAULT_GENERATE_TITLES"),
]


@pytest.mark.parametrize(("settings", "function", "variable"), REQUIRED)
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_variable_fails_by_its_name(settings: Any, function: str, variable: str, value: str | None) -> None:
    environment = ENVIRONMENTS[function] | {variable: value}
    if value is None:
        del environment[variable]
    with pytest.raises(KeyError, match=variable):
        settings.read(environment)


def test_a_number_that_is_none_fails() -> None:
    with pytest.raises(ValueError, match="many"):
        SessionsSettings.read(ENVIRONMENTS["SessionsFunction"] | {"RETENTION_DAYS": "many"})


def test_what_the_template_gives_is_enough_for_every_function() -> None:
    assert Settings.read(ENVIRONMENTS["StatsFunction"]).dynamodb_endpoint is None
    sessions = SessionsSettings.read(ENVIRONMENTS["SessionsFunction"])
    assert (sessions.default_temperature, sessions.default_enable_summarization) == (0.7, True)
    chat = AgentSettings.read(ENVIRONMENTS["ChatFunction"])
    assert (chat.allow_scripted_models, chat.openai_base_url, chat.local_model_url) == (False, None, None)


@pytest.mark.parametrize(("text", "allowed"), [("true", True), ("false", False), ("", False), ("True", False)])
def test_scripted_models_are_allowed_by_the_word_true_alone(text: str, allowed: bool) -> None:
    environment = ENVIRONMENTS["ChatFunction"] | {"ALLOW_SCRIPTED_MODELS": text}
    assert AgentSettings.read(environment).allow_scripted_models is allowed


@pytest.mark.parametrize(
    ("text", "facts"),
    [("", []), ("date", ["date"]), ("name,date", ["name", "date"]), (" date , name,", ["date", "name"])],
)
def test_the_facts_of_a_prompt_are_named_with_commas_between(text: str, facts: list[str]) -> None:
    environment = ENVIRONMENTS["ChatFunction"] | {"PROMPT_FACTS": text}
    assert list(AgentSettings.read(environment).prompt_facts) == facts


def test_an_unknown_fact_fails_by_its_name() -> None:
    with pytest.raises(ValueError, match="PROMPT_FACTS names 'weather', which is not one of date, name"):
        AgentSettings.read(ENVIRONMENTS["ChatFunction"] | {"PROMPT_FACTS": "date,weather"})
