"""A user's sessions through all that may happen to them, beside a plain model of what should become of each."""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from chatkeep import ids
from chatkeep.clock import now
from chatkeep.jobs.due import Keys, now_due
from chatkeep.models.turn import Turn
from functions.purge.app import lambda_handler
from infra.local.events import LambdaContext
from tests.client import Client, Response

Outcome = tuple[int, str | None]
GONE, NOT_FOUND = "gone", (404, "session_not_found")
BODIES: dict[str, dict[str, Any]] = {
    "archive": {"is_archived": True},
    "unarchive": {"is_archived": False},
    "pin": {"is_pinned": True},
    "unpin": {"is_pinned": False},
}
ACTIONS = [*BODIES, "tag", "untag", "delete", "restore", "delete_permanently"]


@dataclass
class Life:
    """A session as it should be; `archived` is also what a restored one will be."""

    named: str
    status: str = "active"
    archived: bool = False
    temporary: bool = False
    purged: bool = False
    spent: Counter[str] = field(default_factory=Counter)
    answers: list[str] = field(default_factory=list)
    ratings: dict[str, str] = field(default_factory=dict)

    def act(self, action: str) -> Outcome:
        """The outcome of the action, which leaves the session in the state that it should be in."""
        if action == "delete_permanently":
            self.status = GONE
            return 202, None
        if self.status == GONE:
            return NOT_FOUND
        if (action == "restore") is not (self.status == "deleted") and action != "delete":
            return 409, "session_not_deleted" if action == "restore" else "session_deleted"
        self.archived = {"archive": True, "unarchive": False}.get(action, self.archived)
        self.status = "deleted" if action == "delete" else "archived" if self.archived else "active"
        return 200, None


