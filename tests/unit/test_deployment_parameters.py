"""The parameters of a deployment: wrong values are refused by name, and no environment is assumed."""

import re
from typing import Any

import pytest
from samtranslator.model.preferences.deployment_preference_collection import CODEDEPLOY_PREDEFINED_CONFIGURATIONS_LIST

from infra.expansion import TEMPLATE, configured
from infra.local.intrinsics import load
from infra.local.stack import Stack
from infra.local.template import load_functions
from tests.parameter_values import VALUES

SOURCE = load(TEMPLATE)
PARAMETERS = SOURCE["Parameters"]
TEXTS = {name: one for name, one in PARAMETERS.items() if one["Type"] == "String" and "AllowedValues" not in one}

NOTHING = dict.fromkeys(("ChatConcurrency", "StreamConcurrency", "WorkerConcurrency"), 0)
"""The defaults of optional parts that are numbers."""
LONGER_NAMES = 250
"""Bytes by which the ARNs and names of a deployment's resources may exceed those in the tests."""
ACCEPTED = [
    *VALUES.items(),
    ("AllowedOrigin", "*"),
    ("AllowedOrigin", "https://chat.example.com"),
    ("AllowedOrigin", "http://localhost:5173"),
    ("BedrockModels", "anthropic.*"),
    ("BedrockModels", "amazon.nova-lite-v1:0"),
    ("CertificateArn", "arn:aws-us-gov:acm:us-gov-west-1:123456789012:certificate/1f3a-77"),
    ("DefaultModel", "openai:gpt-4o-mini"),
    ("DefaultModel", "bedrock:eu.anthropic.claude-sonnet-4-20250514-v1:0"),
    ("DefaultSystemPrompt", "You are brief.\nYou are kind."),
    ("DomainName", "plausch.beispiel.xn--p1ai"),
    ("Graph", "chatbot.graphs.support:build_graph"),
    ("OpenAiBaseUrl", "http://models.internal:8000/v1"),
    ("OpenAiOptions", '{"max_tokens": null,\n "reasoning": {"effort": "low"}}'),
    ("PromptFacts", "date"),
    ("PromptFacts", "name,date"),
]
REFUSED = [
    ("AdapterLayerArn", "arn:aws:lambda:us-east-1:123456789012:layer:LambdaAdapterLayerX86"),
    ("AdapterLayerArn", "LambdaAdapterLayerX86:27"),
    ("AlarmTopicArn", "alarms"),
    ("AlarmTopicArn", "arn:aws:sns:eu-central-1:123456789012:alarms.fifo"),
    ("AllowedOrigin", "chat.example.com"),
    ("AllowedOrigin", "https://chat.example.com/"),
    ("AllowedOrigin", "https://a.example,https://b.example"),
    ("AllowedOrigin", "https://a.example'"),
    ("BedrockModels", ""),
    ("BedrockModels", "anthropic.*, amazon.*"),
    ("CertificateArn", "arn:aws:iam::123456789012:server-certificate/chat"),
    ("ConsoleCertificateArn", "arn:aws:acm:eu-central-1:123456789012:certificate/1f3a-77"),
    ("ConsoleDomainName", "https://chat.example.com/"),
    ("ConsoleWebAclArn", "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/chat/0a1b-22"),
    ("DefaultModel", "gpt-4o-mini"),
    ("DefaultModel", "openai: gpt-4o-mini"),
    ("DomainName", "https://chat.example.com"),
    ("DomainName", "chat.example.com/v1"),
    ("DomainName", "Chat.example.com"),
    ("DomainName", "localhost"),
    ("DomainName", "chat.example.com."),
    ("DomainName", "*.example.com"),
    ("ExistingCheckpointsTable", "t"),
    ("ExistingSessionsTable", "arn:aws:dynamodb:eu-central-1:123456789012:table/restored"),
    ("ExistingUserPoolClientId", "a client"),
    ("ExistingUserPoolId", "arn:aws:cognito-idp:eu-central-1:123456789012:userpool/eu-central-1_AbC"),
    ("Graph", "chatbot/graphs.py:build_graph"),
    ("Graph", "chatbot.graphs"),
    ("KmsKeyArn", "alias/chat"),
    ("KmsKeyArn", "arn:aws:kms:eu-central-1:123456789012:alias/chat"),
    ("OpenAiBaseUrl", "models.internal/v1"),
    ("OpenAiKeyArn", "sk-proj-abc"),
    ("OpenAiOptions", "[]"),
    ("OpenAiOptions", ""),
    ("OpenAiOptions", f'{{"user": "{"a" * 2000}"}}'),
    ("PromptFacts", "weather"),
    ("PromptFacts", "date, name"),
    ("SignInHost", "https://login.example.com"),
    ("SignInHost", "my-chat"),
    ("SignInPrefix", "login.example.com"),
    ("SignInPrefix", "My-chat"),
    ("SignInPrefix", "-chat"),
    ("SignInPrefix", "x" * 64),
    ("WebAclArn", "arn:aws:wafv2:us-east-1:123456789012:global/webacl/chat/0a1b-22"),
]


def takes(parameter: dict[str, Any], value: str) -> bool:
    """Whether CloudFormation takes the value, which it holds to the whole of a pattern."""
    fits = re.fullmatch(parameter.get("AllowedPattern", r"[\s\S]*"), value) is not None
    return fits and len(value) <= parameter.get("MaxLength", 4096)


