"""A user's session whose turns are streamed, as the user has seen them: the list of events is its fourth view."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from chatkeep import sessions
from chatkeep.agent import runtime
from chatkeep.deadline import Deadline
from chatkeep.dynamodb.errors import STORAGE_ERRORS
from chatkeep.dynamodb.transaction import Transaction
from chatkeep.errors import ChatkeepError, TurnLostError, TurnNotFoundError
from chatkeep.http import problems, turns
from chatkeep.idempotency import Claim
from chatkeep.ids import derived
from chatkeep.streams.event import LAST, Event, Name, begins_list
from chatkeep.streams.following import Following
from chatkeep.streams.telling import Telling
from chatkeep.turns import engine, lease
from chatkeep.turns.admission import Strategy
from chatkeep.turns.answers import Answer
from chatkeep.turns.lease import CancelAction
from tests import graphs
from tests.faults.injector import Fault, ProcessDiedError, apart, outage
from tests.faults.story import Story
from tests.views import Views

MADE_OF_THE_RECORD = {Name.MESSAGE, Name.DONE}


def is_aside(event: Event) -> bool:
    """Whether it is an error that no list has."""
    return event.name is Name.ERROR and event.data["code"] != "turn_rolled_back"


@contextmanager
def quiet_deaths(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Threads of a process that died say nothing."""
    usual = threading.excepthook
    with monkeypatch.context() as patch:
        patch.setattr(threading, "excepthook", lambda died: died.exc_type is ProcessDiedError or usual(died))
        yield


@dataclass
class Streamed:
    """One attempt at a turn, as its client has seen it: `problem` is that of one that ended with one."""

    turn_id: str = ""
    shown: list[Event] = field(default_factory=list)
    answer: Answer | None = None
    problem: ChatkeepError | None = None

    @property
    def listed(self) -> list[Event]:
        """All that its list has."""
        return [one for one in self.shown if not is_aside(one)]


