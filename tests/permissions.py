"""The policies of template.yaml, in force for a function that runs in this process."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from botocore.handlers import BUILTIN_HANDLERS
from botocore.model import OperationModel

from infra.local.stack import Stack

Permissions = frozenset[tuple[str, str]]
"""Pairs of an action and a table, or a table's index as `table/index/name`."""

ITEM_ACTIONS = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}
"""The action that each member of a transaction is authorized as:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html"""

_granted: ContextVar[Permissions | None] = ContextVar("granted", default=None)
_used: ContextVar[set[tuple[str, str]] | None] = ContextVar("used", default=None)


class AccessDeniedError(Exception):
    """The function's policy does not allow its request; AWS would have refused it."""


@contextmanager
def only(permissions: Permissions) -> Iterator[None]:
    """Let the code within do these things in DynamoDB and no others."""
    token = _granted.set(permissions)
    try:
        yield
    finally:
        _granted.reset(token)


@contextmanager
def used() -> Iterator[set[tuple[str, str]]]:
    """The permissions that the code within has needed so far."""
    found: set[tuple[str, str]] = set()
    token = _used.set(found)
    try:
        yield found
    finally:
        _used.reset(token)


def statements(stack: Stack) -> dict[str, list[dict[str, Any]]]:
    """The statements of each function's own policies."""
    return {
        function: [one for policy in properties["Policies"] for one in policy["Statement"] if one]
        for function, properties in stack.of_type("AWS::Serverless::Function")
    }


def granted(stack: Stack) -> dict[str, Permissions]:
    """The permissions of each function in DynamoDB."""
    tables = {name.rpartition("-")[2]: name for name, _ in stack.tables()}
    return {function: frozenset(_pairs(allowed, tables)) for function, allowed in statements(stack).items()}


def _pairs(allowed: list[dict[str, Any]], tables: dict[str, str]) -> Iterator[tuple[str, str]]:
    for statement in allowed:
        for resource in statement["Resource"]:
            if match := re.search(r":(\w+)/Arn(/index/\w+)?$", resource):
                place = tables[match[1]] + (match[2] or "")
                yield from ((action.removeprefix("dynamodb:"), place) for action in statement["Action"])


def needed(operation: str, request: dict[str, Any]) -> Permissions:
    """The permissions that a request to DynamoDB needs."""
    if operation in ("TransactWriteItems", "TransactGetItems"):
        members = (member for one in request["TransactItems"] for member in one.items())
        return frozenset((ITEM_ACTIONS[kind], member["TableName"]) for kind, member in members)
    if operation in ("BatchGetItem", "BatchWriteItem"):
        return frozenset((operation, table) for table in request["RequestItems"])
    index = request.get("IndexName")
    return frozenset({(operation, request["TableName"] + (f"/index/{index}" if index else ""))})


def _check(params: dict[str, Any], model: OperationModel, **_: Any) -> None:
    allowed, seen = _granted.get(), _used.get()
    if seen is not None:
        seen |= needed(model.name, params)
    denied = frozenset() if allowed is None else needed(model.name, params) - allowed
    if denied:
        raise AccessDeniedError(f"the function's policy in template.yaml does not allow {sorted(denied)}")


BUILTIN_HANDLERS.append(("before-parameter-build.dynamodb", _check))
