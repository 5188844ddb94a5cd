"""The sweep for orphans in this process, and what it is to find, planted by a plain client of DynamoDB."""

import time
from dataclasses import dataclass
from typing import Any

import pytest

from chatkeep.kinds import Table
from functions.purge import app
from infra.local.events import LambdaContext
from tests.chat import new_session, sent
from tests.client import Client

TABLES = {Table.SESSIONS: "chatkeep-SessionsTable", Table.CHECKPOINTS: "chatkeep-CheckpointsTable"}
Item = dict[str, Any]
Place = tuple[str, str, str]
"""A table and two keys."""


@dataclass
class Store:
    """Both tables, as they are stored."""

    dynamodb: Any

    def items(self) -> dict[Place, Item]:
        return {
            (table, item["pk"]["S"], item["sk"]["S"]): item
            for table, name in TABLES.items()
            for page in self.dynamodb.get_paginator("scan").paginate(TableName=name, ConsistentRead=True)
            for item in page["Items"]
        }

    def item(self, sort: str) -> Item:
        """The one item of SessionsTable whose sort key begins so."""
        (found,) = [
            item for place, item in self.items().items() if place[0] == Table.SESSIONS and place[2].startswith(sort)
        ]
        return found

    def of(self, word: str) -> list[Place]:
        """Where the items are that name this word in their keys or elsewhere."""
        return [place for place, item in self.items().items() if word in repr(item)]

    def put(self, item: Item, table: Table = Table.SESSIONS) -> None:
        self.dynamodb.put_item(TableName=TABLES[table], Item=item)

    def remove(self, item: Item, table: Table = Table.SESSIONS) -> None:
        self.dynamodb.delete_item(TableName=TABLES[table], Key={"pk": item["pk"], "sk": item["sk"]})

    def alter(self, item: Item, **attributes: Any) -> None:
        """Store the item with other attributes; None is without."""
        altered = {**item, **attributes}
        self.put({name: value for name, value in altered.items() if value is not None})


def pass_through(most_runs: int = 1) -> int:
    """Have the function look for orphans until a pass has ended, and do what follows; returns the number of runs."""
    from chatkeep.models.scan import Scan

    for run in range(1, most_runs + 1):
        app.lambda_handler({"orphans": True}, LambdaContext("purge", "request", time.monotonic() + 60))
        if Scan.find("orphans") is None:
            return run
    raise AssertionError(f"a pass did not end in {most_runs} runs")


def carry_out(*due: Any) -> None:
    app.lambda_handler({"jobs": due}, LambdaContext("purge", "request", time.monotonic() + 60))


def kinds(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The orphans that the log tells of since this was asked last, each as repaired."""
    lines = [one for one in caplog.records if hasattr(one, "orphan")]
    assert {one.getMessage() for one in lines} <= {"an orphan was found and repaired"}
    found = [str(one.orphan) for one in lines]
    caplog.clear()
    return found


def delete_for_good(api: Client, session_id: str) -> str:
    """Delete the session and carry it out; returns the deletion's id."""
    receipt = api.delete(f"/sessions/{session_id}?permanent=true").json
    carry_out((f"USER#{api.user_id}", f"DELETION#{receipt['deletion_id']}"))
    return str(receipt["deletion_id"])


def damaged(api: Client, store: Store) -> list[str]:
    """Sessions with one orphan each: of the header, of the timer, of the contents, of the thread, of the tombstone."""
    made = [new_session(api, expire_after_days=3) for _ in range(5)]
    header, timer, contents, thread, tombstone = made
    for session_id in (contents, thread):
        sent(api, session_id, "hello")
    api.delete(f"/sessions/{tombstone}?permanent=true")
    store.alter(store.item(f"SESSION#{header}"), place=None)
    for place, item in store.items().items():
        lost = place[2] in (f"SESSION#{contents}", f"SESSION#{thread}") or place[2].startswith("DELETION#")
        if lost or (place[2] == "TIMER" and timer in place[1]) or (place[0] == Table.SESSIONS and thread in place[1]):
            store.remove(item)
    return made


FOUND = [
    "contents without a session", "header out of its place", "session without its timer", "thread without a session",
    "tombstone without its deletion",
]  # fmt: skip


def check_is_repaired(api: Client, store: Store, made: list[str]) -> None:
    header, timer, *gone = made
    assert {one["session_id"] for one in api.get("/sessions").json["sessions"]} == {header, timer}
    assert {place[2].partition("#")[0] for session_id in gone for place in store.of(session_id)} == {"DELETION"}
    assert [one["status"] for one in api.get("/deletions").json["deletions"]] == ["done"] * 3
    assert len([place for place in store.items() if place[2] == "TIMER"]) == 2
