"""What CloudFormation would create of a template with a deployment's parameters."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

from infra.local.intrinsics import Resolver

VALUES = {
    "AlarmTopicArn": "arn:aws:sns:eu-central-1:123456789012:alarms",
    "CertificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/1f3a-77",
    "ChatConcurrency": "20",
    "DomainName": "chat.example.com",
    "ExistingCheckpointsTable": "restored-checkpoints",
    "ExistingSessionsTable": "restored-sessions",
    "ExistingUserPoolClientId": "7f3kq0c2",
    "ExistingUserPoolId": "eu-central-1_AbCdEf123",
    "KmsKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/0a1b-22",
    "OpenAiKeyArn": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:openai-AbC123",
    "WebAclArn": "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/chat/0a1b-22",
}
"""A value of each parameter that stands for something optional."""


class AbsentError(Exception):
    """The template refers to a resource that it does not create; the message is its logical id."""


@dataclass(frozen=True)
class Deployment:
    """A template without SAM's types, and the values of its parameters."""

    template: Mapping[str, Any]
    parameters: Mapping[str, Any]

    @cached_property
    def _resolver(self) -> Resolver:
        return Resolver(dict(self.template), self.parameters, self._attribute)

    def _is_there(self, declared: Mapping[str, Any]) -> bool:
        return "Condition" not in declared or self._resolver.condition(declared["Condition"])

    def _attribute(self, logical_id: str, name: str) -> str:
        declared = self.template["Resources"].get(logical_id)
        if declared is None or not self._is_there(declared):
            raise AbsentError(logical_id)
        return f"{logical_id}.{name}"

    @cached_property
    def resources(self) -> dict[str, Any]:
        """What is created, by logical id. Raises AbsentError."""
        declared = self.template["Resources"].items()
        return {name: self._resolver.resolve(one) for name, one in declared if self._is_there(one)}

    @cached_property
    def outputs(self) -> dict[str, Any]:
        """The values of the outputs. Raises AbsentError."""
        declared = self.template.get("Outputs", {}).items()
        return {name: self._resolver.resolve(one["Value"]) for name, one in declared if self._is_there(one)}

    def of_type(self, kind: str) -> dict[str, Any]:
        """The properties of what is created of a type, by logical id."""
        return {name: one["Properties"] for name, one in self.resources.items() if one["Type"] == kind}


def combinations(template: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Values of the parameters that conditions ask for, in each combination that they may have."""
    asked = sorted(set(_references(template.get("Conditions", {}))))
    choices = [_choices(name, template["Parameters"][name]) for name in asked]
    yield from (dict(zip(asked, chosen, strict=True)) for chosen in product(*choices))


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from ([part["Ref"]] if "Ref" in part else [])
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from _references(inner)


def _choices(name: str, declared: Mapping[str, Any]) -> list[Any]:
    return declared.get("AllowedValues") or [declared.get("Default", ""), VALUES[name]]
