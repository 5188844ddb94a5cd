"""CloudFormation templates as plain data: the YAML short forms, and a resolver of the intrinsic functions."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import yaml

from infra.local.errors import LocalError

PSEUDO_PARAMETERS: Mapping[str, Any] = {
    "AWS::AccountId": "123456789012",
    "AWS::NoValue": None,
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/chatkeep/local",
    "AWS::StackName": "chatkeep",
    "AWS::URLSuffix": "amazonaws.com",
}


class TemplateError(LocalError):
    """The template says something that the local runner cannot read; the message names it."""


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no types
    """SafeLoader that reads `!Sub x` as `{"Fn::Sub": x}` and dates as the text they are."""

    yaml_implicit_resolvers: ClassVar = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


def load(path: Path) -> dict[str, Any]:
    """The template as data, short forms written out. Raises TemplateError when the file is not a YAML mapping."""
    try:
        template = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506  a SafeLoader
    except (OSError, yaml.YAMLError) as error:
        raise TemplateError(f"cannot read {path}: {error}") from error
    if not isinstance(template, dict):
        raise TemplateError(f"{path} holds no template")
    return template


class Resolver:
    """Evaluates what a template says, with its parameters' defaults in place of a deployment's values."""

    def __init__(
        self,
        template: dict[str, Any],
        parameters: Mapping[str, Any],
        attribute: Callable[[str, str], Any],
    ) -> None:
        """`attribute(logical_id, name)` answers GetAtt, and Ref of a resource with the name `Ref`."""
        self._template = template
        self._attribute = attribute
        declared = template.get("Parameters", {})
        self._parameters = {name: parameters.get(name, spec.get("Default", "")) for name, spec in declared.items()}

    def resolve(self, value: Any) -> Any:
        """The value with each intrinsic function evaluated; mapping entries that become AWS::NoValue are left out."""
        if isinstance(value, list):
            return [item for item in map(self.resolve, value) if item is not None]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Ref":
                return self._ref(argument)
            if name.startswith("Fn::"):
                return self._function(name.removeprefix("Fn::"), argument)
        resolved = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not None}

    def condition(self, name: str) -> bool:
        """Whether the named condition of the template holds."""
        return self._test(self._template.get("Conditions", {})[name])

    def _test(self, expression: Any) -> bool:
        ((name, argument),) = expression.items()
        if name == "Condition":
            return self.condition(argument)
        if name == "Fn::Equals":
            left, right = map(self.resolve, argument)
            return str(left) == str(right)
        if name == "Fn::Not":
            return not self._test(argument[0])
        if name in ("Fn::And", "Fn::Or"):
            return (all if name == "Fn::And" else any)(map(self._test, argument))
        raise TemplateError(f"the condition {name} is not known to the local runner")

    def _ref(self, name: str) -> Any:
        if name in PSEUDO_PARAMETERS:
            return PSEUDO_PARAMETERS[name]
        if name in self._parameters:
            return self._parameters[name]
        return self._attribute(name, "Ref")

    def _function(self, name: str, argument: Any) -> Any:
        if name == "If":
            chosen, then, otherwise = argument
            return self.resolve(then if self.condition(chosen) else otherwise)
        if name == "GetAtt":
            return self._attribute(*(argument if isinstance(argument, list) else argument.split(".", 1)))
        if name == "Sub":
            return self._substitute(argument)
        if name == "FindInMap":
            outer, first, second = map(self.resolve, argument)
            return self._template["Mappings"][outer][first][second]
        if name == "Join":
            separator, parts = argument
            return separator.join(str(part) for part in self.resolve(parts))
        if name == "Select":
            return self.resolve(argument[1])[int(self.resolve(argument[0]))]
        if name == "Split":
            return str(self.resolve(argument[1])).split(argument[0])
        raise TemplateError(f"Fn::{name} is not known to the local runner")

    def _substitute(self, argument: Any) -> str:
        text, variables = (argument, {}) if isinstance(argument, str) else argument

        def value_of(match: re.Match[str]) -> str:
            name = match[1]
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            if name in variables:
                return str(self.resolve(variables[name]))
            return str(self._attribute(*name.split(".", 1)) if "." in name else self._ref(name))

        return re.sub(r"\$\{([^}]+)\}", value_of, text)
