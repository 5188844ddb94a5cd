"""The leftovers of a stack's deletion: in production tables, users and a secret, in development nothing.

The nested stacks stand alone here, as the emulator heeds a nested stack's DeletionPolicy only then.
"""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.build import HOST_BUILT
from tests.deploy.deployment import Deployment
from tests.deploy.emulator import Emulator

PARAMETERS = {"Storage": {}, "Identity": {"SelfSignUp": "false", "Mfa": "OFF"}}


def left_by(emulator: Emulator, nested: str, environment: str) -> dict[str, str]:
    """Create and delete a stack. Returns CloudFormation's names of its remaining resources, by type."""
    cloudformation, name = emulator.client("cloudformation"), f"{nested}-alone-{environment}"
    parameters = PARAMETERS[nested] | {"Environment": environment}
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=(HOST_BUILT / nested / "template.yaml").read_text(encoding="utf-8"),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_AUTO_EXPAND"],
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    made = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    cloudformation.delete_stack(StackName=name)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    there = existing(emulator)
    return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in made if one["PhysicalResourceId"] in there}


def existing(emulator: Emulator) -> set[Any]:
    pools = emulator.client("cognito-idp").list_user_pools(MaxResults=60)["UserPools"]
    secrets = emulator.client("secretsmanager").list_secrets(MaxResults=100)["SecretList"]
    names = {one[name] for one in secrets for name in ("Name", "ARN")}
    return names | {*emulator.client("dynamodb").list_tables()["TableNames"], *(pool["Id"] for pool in pools)}


def test_a_production_stack_leaves_its_tables_its_users_and_the_key_to_receipts_of_erasures(emulator: Emulator) -> None:
    assert set(left_by(emulator, "Storage", "production")) == {"SessionsTable", "CheckpointsTable", "ErasureSecret"}
    assert set(left_by(emulator, "Identity", "production")) == {"UserPool"}


def test_a_development_stack_leaves_neither(emulator: Emulator) -> None:
    assert left_by(emulator, "Storage", "development") == {}
    assert left_by(emulator, "Identity", "development") == {}


def test_a_production_table_refuses_to_be_deleted(production: Deployment) -> None:
    dynamodb = production.emulator.client("dynamodb")
    own = [name for name in dynamodb.list_tables()["TableNames"] if name.startswith(f"{production.name}-Storage")]
    assert len(own) == 2
    for table in own:
        with pytest.raises(ClientError, match="deletion protection"):
            dynamodb.delete_table(TableName=table)
