"""Turns, ratings, reports and a removal of one session at once: each answer of the model counts in the day once, for
good."""

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from chatkeep import retrying
from chatkeep.agent import runtime
from chatkeep.agent.graph import build_graph
from chatkeep.deadline import Deadline
from chatkeep.errors import ConflictError, SessionNotFoundError
from chatkeep.jobs.due import now_due
from chatkeep.models.message import Rating
from chatkeep.models.session import Session
from chatkeep.sessions import changing, soft_deletion
from chatkeep.turns.admission import Strategy
from chatkeep.turns.engine import Request, send
from chatkeep.turns.tools import Tools
from chatkeep.usage import reporting
from chatkeep.usage.reporting import Report
from functions.chat import feedback
from functions.chat.feedback import Feedback
from functions.sessions import deletions
from tests.bench.turns import Talker
from tests.chat import new_session, sent
from tests.client import Client
from tests.lives import carry_out

TOKENS_PER_ANSWER = 250
REPORT = Report(messages=1, tokens=7, dollars=0.000001)


class Counting(Talker):
    """Counts its answers: each has cost somebody money."""

    answers: Any

    def _generate(self, *arguments: Any, **options: Any) -> Any:
        made = super()._generate(*arguments, **options)
        next(self.answers)
        return made


@dataclass
class Crowd:
    """All at one session of one user; `reported` counts the reports that were taken."""

    user_id: str
    session_id: str
    answers: Iterator[int] = field(default_factory=itertools.count)
    reported: int = 0

    def take_turns(self, many: int) -> None:
        model = Counting(answers=self.answers)
        tools = Tools(runtime.saver(), lambda *made_for: build_graph(model, "", made_for[2]), lambda _: 1, 10)
        for number in range(many):
            with suppress(SessionNotFoundError, ConflictError):
                said = f"question {number}"
                send(Request(self.user_id, self.session_id, said, Strategy.ENQUEUE, None, Deadline.within(60)), tools)

    def rate(self, many: int) -> None:
        """Rate the newest answer again and again, up and down."""
        api = Client(self.user_id)
        for number in range(many):
            found = api.get(f"/sessions/{self.session_id}/messages", params={"order": "desc", "limit": 1}).json
            for answer in found.get("messages", []):
                body = {"rating": "thumbs_up" if number % 2 else "thumbs_down"}
                api.put(f"/sessions/{self.session_id}/messages/{answer['message_id']}/feedback", json=body)

    def report(self, many: int) -> None:
        for _ in range(many):
            with suppress(SessionNotFoundError, ConflictError):
                reporting.record(self.user_id, self.session_id, REPORT, None)
                self.reported += 1

    def remove(self, after: int) -> None:
        """Delete the session for good when so many reports are taken, and purge it, twice at a time."""
        while self.reported < after:
            retrying.pause(1)
        deletions.of_session(self.user_id, self.session_id)
        due = [keys for keys in now_due() if self.user_id in keys[0]]
        at_once(lambda: carry_out(due), lambda: carry_out(due))


def at_once(*acts: Callable[[], Any]) -> None:
    with ThreadPoolExecutor(len(acts)) as pool:
        for one in [pool.submit(act) for act in acts]:
            one.result()


@pytest.mark.parametrize("many", [3, pytest.param(40, marks=pytest.mark.thorough)])
def test_what_was_spent_on_a_session_that_is_removed_meanwhile_stays_in_the_day_alone(
    api: Client, user_id: str, many: int
) -> None:
    kept, crowd = Crowd(user_id, new_session(api)), Crowd(user_id, new_session(api))
    at_once(
        lambda: crowd.take_turns(many),
        lambda: crowd.take_turns(many),
        lambda: crowd.report(many * 2),
        lambda: crowd.rate(many * 2),
        lambda: crowd.remove(after=many),
    )
    kept.report(2)
    kept.take_turns(1)
    at_once(lambda: kept.rate(4), lambda: kept.rate(4))
    answered, reported = next(crowd.answers) + next(kept.answers), crowd.reported + kept.reported
    days = api.get("/stats/daily").json["days"]
    assert sum(day["turns"] for day in days) == answered + reported
    tokens = sum(day["input_tokens"] + day["output_tokens"] for day in days)
    assert tokens == TOKENS_PER_ANSWER * answered + REPORT.tokens * reported
    stats = api.get("/stats").json
    assert (stats["total_sessions"], stats["total_messages"]) == (1, 4)
    assert stats["total_tokens"] == 2 * REPORT.tokens + TOKENS_PER_ANSWER
    assert stats["feedback_count"] == 1
    assert api.get(f"/sessions/{crowd.session_id}").status == 404


@contextmanager
def before_a_transaction(happens: Callable[[], Any]) -> Iterator[None]:
    """Has something happen right before the next transaction is sent."""
    events, left = Session._get_connection().connection.client.meta.events, [happens]

    def interrupt(**_: Any) -> None:
        if left:
            left.pop()()

    events.register_first("before-call.dynamodb.TransactWriteItems", interrupt)
    try:
        yield
    finally:
        events.unregister("before-call.dynamodb.TransactWriteItems", interrupt)


@pytest.mark.parametrize("happens", ["a report", "a rating", "an archiving", "a soft delete", "another's deletion"])
def test_what_comes_between_the_reading_of_a_session_and_its_tombstone_is_taken_from_the_totals_too(
    api: Client, user_id: str, happens: str
) -> None:
    session_id = new_session(api)
    answer = sent(api, session_id, "one two")["message"]["message_id"]
    rivals = {
        "a rating": lambda: feedback.put(user_id, session_id, answer, Feedback(Rating.THUMBS_UP)),
        "a report": lambda: reporting.record(user_id, session_id, REPORT, None),
        "an archiving": lambda: changing.change(user_id, session_id, {"is_archived": True}),
        "a soft delete": lambda: soft_deletion.delete(user_id, session_id, timedelta(days=30)),
        "another's deletion": lambda: deletions.of_session(user_id, session_id),
    }
    with before_a_transaction(rivals[happens]):
        assert deletions.of_session(user_id, session_id).status == "pending"
    stats = api.get("/stats").json
    assert {name: count for name, count in stats.items() if name != "user_id" and count} == {}
    assert len(api.get("/deletions").json["deletions"]) == 1
