"""A CloudFormation or SAM template with its nested stacks, evaluated as far as the local runner needs it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from infra.local.intrinsics import PSEUDO_PARAMETERS, Resolver, TemplateError, load

FUNCTION_ARN = "arn:aws:lambda:us-east-1:123456789012:function:"
_NESTED = {"AWS::CloudFormation::Stack": "TemplateURL", "AWS::Serverless::Application": "Location"}


@dataclass(frozen=True)
class Stack:
    """A template with its parameters' values; nested stacks are stacks of their own."""

    path: Path
    parameters: Mapping[str, Any]

    @cached_property
    def _template(self) -> dict[str, Any]:
        return load(self.path)

    @cached_property
    def _resolver(self) -> Resolver:
        return Resolver(self._template, self.parameters, self.attribute)

    def of_type(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Logical ids and resolved properties of this stack's own resources of a type, where their condition holds."""
        for logical_id, resource in self._present():
            if resource["Type"] == kind:
                yield logical_id, self._resolver.resolve(resource.get("Properties", {}))

    def _present(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The template's resources whose condition holds, unresolved."""
        for logical_id, resource in self._template.get("Resources", {}).items():
            if "Condition" not in resource or self._resolver.condition(resource["Condition"]):
                yield logical_id, resource

    def globals_of(self, section: str) -> dict[str, Any]:
        """The template's Globals for a kind of resource."""
        resolved = self._resolver.resolve(self._template.get("Globals", {}).get(section, {}))
        return dict(resolved)

    @cached_property
    def _nested(self) -> dict[str, "Stack"]:
        return {}

    def nested(self, logical_id: str) -> "Stack":
        """The nested stack of that logical id."""
        if logical_id not in self._nested:
            resource = self._template["Resources"][logical_id]
            properties = resource.get("Properties", {})
            parameters = self._resolver.resolve(properties.get("Parameters", {}))
            self._nested[logical_id] = Stack(self.path.parent / properties[_NESTED[resource["Type"]]], parameters)
        return self._nested[logical_id]

    def output(self, name: str) -> Any:
        """The value of one of the stack's outputs."""
        return self._resolver.resolve(self._template["Outputs"][name]["Value"])

    def tables(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Physical names and properties of the tables of this stack and those nested in it."""
        for logical_id, properties in self.of_type("AWS::DynamoDB::Table"):
            yield self.attribute(logical_id, "Ref"), properties
        for logical_id, resource in self._present():
            if resource["Type"] in _NESTED:
                yield from self.nested(logical_id).tables()

    def attribute(self, logical_id: str, name: str) -> Any:
        """A resource's attribute as it could be on AWS. The local runner needs only names and outputs."""
        logical_id, _, made = logical_id.partition(".")  # as SAM's `Function.Alias`
        resource = self._template.get("Resources", {}).get(logical_id)
        if resource is None:
            raise TemplateError(f"{self.path.name} refers to {logical_id}, which it does not declare")
        if name.startswith("Outputs."):
            return self.nested(logical_id).output(name.removeprefix("Outputs."))
        if made == "Alias":
            return f"{FUNCTION_ARN}{logical_id}:live"
        if name == "Arn" and resource["Type"] == "AWS::Serverless::Function":
            return f"{FUNCTION_ARN}{logical_id}"
        if name == "Ref":
            named = resource.get("Properties", {}).get("TableName")
            return self._resolver.resolve(named) if named else f"{PSEUDO_PARAMETERS['AWS::StackName']}-{logical_id}"
        return f"arn:aws:local:us-east-1:123456789012:{logical_id}/{name}"
