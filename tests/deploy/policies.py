"""The policies of deployed functions, with something taken away for a moment."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.deploy.deployment import Deployment


@contextmanager
def policy_without(deployment: Deployment, function: str, action: str) -> Iterator[None]:
    """The function's role with one action less, wherever it stands."""
    iam, role = deployment.emulator.client("iam"), deployment.physical(f"{function}Role")
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    before = {name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names}
    try:
        for name, document in before.items():
            _put(iam, role, name, [_less(statement, action) for statement in document["Statement"]])
        yield
    finally:
        for name, document in before.items():
            _put(iam, role, name, document["Statement"])


def _less(statement: dict[str, Any], action: str) -> dict[str, Any]:
    """A statement has at least one action, so one that is AWS's and does nothing here takes the place of the last."""
    kept = [one for one in statement["Action"] if one != action]
    return statement | {"Action": kept or ["dynamodb:ListTables"]}


def _put(iam: Any, role: str, name: str, statements: list[dict[str, Any]]) -> None:
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=document)
