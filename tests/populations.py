"""Random users and sessions with everything that may be stored of them, and the removal of some."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

from chatkeep import ids
from chatkeep.checkpoint_items import keys
from chatkeep.idempotency import Claim
from chatkeep.jobs.due import Keys
from chatkeep.models.idempotency import Answer
from chatkeep.models.message import Message
from chatkeep.models.part import Part
from chatkeep.models.session import Session
from chatkeep.models.timer import Timer
from chatkeep.removal import deleting, erasing
from chatkeep.sessions import changing, creating, soft_deletion
from chatkeep.usage import reporting
from chatkeep.usage.reporting import Report
from functions.sessions import preferences
from functions.sessions.schemas.preferences import NewPreferences
from functions.sessions.schemas.sessions import NewSession
from functions.sessions.settings import settings
from tests.chat import sent
from tests.checkpoint_threads import TABLE as CHECKPOINTS
from tests.client import Client
from tests.views import SESSIONS_TABLE

Draw = Callable[[Any], Any]
Items = dict[tuple[str, str, str], dict[str, Any]]
"""By table and keys."""


@dataclass
class Member:
    """A session of the population; `marker` is in all of its contents, and `answers` are its copies in answers."""

    user_id: str
    session_id: str
    state: str
    marker: str
    answers: list[Keys] = field(default_factory=list)

    def has(self, table: str, pk: str, sk: str) -> bool:
        """Whether the item with these keys is the session's."""
        if table == CHECKPOINTS:
            return pk == self.session_id
        header, contents = f"SESSION#{self.session_id}", f"SESSION#{self.user_id}#{self.session_id}"
        return pk == contents or (pk, sk) == (f"USER#{self.user_id}", header) or (pk, sk) in self.answers


def settle(user_id: str, client_id: str | None, state: str, size: int, dynamodb: Any) -> Member:
    """Store a session in this state, with `size` items of each kind, and a real turn where that is more than one."""
    marker, claim = f"marker-{uuid4()}", Claim(str(uuid4()), "body")
    body: dict[str, Any] = {"metadata": {"about": marker * size * 3}, "tags": [marker]}
    body |= {"is_temporary": state == "temporary"} | ({"expire_after_days": 1} if state == "expired" else {})
    chosen, _ = preferences.for_session(user_id, NewSession(**body))
    shown, _ = creating.create(user_id, chosen, claim, client_id)
    member = Member(user_id, ids.of_session(user_id, shown.session_id), state, marker)
    member.answers.append(Answer.KEY.of(user_id, claim.id))
    for _ in range(size):
        reporting.record(user_id, member.session_id, Report(messages=1, tokens=7, dollars=0.1), None)
    if size > 1:
        sent(Client(user_id), member.session_id, marker, key=str(uuid4()))
    put(dynamodb, SESSIONS_TABLE, said(member, size))
    put(dynamodb, CHECKPOINTS, thread(member, size))
    if state == "archived":
        changing.change(user_id, member.session_id, {"is_archived": True})
    if state == "deleted":
        soft_deletion.delete(user_id, member.session_id, timedelta(days=30))
    return member


def said(member: Member, size: int) -> Iterator[dict[str, Any]]:
    """Messages, one in two of them rated, each with a part."""
    for number in range(size):
        message = Message(member.user_id, member.session_id, ids.new(), turn_id=ids.new(), role="assistant")
        message.content, message.created_at = member.marker, "2026-01-01T00:00:00.000000Z"
        message.rating = "thumbs_up" if number % 2 else None
        yield message.serialize()
        part = Part(member.user_id, member.session_id, message.message_id, 0, data=member.marker.encode())
        yield part.serialize()


def thread(member: Member, size: int) -> Iterator[dict[str, Any]]:
    """Items of each kind of the session's own thread, and of threads whose ids begin alike."""
    content = {"d": {"B": member.marker.encode()}}
    for number in range(size):
        for sort in (
            keys.header("", str(number)),
            keys.writes("", str(number), "task", 0),
            keys.row("g", number),
            keys.join(keys.values("", f"channel {number}"), "token"),
            keys.join(keys.oversize("", str(number)), "token"),
            keys.guard(f"namespace {number}"),
        ):
            yield keys.primary(member.session_id, sort) | content
    for alike in (f"{member.session_id}x", member.session_id[:-1], f"{member.session_id}#", member.user_id):
        yield keys.primary(alike, keys.header("", "1")) | {"d": {"B": b"another's"}}


def put(dynamodb: Any, table: str, items: Iterable[dict[str, Any]]) -> None:
    puts = [{"PutRequest": {"Item": item}} for item in items]
    for start in range(0, len(puts), 25):
        dynamodb.batch_write_item(RequestItems={table: puts[start : start + 25]})


def settle_user(user_id: str) -> None:
    """Store what a user has beside sessions; the answer tells of no session."""
    preferences.put(user_id, NewPreferences(default_temperature=0.5))
    Answer(user_id, str(uuid4()), fingerprint="f", body="{}", expires_at=0).save()


def digest(user_id: str) -> str:
    return erasing.digest(user_id, settings().erasure_secret.current())


def removal(member: Member) -> Keys:
    """Ask for the session's removal, or leave it to its timer where its time is over; the job for that."""
    if member.state in ("temporary", "deleted"):
        return Timer.KEY.of(member.user_id, member.session_id)
    job = deleting.delete(member.user_id, member.session_id)
    return job.pk, job.sk


def erasure(user_id: str) -> Keys:
    job = erasing.begin(user_id, digest(user_id))
    return job.pk, job.sk


def stored(dynamodb: Any) -> Items:
    """Every item of both tables."""
    return {
        (table, item["pk"]["S"], item["sk"]["S"]): item
        for table in (SESSIONS_TABLE, CHECKPOINTS)
        for page in dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        for item in page["Items"]
    }


def totals_of(user_id: str) -> dict[str, int]:
    """A user's totals, counted from the headers that are no tombstones."""
    headers = [one for one in Session.among(user_id) if one.deletion_id is None]
    counts = {
        f"{name}_sessions": sum(one.status == name for one in headers) for name in ("active", "archived", "deleted")
    }
    sums = {"total_messages": "message_count", "total_tokens": "total_tokens", "total_cost": "total_cost"}
    return counts | {name: sum(int(getattr(one, of)) for one in headers) for name, of in sums.items()}


def text_of(items: Iterable[dict[str, Any]]) -> str:
    return json.dumps(
        list(items),
        default=lambda value: value.decode(errors="replace") if isinstance(value, bytes) else str(value),
        ensure_ascii=False,
    )
