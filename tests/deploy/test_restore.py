"""The runbook's restore, on the production stack: both tables come back under new names, and the stack takes those."""

from hashlib import sha256
from typing import Any

import httpx
import pytest

from tests.deploy.deployment import Deployment, Package

TABLES = ("SessionsTable", "CheckpointsTable")


@pytest.fixture(scope="module")
def carol_token(production: Deployment) -> str:
    return production.invite("carol@example.com")


@pytest.fixture(scope="module")
def lost(production: Deployment, carol_token: str) -> dict[str, Any]:
    """A turn that is in no table any more: the session's id, and what was said."""
    client = production.client(carol_token)
    session_id = client.post("/sessions", json={"custom_system_prompt": "You are brief."}).json()["session_id"]
    answer = client.post(f"/sessions/{session_id}/messages", json={"content": "My name is Carol."}).json()
    return {
        "path": f"/sessions/{session_id}",
        "said": [answer["user_message"]["content"], answer["message"]["content"]],
    }


@pytest.fixture(scope="module")
def restored(packaged: Package, production: Deployment, lost: dict[str, Any]) -> Deployment:
    """Point-in-time recovery of both tables; an accident; and the stack updated to the restored tables."""
    dynamodb, storage = production.emulator.client("dynamodb"), production.nested("Storage")
    names = {table: f"restored-{table}" for table in TABLES}
    for table, name in names.items():
        dynamodb.restore_table_to_point_in_time(
            SourceTableName=storage[f"{table}Name"], TargetTableName=name, UseLatestRestorableTime=True
        )
        dynamodb.get_waiter("table_exists").wait(TableName=name)
        dynamodb.update_continuous_backups(
            TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
        dynamodb.update_table(TableName=name, DeletionProtectionEnabled=True)
    enabled = {"AttributeName": "expires_at", "Enabled": True}
    dynamodb.update_time_to_live(TableName=names["SessionsTable"], TimeToLiveSpecification=enabled)
    for table in TABLES:
        empty(dynamodb, storage[f"{table}Name"])
    return packaged.deploy("production", **{f"Existing{table}": name for table, name in names.items()})


def empty(dynamodb: Any, table: str) -> None:
    for item in dynamodb.scan(TableName=table)["Items"]:
        dynamodb.delete_item(TableName=table, Key={"pk": item["pk"], "sk": item["sk"]})


def test_the_stack_uses_the_restored_tables(restored: Deployment) -> None:
    storage = restored.nested("Storage")
    assert [storage[f"{table}Name"] for table in TABLES] == ["restored-SessionsTable", "restored-CheckpointsTable"]


def test_the_conversation_is_back(restored: Deployment, carol_token: str, lost: dict[str, Any]) -> None:
    messages = restored.client(carol_token).get(f"{lost['path']}/messages").json()["messages"]
    assert [message["content"] for message in messages] == lost["said"]


def test_the_conversation_goes_on_from_its_thread(restored: Deployment, carol_token: str, lost: dict[str, Any]) -> None:
    client: httpx.Client = restored.client(carol_token)
    restored.grant_converse()
    answer = client.post(f"{lost['path']}/messages", json={"content": "What is my name?"})
    asked = "\n".join(["You are brief.", *lost["said"], "What is my name?"])
    assert answer.status_code == 200, answer.text
    assert answer.json()["message"]["content"].endswith("#" + sha256(asked.encode()).hexdigest()[:8])


def test_the_list_is_restored_with_its_index(restored: Deployment, carol_token: str, lost: dict[str, Any]) -> None:
    sessions = restored.client(carol_token).get("/sessions").json()["sessions"]
    assert [f"/sessions/{one['session_id']}" for one in sessions] == [lost["path"]]


def test_the_damaged_tables_are_kept_for_whoever_looks_into_it(production: Deployment, restored: Deployment) -> None:
    tables = production.emulator.client("dynamodb").list_tables()["TableNames"]
    assert sum(name.startswith(f"{production.name}-Storage") for name in tables) == len(TABLES)
