"""The models that a deployment allows, by its operator's patterns or by its default model."""

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatkeep.errors import ModelNotSupportedError
from chatkeep.model_names import AllowedModels, family
from infra.local.intrinsics import load
from tests.client import STACK

HAIKU = "bedrock:global.anthropic.claude-haiku-4-5-20251001-v1:0"
OF_A_FAMILY = [
    (
        "bedrock:anthropic.claude-haiku-4-5",
        [HAIKU, "bedrock:eu.anthropic.claude-haiku-4-5-20260101-v2:0", "bedrock:anthropic.claude-haiku-4-5-v1"],
    ),
    ("bedrock:anthropic.claude-3-haiku", ["bedrock:us-gov.anthropic.claude-3-haiku-20240307-v1:0:48k"]),
    ("bedrock:amazon.nova-lite", ["bedrock:us.amazon.nova-lite-v1:0", "bedrock:amazon.nova-lite-v1:0:300k"]),
    ("bedrock:openai.gpt-oss-120b", ["bedrock:openai.gpt-oss-120b-1:0"]),
    ("bedrock:deepseek.v3", ["bedrock:deepseek.v3-v1:0"]),
    ("bedrock:cohere.embed", ["bedrock:cohere.embed-v4:0"]),
    ("bedrock:mistral.mistral-large", ["bedrock:mistral.mistral-large-2402-v1:0"]),
    ("openai:gpt-4o-mini", ["openai:gpt-4o-mini-2024-07-18", "openai:gpt-4o-mini-latest"]),
    ("openai:gpt-4", ["openai:gpt-4-0613"]),
    ("openai:llama3:8b", ["openai:llama3:8b"]),
    ("local:smollm2-135m-instruct", ["local:smollm2-135m-instruct"]),
]
STRANGERS = [
    "bedrock:anthropic.claude-haiku-4-50-20251001-v1:0",
    "bedrock:anthropic.claude-opus-4-5-20251101-v1:0",
    "bedrock:global.anthropic.claude-haiku-4-20250101-v1:0",
    "bedrock:evil.anthropic.claude-haiku-4-5-20251001-v1:0",
    "openai:gpt-4o-mini-tts",
    "openai:gpt-4o",
    "openai:anthropic.claude-haiku-4-5-20251001-v1:0",
    "openai:global.anthropic.claude-haiku-4-5",
    "scripted:echo",
    "local:other",
    "",
    "bedrock:",
]


def allows(patterns: str, default_model: str, model_name: str) -> bool:
    try:
        AllowedModels.read(patterns, default_model).check(model_name)
    except ModelNotSupportedError:
        return False
    return True


@pytest.mark.parametrize(("named", "members"), OF_A_FAMILY, ids=[named for named, _ in OF_A_FAMILY])
def test_without_patterns_the_family_of_the_default_model_is_allowed(named: str, members: list[str]) -> None:
    others = [name for other, names in OF_A_FAMILY if other != named for name in [other, *names]] + STRANGERS
    for default_model in [named, *members]:
        assert all(allows("", default_model, name) for name in [named, *members])
        assert [name for name in others if allows("", default_model, name) and family(name) != named] == []


def test_a_stranger_is_of_no_family_in_the_list() -> None:
    families = [named for named, _ in OF_A_FAMILY]
    assert [name for name in STRANGERS if family(name) in set(families) - {"openai:gpt-4o"}] == []


@pytest.mark.parametrize(
    ("patterns", "allowed", "refused"),
    [
        ("*", ["bedrock:a", "openai:b", "local:c"], []),
        (
            "bedrock:*.claude-*, openai:gpt-4o*",
            ["bedrock:eu.anthropic.claude-x", "openai:gpt-4o-mini"],
            ["openai:gpt-5"],
        ),
        ("openai:gpt-4o", ["openai:gpt-4o"], ["openai:gpt-4o-mini", "openai:GPT-4o", "Openai:gpt-4o"]),
        ("openai:?", ["openai:a"], ["openai:ab", "openai:"]),
    ],
)
def test_patterns_are_all_that_is_allowed_beside_the_default_model(
    patterns: str, allowed: list[str], refused: list[str]
) -> None:
    assert all(allows(patterns, HAIKU, name) for name in [*allowed, HAIKU])
    assert not any(allows(patterns, HAIKU, name) for name in refused)


@given(st.text(max_size=200), st.sampled_from([HAIKU, "openai:gpt-4o-mini", "local:a"]))
def test_a_name_that_only_looks_like_the_default_model_is_refused(text: str, default_model: str) -> None:
    for name in (f"{default_model}{text}", f"{text}{default_model}", text):
        assert not allows("", default_model, name) or family(name) == family(default_model)
        assert not allows("nothing:*", default_model, name) or name == default_model


def test_bedrock_lets_chat_invoke_the_models_that_are_allowed_by_default_and_no_others() -> None:
    parameters = load(STACK.path)["Parameters"]
    default_model, pattern = parameters["DefaultModel"]["Default"], parameters["BedrockModels"]["Default"]
    assert parameters["AllowedModels"]["Default"] == ""
    ids = [name.partition(":")[2] for _, names in OF_A_FAMILY for name in names if name.startswith("bedrock:")]
    for model_id in [*ids, "anthropic.claude-haiku-4-50-20251001-v1:0", "anthropic.claude-opus-4-5-20251101-v1:0"]:
        invocable = any(fnmatchcase(model_id, one) for one in (pattern, f"*.{pattern}"))
        assert invocable == allows("", default_model, f"bedrock:{model_id}"), model_id
