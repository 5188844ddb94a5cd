"""A session's transcript, its agent's memory and its counters, as they are stored, and whether they agree."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any, Protocol

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from chatkeep.agent.runtime import saver
from chatkeep.checkpointer import DynamoDBSaver
from chatkeep.clock import milliseconds, now
from chatkeep.dynamodb.internals import read as read_model
from chatkeep.models.day import Day
from tests.client import Client

ROLES = {"human": "user", "ai": "assistant", "tool": "tool"}
SESSIONS_TABLE = "chatkeep-SessionsTable"
LEASE = ("lease_turn_id", "lease_owner", "due_at", "due_shard", "cancel_turn_id", "cancel_action")


@dataclass(frozen=True)
class Views:
    """As they are stored; `turns` are the records by id, `messages` those of all branches in the order of their ids."""

    session: dict[str, Any]
    messages: list[dict[str, Any]]
    transcript: list[dict[str, Any]]
    memory: list[tuple[str, str]]
    turns: dict[str, dict[str, Any]]
    totals: dict[str, Any]
    days: list[dict[str, Any]]

    def check(self) -> None:
        """Fails where they tell different stories."""
        self._check_the_turns()
        self._check_the_branches()
        self._check_the_counters()
        assert self.memory == [(one["role"], one["content"]) for one in self.transcript]

    def _check_the_turns(self) -> None:
        """Each message belongs to a turn that counts it, and a turn's messages lie together."""
        recorded = {name: turn for name, turn in self.turns.items() if turn["messages"]}
        assert Counter(one["turn_id"] for one in self.messages) == {
            name: turn["messages"] for name, turn in recorded.items() if turn["status"] != "reported"
        }
        questions = {one["message_id"] for one in self.messages if one["role"] == "user"}
        groups = [(turn_id, list(group)) for turn_id, group in groupby(self.messages, key=lambda one: one["turn_id"])]
        assert len(groups) == len(dict(groups)), "a turn's messages lie together"
        for turn_id, messages in groups:
            question, answer = recorded[turn_id]["message_ids"][0], recorded[turn_id]["message_ids"][-1]
            assert (messages[-1]["role"], messages[-1]["message_id"]) == ("assistant", answer)
            if question == answer:  # the turn only summarised
                assert [bool(one.get("summary")) for one in messages] == [True]
                continue
            asked = [one["message_id"] for one in messages if one["role"] == "user"]
            assert asked == [question] or (asked == [] and question in questions), "it asks, or answers again"

    def _check_the_branches(self) -> None:
        """The transcript is the branch that ends with the last message stored, and each message names its siblings."""
        parents = {one["message_id"]: one.get("parent_id") for one in self.messages}
        branch = list(_line(self.session.get("last_message_id"), parents))[::-1]
        shown = [one["message_id"] for one in self.transcript]
        assert shown == branch
        assert ("has_branched" in self.session) == (len(shown) < len(self.messages))
        for one in self.transcript:
            assert one["parent_id"] == parents[one["message_id"]]
            assert one["siblings"] == [name for name, parent in parents.items() if parent == one["parent_id"]]

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
        self._check_the_models()

    def _check_the_models(self) -> None:
        """The days have for each model what the records' calls of it add up to."""
        called: dict[str, Counter[str]] = {}
        for turn in self.turns.values():
            for call in json.loads(turn.get("calls") or "[]"):
                used = called.setdefault(str(call.get("asked") or call["model_name"]), Counter())
                used.update(calls=call.get("calls", 1), cost=call["cost"] or 0)
                used.update({name: call[name] for name in ("input_tokens", "output_tokens")})
        counted: dict[str, Counter[str]] = {}
        for day in self.days:
            stored = read_model(Day, {name: TypeSerializer().serialize(value) for name, value in day.items()})
            for name, used in stored.by_model.items():
                counted.setdefault(name, Counter()).update({**asdict(used), "cost": used.cost or 0})
        assert {name: +used for name, used in counted.items()} == {name: +used for name, used in called.items()}

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
    session = mine[f"SESSION#{session_id}"]
    return Views(
        session=session,
        messages=list(_messages(content, str(session.get("last_message_id", "")))),
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


def _messages(content: dict[str, dict[str, Any]], last: str) -> Iterator[dict[str, Any]]:
    """Those that are not of a turn which is being stored, or died while it was."""
    for sk, item in sorted(content.items()):
        name = sk.removeprefix("MESSAGE#")
        if name != sk and name <= last:
            yield {**item, "message_id": name}


def _line(message_id: str | None, parents: dict[str, str | None]) -> Iterator[str]:
    """A message and those before it."""
    while message_id is not None:
        yield message_id
        message_id = parents[message_id]


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
