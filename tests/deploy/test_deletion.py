"""What the deletion of a stack leaves: in production tables and users, in development nothing."""

import pytest
from botocore.exceptions import ClientError

from tests.deploy.deployment import Deployment


def delete(deployment: Deployment, nested: str) -> None:
    """Delete a nested stack by itself, as the emulator heeds its policies only then."""
    cloudformation, stack = deployment.emulator.client("cloudformation"), deployment.physical(nested)
    cloudformation.delete_stack(StackName=stack)
    cloudformation.get_waiter("stack_delete_complete").wait(
        StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )


def tables(deployment: Deployment) -> list[str]:
    names = deployment.emulator.client("dynamodb").list_tables()["TableNames"]
    return [name for name in names if name.startswith(f"{deployment.name}-Storage")]


def test_a_production_table_refuses_to_be_deleted(production: Deployment) -> None:
    for name in tables(production):
        with pytest.raises(ClientError, match="deletion protection"):
            production.emulator.client("dynamodb").delete_table(TableName=name)


def test_a_production_stack_leaves_its_tables(production: Deployment) -> None:
    before = tables(production)
    delete(production, "Storage")
    assert tables(production) == before != []


def test_a_production_stack_leaves_its_users(production: Deployment) -> None:
    pool = production.outputs["UserPoolId"]
    delete(production, "Identity")
    assert production.emulator.client("cognito-idp").describe_user_pool(UserPoolId=pool)["UserPool"]["Id"] == pool


def test_a_development_stack_leaves_neither(development: Deployment) -> None:
    pool = development.outputs["UserPoolId"]
    assert len(tables(development)) == 2
    for nested in ("Storage", "Identity"):
        delete(development, nested)
    assert tables(development) == []
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        development.emulator.client("cognito-idp").describe_user_pool(UserPoolId=pool)