@dataclass
class StreamStory(Story):
    """`seen` are all events that anybody has seen, by turn and number."""

    seen: dict[str, dict[int, Event]] = field(default_factory=lambda: defaultdict(dict))
    stop: CancelAction = CancelAction.KEEP

    def stream_amid(self, fault: Fault, at: int, content: str, key: str | None = None) -> tuple[bool, Streamed]:
        """Send a message amid a fault, and say whether it hit a request."""
        found = Streamed()
        with outage(fault, at, 20) as met:
            telling = Telling(found.shown.append, self._claim(content, key), may_resume=True)
            try:
                self._run(found, telling, content, key)
            except ProcessDiedError:
                assert met.dead
                shown = list(found.shown)
                telling.fail(TurnLostError())  # its writer dies with it
                found.shown = shown
                self.held = True
        found.turn_id = found.turn_id or telling.turn_id or ""
        if found.answer is None:
            self._lose(content, key)
        else:
            self._know(found.answer, key)
        self.note(found.turn_id, found.shown)
        return met.hit, found

    def stream(self, content: str, key: str | None = None) -> Streamed:
        """Send a message without any fault."""
        found = Streamed()
        telling = Telling(found.shown.append, self._claim(content, key), may_resume=True)
        self._run(found, telling, content, key)
        assert found.answer is not None, found.problem
        found.turn_id = found.answer.turn.turn_id
        self._know(found.answer, key)
        self.note(found.turn_id, found.shown)
        return found

    def _run(self, found: Streamed, telling: Telling, content: str, key: str | None) -> None:
        """As `functions.stream.running` does."""
        graphs.meanwhile[:] = [self._stop_it]
        request = engine.Request(
            self.user_id,
            self.session_id,
            content,
            Strategy.REJECT,
            self._claim(content, key),
            Deadline.within(900),
            listen=telling.hear,
            closing=telling.closing,
            is_followed=True,
            joins=True,
        )
        try:
            answer = engine.send(request, runtime.tools())
            if not answer.repeated:
                telling.finish(answer)
            found.answer = answer
        except (ChatkeepError, *STORAGE_ERRORS) as error:
            found.problem = problems.of(error)
            assert found.problem is not None
            if telling.has_begun:
                telling.fail(found.problem)

    def _stop_it(self) -> None:
        with apart(), Transaction() as transaction:
            lease.cancel(transaction, sessions.header(self.user_id, self.session_id), self.stop)

    def _claim(self, content: str, key: str | None) -> Claim | None:
        return Claim(derived("claim", self.user_id, key), content) if key else None

    def _know(self, answer: Answer, key: str | None) -> None:
        shown = turns.view(answer).model_dump(mode="json")
        if shown not in self.answers:
            self.answers.append(shown)
        if key is not None:
            self.keys[key] = answer.user_message.content
            self.tried.pop(key, None)

    def note(self, turn_id: str, events: list[Event]) -> None:
        """What has a number once has it for everybody."""
        for event in events:
            if not is_aside(event):
                assert self.seen[turn_id].setdefault(event.number, event) == event

    def followed(self, turn_id: str, after: int = 0) -> list[Event]:
        """The rest of a turn's events, of one that has ended, perhaps before that place."""
        following = Following(self.user_id, self.session_id, turn_id, after)
        found = list(following.look())
        while not following.is_over and (more := list(following.look())):
            found += more
        assert following.is_over
        self.note(turn_id, found)
        return found

    def followed_amid(self, fault: Fault, at: int, turn_id: str, after: int) -> tuple[bool, list[Event]]:
        """Follow a turn amid a fault, and then without one from the last event that came; says whether it hit."""
        found: list[Event] = []
        with outage(fault, at, 20) as met:
            try:
                found += Following(self.user_id, self.session_id, turn_id, after).look()
            except STORAGE_ERRORS as error:
                problem = problems.of(error)
                assert problem is not None
                assert problem.code == "storage_unavailable"
        last = found[-1].number if found else after
        return met.hit, [*found, *self.followed(turn_id, last)]

    def check_events(self, turn: Streamed) -> None:
        """What was shown and what a resumed stream gives agree with what is stored."""
        found = self.views()
        record = found.turns.get(turn.turn_id, {})
        numbers = [one.number for one in turn.shown]
        for after in {0, *numbers[:: len(numbers) // 4 + 1], *numbers[-1:]}:
            if not turn.turn_id or (after == 0 and not record and not self._has_copy(turn.turn_id)):
                continue  # nobody knows it
            rest = self.followed(turn.turn_id, after)
            before = [one for one in turn.listed if one.number <= after]
            if record.get("message_ids"):
                _check_stored([*before, *rest], found, turn.turn_id)
            else:
                _check_unstored(rest, after)
        with pytest.raises(TurnNotFoundError):
            self.followed(derived("another", turn.turn_id))

    def _has_copy(self, turn_id: str) -> bool:
        key = {":pk": {"S": f"SESSION#{self.user_id}#{self.session_id}"}, ":sk": {"S": f"EVENTS#{turn_id}#"}}
        return bool(
            self.dynamodb.query(
                TableName="chatkeep-SessionsTable",
                KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
                ExpressionAttributeValues=key,
                ConsistentRead=True,
            )["Items"]
        )


def _check_stored(events: list[Event], found: Views, turn_id: str) -> None:
    """They are the turn's list, whole and once; the words are those of the stored messages."""
    numbers = [one.number for one in events]
    assert numbers == sorted(set(numbers))
    assert events[-1].name is Name.DONE
    assert [one for one in events if one.name in LAST] == [events[-1]]
    newest = events[max(at for at, one in enumerate(events) if one.name is Name.TURN) :]
    assert begins_list(newest[0].number)
    assert [one.number for one in newest] == list(range(newest[0].number, newest[-1].number + 1))
    words: dict[str, str] = defaultdict(str)
    for event in newest:
        if event.name is Name.TOKEN:
            words[event.data["message_id"]] += event.data["text"]
    own = [one for one in found.transcript if one["turn_id"] == turn_id]
    said = {one["message_id"]: one for one in own if one["role"] == "assistant"}
    assert words == {name: one["content"] for name, one in said.items() if one["content"]}
    assert [one.data for one in newest if one.name is Name.MESSAGE] == list(said.values())
    assert newest[0].data["user_message"] in own


def _check_unstored(rest: list[Event], after: int) -> None:
    """They repeat nothing and end with one error; nothing is shown as stored."""
    if not rest:  # after the error that the list ends with
        return
    assert [one for one in rest if one.name in LAST] == [rest[-1]]
    assert rest[-1].name is Name.ERROR
    assert not MADE_OF_THE_RECORD & {one.name for one in rest}
    assert all(one.number > after for one in rest if not is_aside(one))
    assert rest[-1].number >= after
