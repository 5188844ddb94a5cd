"""The values that a deployment's parameters may have."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

VALUES = {
    "AdapterLayerArn": "arn:aws-cn:lambda:cn-north-1:123456789012:layer:LambdaAdapterLayerX86:27",
    "AlarmTopicArn": "arn:aws:sns:eu-central-1:123456789012:alarms",
    "CertificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/1f3a-77",
    "ChatConcurrency": "20",
    "ConsoleCertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/2b4c-88",
    "ConsoleDomainName": "console.example.com",
    "ConsoleWebAclArn": "arn:aws:wafv2:us-east-1:123456789012:global/webacl/console/1b2c-33",
    "DomainName": "chat.example.com",
    "ExistingCheckpointsTable": "restored-checkpoints",
    "ExistingSessionsTable": "restored-sessions",
    "ExistingUserPoolClientId": "7f3kq0c2",
    "ExistingUserPoolId": "eu-central-1_AbCdEf123",
    "KmsKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/0a1b-22",
    "OpenAiKeyArn": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:openai-AbC123",
    "SignInHost": "login.example.com",
    "SignInPrefix": "my-chat",
    "StreamConcurrency": "30",
    "WebAclArn": "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/chat/0a1b-22",
    "WorkerConcurrency": "10",
}
"""A value of each parameter that stands for something optional."""


def combinations(template: Mapping[str, Any], told: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Values of the parameters that conditions ask for, in each combination that they may have beside those `told`."""
    asked = sorted(set(_references(template.get("Conditions", {}))) - set(told))
    choices = [_choices(name, template["Parameters"][name]) for name in asked]
    yield from ({**told, **dict(zip(asked, chosen, strict=True))} for chosen in product(*choices))


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from ([part["Ref"]] if "Ref" in part else [])
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from _references(inner)


def _choices(name: str, declared: Mapping[str, Any]) -> list[Any]:
    """All values that are allowed, else the one for nothing and one for something."""
    nothing = 0 if declared["Type"] == "Number" else ""
    return declared.get("AllowedValues") or [declared.get("Default", nothing), VALUES.get(name, "1")]