@dataclass
class Lives:
    """`ever` is all that was spent, and `due` each job that was ever due."""

    user_id: str = field(default_factory=lambda: f"user-{uuid4()}")
    sessions: dict[str, Life] = field(default_factory=dict)
    ever: Counter[str] = field(default_factory=Counter)
    due: list[Keys] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.api = Client(self.user_id).with_deadline(60)

    def create(self, **body: Any) -> None:
        stored = ids.of_session(self.user_id, body.get("session_id", ""))
        before = self.sessions.get(stored)
        response = self.api.post("/sessions", json=body)
        if before is None or (before.purged):
            assert response.status == 201, response.text
            named = response.json["session_id"]
            self.sessions[ids.of_session(self.user_id, named)] = Life(named, temporary=body.get("is_temporary", False))
        else:
            assert outcome(response) == ((409, "session_deleted") if before.status == GONE else (200, None))

    def act(self, action: str, named: str, key: str | None) -> None:
        expected = self._expected([named], action)
        assert outcome(self._one(action, named, key)) == expected[0]
        if key and action == "restore" and expected[0][0] == 200:  # else it may be refused for what it did
            assert outcome(self._one(action, named, key)) == expected[0]

    def bulk(self, action: str, named: list[str], key: str | None) -> None:
        body = {"session_ids": named, "action": action, **({"tag": "t"} if "tag" in action else {})}
        expected = self._expected(named, action)
        assert self._told(body, key) == expected
        again = expected if key else self._expected(named, action)
        assert self._told(body, key) == again

    def spend(self, path: str, named: str, body: dict[str, Any], key: str | None) -> None:
        """A turn or a report; with a key it is sent twice, and counts once."""
        headers = {"Idempotency-Key": key} if key else {}
        first, *others = [
            self.api.post(f"/sessions/{named}/{path}", json=body, headers=headers) for _ in range(2 if key else 1)
        ]
        life = self._of(named)
        refused = {"deleted": (409, "session_deleted"), GONE: NOT_FOUND}
        if path == "messages":
            refused["archived"] = (409, "session_archived")
        if known := NOT_FOUND if life is None else refused.get(life.status):
            assert outcome(first) == known
        else:
            assert life is not None
            assert first.status == 200, first.text
            assert [one.json["turn_id"] for one in others] == [first.json["turn_id"]] * len(others)
            life.spent += of_answer(first.json)
            life.answers += [first.json["message"]["message_id"]] if path == "messages" else []
            self.ever += of_answer(first.json)

    def rate(self, named: str, rating: str | None) -> None:
        """Rate the session's latest answer, twice, or clear its rating."""
        life = self._of(named)
        if life is None or not life.answers:
            return
        path, answer = f"/sessions/{named}/messages/{life.answers[-1]}/feedback", life.answers[-1]
        refused = {"deleted": (409, "session_deleted"), GONE: NOT_FOUND}.get(life.status)
        for _ in range(2):
            response = self.api.put(path, json={"rating": rating}) if rating else self.api.delete(path)
            assert outcome(response) == (refused or (200, None))
        if not refused:
            life.ratings = {**life.ratings, answer: rating} if rating else _without(life.ratings, answer)

    def deliver(self, shuffled: Callable[[list[Keys]], list[Keys]]) -> None:
        """Carry out all that is due, each twice, among jobs that were due before, until nothing is."""
        over = [life for life in self.sessions.values() if self._is_over(life)]
        while fresh := self._now_due():
            self.due += fresh
            carry_out(shuffled([*self.due, *fresh]))
        for life in over:
            life.status = GONE if life.temporary or life.status == "deleted" else "deleted"
        for life in self.sessions.values():
            life.purged = life.status == GONE

    def check(self) -> None:
        """The totals are those of the sessions that exist, the days those of all turns, and both those of the model."""
        there = {name: life for name, life in self.sessions.items() if life.status != GONE}
        totals = sum((life.spent for life in there.values()), Counter[str]())
        assert sum(map(self._recorded, there), Counter[str]()) == totals
        stats, statuses = self.api.get("/stats").json, Counter(life.status for life in there.values())
        assert Counter({one: stats[f"{one}_sessions"] for one in ("active", "archived", "deleted")}) == statuses
        assert stats["total_sessions"] == len(there)
        found = of(stats["total_messages"], stats["total_tokens"], micro(stats["total_cost"]))
        assert without_turns(found) == without_turns(totals)
        ratings = Counter(one for life in there.values() for one in life.ratings.values())
        assert Counter({one: stats[one] for one in ("thumbs_up", "thumbs_down")}) == ratings
        assert stats["feedback_count"] == ratings.total()
        assert self._days() == self.ever
        self._check_the_lists(there.values())

    def names(self) -> list[str]:
        return sorted({life.named for life in self.sessions.values()})

    def _of(self, named: str) -> Life | None:
        return self.sessions.get(ids.of_session(self.user_id, named))

    def _expected(self, named: list[str], action: str) -> list[Outcome]:
        stored = [ids.of_session(self.user_id, one) for one in named]
        each = {
            one: life.act(action) if (life := self.sessions.get(one)) else NOT_FOUND for one in dict.fromkeys(stored)
        }
        return [each[one] for one in stored]

    def _told(self, body: dict[str, Any], key: str | None) -> list[Outcome]:
        response = self.api.post("/sessions/bulk", json=body, headers={"Idempotency-Key": key} if key else {})
        assert response.status == 200, response.text
        assert [one["session_id"] for one in response.json["results"]] == body["session_ids"]
        return [(one["status"], one["code"]) for one in response.json["results"]]

    def _one(self, action: str, named: str, key: str | None) -> Response:
        path, headers = f"/sessions/{named}", {"Idempotency-Key": key} if key else {}
        match action:
            case "delete" | "delete_permanently":
                return self.api.delete(path, params={"permanent": str(action != "delete").lower()})
            case "restore":
                return self.api.post(f"{path}/restore", headers=headers)
            case _:
                return self.api.patch(path, json=BODIES.get(action, {"tags": ["t"] if action == "tag" else []}))

    def _now_due(self) -> list[Keys]:
        return [keys for keys in now_due() if self.user_id in keys[0]]

    def _is_over(self, life: Life) -> bool:
        """Whether the session's time has come: to be deleted, or once it is, to be purged."""
        if life.status == GONE:
            return False
        shown = self.api.get(f"/sessions/{life.named}").json
        days = 1 if life.temporary else shown["expire_after_days"]
        expires = shown["updated_at"] if days is not None else "9999-01-01T00:00:00Z"
        return instant(shown["purge_at"] or expires) + timedelta(days=0 if shown["purge_at"] else days or 0) <= now()

    def _check_the_lists(self, there: Iterable[Life]) -> None:
        shown = self.api.get("/sessions", params={"status": "all", "limit": 100}).json["sessions"]
        assert {one["session_id"]: (one["status"], without_turns(of_session(one))) for one in shown} == {
            life.named: (life.status, without_turns(life.spent)) for life in there if not life.temporary
        }

    def _recorded(self, stored: str) -> Counter[str]:
        """What the records of the session's turns add up to."""
        each = (
            of(int(one.messages), int(one.input_tokens + one.output_tokens), int(one.cost))
            for one in Turn.among(self.user_id, stored)
        )
        return sum(each, Counter[str]())

    def _days(self) -> Counter[str]:
        days = self.api.get("/stats/daily").json["days"]
        for day in days:
            tokens = sum(one["input_tokens"] + one["output_tokens"] for one in day["by_model"])
            costs = [micro(one["cost"] or 0) for one in day["by_model"]]
            assert (tokens, sum(costs)) == (day["input_tokens"] + day["output_tokens"], micro(day["cost"]))
        each = (
            of(day["messages"], day["input_tokens"] + day["output_tokens"], micro(day["cost"]), day["turns"])
            for day in days
        )
        return sum(each, Counter[str]())


def _without(ratings: dict[str, str], answer: str) -> dict[str, str]:
    return {name: rating for name, rating in ratings.items() if name != answer}


def of(messages: int, tokens: int, micro_dollars: int, turns: int = 1) -> Counter[str]:
    return Counter(messages=messages, tokens=tokens, micro_dollars=micro_dollars, turns=turns)


def of_answer(answer: dict[str, Any]) -> Counter[str]:
    """The usage of a turn, or of a report, by the answer to it."""
    if "usage" in answer:
        usage = answer["usage"]
        return of(2, usage["total_tokens"], micro(usage["cost"] or 0))
    return of(answer["message_count"], answer["tokens_used"], micro(answer["cost"]))


def of_session(shown: dict[str, Any]) -> Counter[str]:
    return of(shown["message_count"], shown["total_tokens_used"], micro(shown["total_cost"]))


def without_turns(spent: Counter[str]) -> Counter[str]:
    return Counter({name: count for name, count in spent.items() if name != "turns"})


def micro(dollars: float) -> int:
    return round(dollars * 1_000_000)


def instant(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp)


def outcome(response: Response) -> Outcome:
    return response.status, response.json.get("code")


def carry_out(due: list[Keys], seconds: float = 300) -> None:
    """Have these jobs carried out by one invocation of the purge function."""
    lambda_handler({"jobs": due}, LambdaContext("purge", str(uuid4()), time.monotonic() + seconds))
