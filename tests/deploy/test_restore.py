"""The runbook's restore, on the production stack: both tables come back under new names, and the stack takes those."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.deploy.deployment import Deployment, Package
from tests.deploy.talk import PROMPT, Talk, answers, ask, hold

TABLES = ("SessionsTable", "CheckpointsTable")


@pytest.fixture(scope="module")
def carol_token(production: Deployment) -> str:
    return production.invite("carol@example.com")


@pytest.fixture(scope="module")
def talk(production: Deployment, carol_token: str) -> Talk:
    return hold(production.client(carol_token), ["My name is Carol."], custom_system_prompt=PROMPT)


@pytest.fixture(scope="module")
def restored(packaged: Package, production: Deployment, talk: Talk) -> Deployment:
    """Both tables as they were at one moment, as a turn is written to both at once; an accident; and the update."""
    dynamodb, storage = production.emulator.client("dynamodb"), production.nested("Storage")
    moment = datetime.now(UTC)
    names = {table: f"restored-{table}" for table in TABLES}
    for table, name in names.items():
        restore(dynamodb, storage[f"{table}Name"], name, moment)
        empty(dynamodb, storage[f"{table}Name"])
    answers_expire = {"AttributeName": "expires_at", "Enabled": True}
    dynamodb.update_time_to_live(TableName=names["SessionsTable"], TimeToLiveSpecification=answers_expire)
    restored = packaged.deploy("production", **{f"Existing{table}": name for table, name in names.items()})
    restored.grant()
    return restored


def restore(dynamodb: Any, source: str, target: str, moment: datetime) -> None:
    """A restored table has its items and indexes, and none of its protection."""
    dynamodb.restore_table_to_point_in_time(SourceTableName=source, TargetTableName=target, RestoreDateTime=moment)
    dynamodb.get_waiter("table_exists").wait(TableName=target)
    recovery = {"PointInTimeRecoveryEnabled": True}
    dynamodb.update_continuous_backups(TableName=target, PointInTimeRecoverySpecification=recovery)
    dynamodb.update_table(TableName=target, DeletionProtectionEnabled=True)


def empty(dynamodb: Any, table: str) -> None:
    for item in dynamodb.scan(TableName=table)["Items"]:
        dynamodb.delete_item(TableName=table, Key={"pk": item["pk"], "sk": item["sk"]})


def test_the_stack_uses_the_restored_tables(restored: Deployment) -> None:
    storage = restored.nested("Storage")
    assert [storage[f"{table}Name"] for table in TABLES] == ["restored-SessionsTable", "restored-CheckpointsTable"]


@pytest.fixture
def carol(restored: Deployment, carol_token: str) -> httpx.Client:
    return restored.client(carol_token)


def test_the_conversation_is_back(carol: httpx.Client, talk: Talk) -> None:
    messages = carol.get(f"{talk.path}/messages").json()["messages"]
    assert [message["content"] for message in messages] == talk.said


def test_the_list_is_back_with_its_index(carol: httpx.Client, talk: Talk) -> None:
    assert [session["session_id"] for session in carol.get("/sessions").json()["sessions"]] == [talk.session_id]


def test_the_conversation_goes_on_from_its_thread(carol: httpx.Client, talk: Talk) -> None:
    answer = ask(carol, talk, "What is my name?", key="after the restore")
    assert answers(answer["message"]["content"], [*talk.said, "What is my name?"])


def test_the_damaged_tables_are_kept_for_whoever_looks_into_it(production: Deployment, restored: Deployment) -> None:
    tables = production.emulator.client("dynamodb").list_tables()["TableNames"]
    assert sum(name.startswith(f"{production.name}-Storage") for name in tables) == len(TABLES)
