"""A session's transcript, its agent's memory and its counters, as they are stored, and whether they agree."""

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Protocol

from boto3.dynamodb.types import TypeDeserializer

from chatkeep.agent.runtime import saver
from chatkeep.checkpointer import DynamoDBSaver
from chatkeep.clock import milliseconds, now
from tests.client import Client

ROLES = {"human": "user", "ai": "assistant", "tool": "tool"}
SESSIONS_TABLE = "chatkeep-SessionsTable"
LEASE = ("lease_turn_id", "lease_owner", "due_at", "due_shard", "cancel_turn_id", "cancel_action")


@dataclass(frozen=True)
class Views:
    """As they are stored; `turns` are the records by id."""

    session: dict[str, Any]
    transcript: list[dict[str, Any]]
    memory: list[tuple[str, str]]
    turns: dict[str, dict[str, Any]]
    totals: dict[str, Any]
    days: list[dict[str, Any]]

    def check(self) -> None:
        """Fails where they tell different stories."""
        self._check_the_transcript()
        self._check_the_counters()
        assert self.memory == [(one["role"], one["content"]) for one in self.transcript]

    def _check_the_transcript(self) -> None:
        stored = {name: turn for name, turn in self.turns.items() if turn["messages"]}
        assert Counter(one["turn_id"] for one in self.transcript) == {
            name: turn["messages"] for name, turn in stored.items() if turn["status"] != "reported"
        }
        ids = [one["message_id"] for one in self.transcript]
        assert ids == sorted(set(ids))
        for turn_id, group in groupby(self.transcript, key=lambda one: one["turn_id"]):
            messages = list(group)
            assert len(messages) == stored[turn_id]["messages"], "a turn's messages lie together"
            roles = [one["role"] for one in messages]
            assert roles.count("user") == 1
            assert roles[-1] == "assistant"
            said = messages[roles.index("user")]
            assert [said["message_id"], messages[-1]["message_id"]] == stored[turn_id]["message_ids"]

    def _check_the_counters(self) -> None:
        turns = self.turns.values()
        tokens = sum(turn["input_tokens"] + turn["output_tokens"] for turn in turns)
        timed = [turn for turn in turns if turn.get("response_time_ms") is not None]
        expected = {
            "message_count": sum(turn["messages"] for turn in turns),
            "total_tokens": tokens,
            "total_cost": sum(turn["cost"] for turn in turns),
            "timed_turns": len(timed),
            "response_ms": sum(turn["response_time_ms"] for turn in timed),
        }
        assert {name: self.session.get(name, 0) for name in expected} == expected
        user = {name: self.totals.get(name, 0) for name in ("total_messages", "total_tokens", "total_cost")}
        assert list(user.values()) == [expected["message_count"], tokens, expected["total_cost"]]
        days = {name: sum(day.get(name, 0) for day in self.days) for name in ("turns", "messages", "cost")}
        assert list(days.values()) == [len(self.turns), expected["message_count"], expected["total_cost"]]
        assert sum(day.get("input_tokens", 0) + day.get("output_tokens", 0) for day in self.days) == tokens

    def check_nothing_is_pending(self) -> None:
        """No lease, no slot, and nobody waits."""
        assert not [name for name in LEASE if name in self.session]
        assert not self.session.get("waiting")
        assert not self.session.get("interrupting")
        assert [one for one in self.totals.get("slots", ()) if int(one.partition("@")[2]) > milliseconds(now())] == []


def views(dynamodb: Any, user_id: str, session_id: str) -> Views:
    """The views of a user's only session, as this process's functions show them."""
    return read(dynamodb, user_id, session_id, transcript(Client(user_id), session_id), saver())


def read(dynamodb: Any, user_id: str, session_id: str, shown: list[dict[str, Any]], thread: DynamoDBSaver) -> Views:
    """The views of a user's only session, whose transcript was `shown`."""
    mine = _items(dynamodb, f"USER#{user_id}")
    content = _items(dynamodb, f"SESSION#{user_id}#{session_id}")
    return Views(
        session=mine[f"SESSION#{session_id}"],
        transcript=shown,
        memory=memory(session_id, thread),
        turns={sk.removeprefix("TURN#"): item for sk, item in content.items() if sk.startswith("TURN#")},
        totals=mine.get("TOTALS", {}),
        days=[item for sk, item in mine.items() if sk.startswith("DAY#")],
    )


class Api(Protocol):
    def get(self, path: str, *, params: dict[str, Any]) -> Any: ...


def transcript(api: Api, session_id: str) -> list[dict[str, Any]]:
    """Every message that the API shows."""
    messages: list[dict[str, Any]] = []
    cursor: dict[str, Any] = {}
    while True:
        answer = api.get(f"/sessions/{session_id}/messages", params={"limit": 200, **cursor})
        page = answer.json() if callable(answer.json) else answer.json
        messages += page["messages"]
        if page["next_cursor"] is None:
            return messages
        cursor = {"cursor": page["next_cursor"]}


def memory(session_id: str, thread: DynamoDBSaver) -> list[tuple[str, str]]:
    """Role and text of the messages that the thread's newest checkpoint holds."""
    head = thread.get_tuple({"configurable": {"thread_id": session_id}})
    messages = head.checkpoint["channel_values"].get("messages", []) if head else []
    return [(ROLES[one.type], one.text) for one in messages]


def _items(dynamodb: Any, partition: str) -> dict[str, dict[str, Any]]:
    """A partition of the sessions table by sort key."""
    pages = dynamodb.get_paginator("query").paginate(
        TableName=SESSIONS_TABLE,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": partition}},
        ConsistentRead=True,
    )
    read = TypeDeserializer().deserialize
    items = [{name: read(value) for name, value in item.items()} for page in pages for item in page["Items"]]
    return {item["sk"]: item for item in items}