@pytest.mark.parametrize(("name", "value"), ACCEPTED)
def test_a_value_that_makes_sense_is_taken(name: str, value: str) -> None:
    assert takes(PARAMETERS[name], value)


@pytest.mark.parametrize(("name", "value"), REFUSED)
def test_a_value_that_does_not_is_refused(name: str, value: str) -> None:
    assert not takes(PARAMETERS[name], value)


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_held_to_a_form_and_a_refusal_says_which(name: str) -> None:
    assert "AllowedPattern" in TEXTS[name] or "MaxLength" in TEXTS[name]
    assert TEXTS[name]["ConstraintDescription"].startswith(f"{name} ")


@pytest.mark.parametrize("name", TEXTS)
def test_a_default_is_a_value_that_is_taken(name: str) -> None:
    assert takes(TEXTS[name], TEXTS[name]["Default"])


def test_the_longest_texts_fit_together_into_a_functions_variables() -> None:
    """Lambda gives them 4 KB in all: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
    longest = {name: "x" * one["MaxLength"] for name, one in TEXTS.items() if "MaxLength" in one}
    functions = load_functions(Stack(TEMPLATE, {**longest, "AllowedModels": "x" * 900})).values()
    taken = max(sum(len(name + value) for name, value in one.environment.items()) for one in functions)
    assert len("".join(longest.values())) < taken < 4096 - LONGER_NAMES


def test_an_optional_part_is_off_unless_asked_for() -> None:
    assert {name: PARAMETERS[name]["Default"] for name in VALUES} == dict.fromkeys(VALUES, "") | NOTHING


@pytest.mark.parametrize(
    ("rule", "first", "second"),
    [
        ("DomainWithCertificate", "DomainName", "CertificateArn"),
        ("ConsoleDomainWithCertificate", "ConsoleDomainName", "ConsoleCertificateArn"),
        ("PoolWithClient", "ExistingUserPoolId", "ExistingUserPoolClientId"),
    ],
)
def test_two_parameters_go_together(rule: str, first: str, second: str) -> None:
    (assertion,) = SOURCE["Rules"][rule]["Assertions"]
    assert first in assertion["AssertDescription"]
    assert second in assertion["AssertDescription"]
    for one, other in (("", ""), ("a", ""), ("", "b"), ("a", "b")):
        assert holds(assertion["Assert"], {first: one, second: other}) is (bool(one) == bool(other))


def test_a_page_to_sign_in_is_made_or_named_and_not_both() -> None:
    (assertion,) = SOURCE["Rules"]["OnePageToSignIn"]["Assertions"]
    for prefix, host in (("", ""), ("a", ""), ("", "b"), ("a", "b")):
        assert holds(assertion["Assert"], {"SignInPrefix": prefix, "SignInHost": host}) is not bool(prefix and host)


@pytest.mark.parametrize(
    ("changed", "is_taken"),
    [({}, True), ({"Mfa": "ON"}, False), ({"Mfa": "OPTIONAL"}, False), ({"SelfSignUp": "true"}, False)],
)
def test_what_an_existing_pool_decides_itself_cannot_be_asked_for(changed: dict[str, str], is_taken: bool) -> None:
    rule = SOURCE["Rules"]["ExistingPoolAsItIs"]
    given = {name: PARAMETERS[name]["Default"] for name in ("ExistingUserPoolId", "Mfa", "SelfSignUp")}
    assert not holds(rule["RuleCondition"], given)
    assert holds(rule["RuleCondition"], given | {"ExistingUserPoolId": VALUES["ExistingUserPoolId"]})
    assert holds(rule["Assertions"][0]["Assert"], given | changed) is is_taken


def holds(assertion: Any, parameters: dict[str, str]) -> bool:
    ((name, parts),) = assertion.items()
    if name == "Fn::Equals":
        left, right = (parameters[part["Ref"]] if isinstance(part, dict) else part for part in parts)
        return left == right
    met = [holds(part, parameters) for part in parts]
    return not met[0] if name == "Fn::Not" else {"Fn::And": all, "Fn::Or": any}[name](met)


def test_development_is_deployed_at_once_and_production_by_and_by() -> None:
    assert PARAMETERS["Rollout"]["Default"] == "AllAtOnce"
    assert "Rollout" not in configured("default")
    gradual = {name for name, one in SOURCE["Mappings"]["Rollouts"].items() if one["IsGradual"] == "true"}
    assert configured("production")["Rollout"] in gradual


def test_a_rollout_is_known_to_sam_and_whether_it_is_gradual() -> None:
    assert sorted(PARAMETERS["Rollout"]["AllowedValues"]) == sorted(CODEDEPLOY_PREDEFINED_CONFIGURATIONS_LIST)
    gradual = {name: str(name != "AllAtOnce").lower() for name in PARAMETERS["Rollout"]["AllowedValues"]}
    assert {name: one["IsGradual"] for name, one in SOURCE["Mappings"]["Rollouts"].items()} == gradual


def test_only_the_environment_has_to_be_named_and_both_configurations_name_it() -> None:
    """`--parameter-overrides` replaces samconfig's list; a new stack is then refused, not made without protection."""
    assert [name for name, parameter in PARAMETERS.items() if "Default" not in parameter] == ["Environment"]
    for configuration, environment in (("default", "development"), ("production", "production")):
        given = configured(configuration)
        assert given["Environment"] == environment
        assert set(given) <= set(PARAMETERS)
