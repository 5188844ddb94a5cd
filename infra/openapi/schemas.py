"""Schemas: the required fields of requests and of answers, without redundant keywords."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

PREFIX = "#/components/schemas/"
Schema = dict[str, Any]


def complete(document: dict[str, Any]) -> None:
    """Complete the schemas of `document` in place.

    A field with a default is optional in a request and always present in an answer. Client generators apply the keyword
    `default` to both alike, so the default stands in the description instead.
    """
    schemas = document["components"]["schemas"]
    operations = [one for operations in document["paths"].values() for one in operations.values()]
    asked = _reachable(schemas, (one.get("requestBody") for one in operations))
    answered = _reachable(schemas, (one["responses"] for one in operations)) | {"Problem"}
    if both := sorted(asked & answered):
        raise ValueError(f"of a request and of an answer, which differ in what they require: {', '.join(both)}")
    for name, schema in schemas.items():
        for field, member in schema.get("properties", {}).items():
            member.pop("title", None)
            if "default" in member:
                default = member.pop("default")
                if name in asked:
                    member["description"] += f". Left out: `{json.dumps(default)}`"
                elif field not in schema.setdefault("required", []):
                    schema["required"].append(field)
    _make_limits_whole(document)


def _reachable(schemas: Schema, roots: Iterable[Any]) -> set[str]:
    """The names of the schemas that the roots refer to, directly or through others."""
    found: set[str] = set()
    open_ends = {name for root in roots for name in _references(root)}
    while open_ends:
        name = open_ends.pop()
        found.add(name)
        open_ends |= set(_references(schemas[name])) - found
    return found


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _references(one)
    elif isinstance(value, dict):
        for name, one in value.items():
            if name == "$ref" and one.startswith(PREFIX):
                yield one.removeprefix(PREFIX)
            else:
                yield from _references(one)


def _make_limits_whole(value: Any) -> None:
    """Write 200000 where Powertools writes 200000.0."""
    for one in value if isinstance(value, list) else value.values() if isinstance(value, dict) else ():
        _make_limits_whole(one)
    if isinstance(value, dict):
        for name in ("minimum", "maximum"):
            if isinstance(limit := value.get(name), float) and limit.is_integer():
                value[name] = int(limit)
