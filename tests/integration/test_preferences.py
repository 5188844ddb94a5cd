"""GET and PUT /preferences: what the user chose, over the deployment's defaults."""

from typing import Any

import pytest

from tests.client import Client

DEFAULTS = {
    "default_model": "scripted:echo",
    "default_temperature": 0.7,
    "default_max_tokens": 4096,
    "enable_auto_summarization": True,
    "custom_system_prompt": "",
    "default_expire_after_days": None,
    "generate_titles": True,
}
OWN = {
    "default_model": "bedrock:some-model",
    "default_temperature": 2,
    "default_max_tokens": 200_000,
    "enable_auto_summarization": False,
    "custom_system_prompt": "é" * 16_384,
    "default_expire_after_days": 30,
    "generate_titles": False,
}


def test_a_new_user_has_the_defaults(api: Client) -> None:
    assert api.get("/preferences").json == DEFAULTS


def test_what_is_put_is_what_is_got(api: Client) -> None:
    assert api.put("/preferences", json=OWN).json == api.get("/preferences").json == OWN


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("default_temperature", 0),
        ("enable_auto_summarization", False),
        ("generate_titles", False),
        ("custom_system_prompt", ""),
    ],
)
def test_an_explicit_nothing_is_kept(api: Client, field: str, value: Any) -> None:
    api.put("/preferences", json={field: value})
    assert api.get("/preferences").json == {**DEFAULTS, field: value}


def test_what_is_left_out_falls_back_to_the_default(api: Client) -> None:
    api.put("/preferences", json=OWN)
    assert api.put("/preferences", json={"default_max_tokens": 5}).json == {**DEFAULTS, "default_max_tokens": 5}
    assert api.put("/preferences", json={}).json == DEFAULTS
    assert api.get("/preferences").json == DEFAULTS


def test_each_user_has_preferences_of_their_own(api: Client) -> None:
    api.put("/preferences", json=OWN)
    assert api.as_user("somebody-else-without-preferences").get("/preferences").json == DEFAULTS
