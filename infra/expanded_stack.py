"""The resources that CloudFormation creates from a template and its nested ones, with a deployment's parameters."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from infra.expansion import ROOT, TEMPLATE, expand
from infra.local.intrinsics import Resolver, load


class AbsentError(Exception):
    """The template refers to a resource that it does not create; the message is its logical id."""


@dataclass(frozen=True)
class ExpandedStack:
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
        """The created resources by logical id; an attribute of another resource is its name. Raises AbsentError."""
        declared = self.template["Resources"].items()
        return {name: self._resolver.resolve(one) for name, one in declared if self._is_there(one)}

    @cached_property
    def outputs(self) -> dict[str, Any]:
        """The values of the outputs. Raises AbsentError."""
        declared = self.template.get("Outputs", {}).items()
        return {name: self._resolver.resolve(one["Value"]) for name, one in declared if self._is_there(one)}

    def of_type(self, kind: str) -> dict[str, Any]:
        """The properties of the created resources of a type, by logical id."""
        return {name: one.get("Properties", {}) for name, one in self.resources.items() if one["Type"] == kind}


def stacks(parameters: Mapping[str, Any]) -> Iterator[ExpandedStack]:
    """The expanded stack of template.yaml and those nested in it."""
    root = ExpandedStack(expand(load(TEMPLATE), parameters), parameters)
    yield root
    for nested in root.of_type("AWS::CloudFormation::Stack").values():
        yield ExpandedStack(load(ROOT / nested["TemplateURL"]), nested.get("Parameters", {}))
