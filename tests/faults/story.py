"""A user's session as the user would tell of it, compared with its views."""

from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from chatkeep.jobs.due import now_due
from chatkeep.turns import repair
from functions.sessions import cancelling
from tests import graphs
from tests.chat import new_session, send, send_again
from tests.client import Client, Response
from tests.faults.injector import Fault, ProcessDiedError, apart, outage
from tests.views import Views, views


class Impatient:
    """Replaces a module's `time`: its pauses take no time."""

    def sleep(self, seconds: float) -> None:
        pass


def id_of(answer: dict[str, Any], name: str = "message") -> str:
    """The id of a turn's answer, or of its question."""
    return str(answer[name]["message_id"])


def check_is_unavailable(response: Response) -> None:
    assert (response.status, response.json["code"]) == (503, "storage_unavailable"), response.text
    assert int(response.headers["retry-after"]) > 0


@dataclass
class Story:
    """`answers` are the acknowledged turns of the active branch in order. While `held`, a turn may still run, as nobody
    has heard its end.

    `lost` counts the questions of unknown fate that have no key, and `tried` has those of each key. `redone` are the
    questions whose answers were to be made again, with unknown fate; each of `cuts` is a question and the version that
    follows it instead of all that lies between.
    """

    dynamodb: Any
    pass_an_hour: Callable[[], None]
    user_id: str = field(default_factory=lambda: f"user-{uuid4()}")
    answers: list[dict[str, Any]] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    lost: Counter[str] = field(default_factory=Counter)
    tried: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    redone: set[str] = field(default_factory=set)
    cuts: list[tuple[str, str]] = field(default_factory=list)
    status: str = "active"
    held: bool = False
    fails: bool = False

    def __post_init__(self) -> None:
        self.api = Client(self.user_id)
        self.session_id = new_session(self.api)

    def say(self, content: str, key: str | None = None, *, fails: bool = False) -> Response:
        """Send a message and record the answer; a turn that is not quick is cancelled at the model's first word, and
        one that `fails` does so after it has asked the model."""
        graphs.failing[:], self.fails = [fails], fails
        return self._heard(self._send(content, key, seconds=6), content, key)

    def say_amid(
        self, fault: Fault, at: int, content: str, key: str | None = None, patience: float = 20, *, fails: bool = False
    ) -> tuple[bool, Response | None]:
        """Send a message amid a fault. Returns whether it hit a request, and the answer, None if the process died."""
        graphs.failing[:], self.fails = [fails], fails
        with outage(fault, at, patience) as met:
            try:
                response = self._send(content, key, seconds=14)
            except ProcessDiedError:
                assert met.dead
                response = None
        self.held = True
        if response is not None and response.status != 503:
            return met.hit, self._heard(response, content, key)
        if response is not None:
            check_is_unavailable(response)
        self._lose(content, key)
        return met.hit, response

    def redo(self, answer: dict[str, Any], key: str | None = None) -> Response:
        """Have an acknowledged answer made again, and record the version."""
        return self._heard_again(self._send_again(answer, key, seconds=6), answer)

    def redo_amid(self, fault: Fault, at: int, answer: dict[str, Any], key: str | None = None) -> bool:
        """The same amid a fault. Returns whether it hit a request."""
        response = None
        with outage(fault, at, 20) as met, suppress(ProcessDiedError):
            response = self._send_again(answer, key, seconds=14)
        self.held = True
        if response is not None and response.status != 503:
            self._heard_again(response, answer)
        else:
            assert response is not None or met.dead
            self.redone.add(id_of(answer, "user_message"))
        return met.hit

    def _send_again(self, answer: dict[str, Any], key: str | None, seconds: float) -> Response:
        graphs.meanwhile[:] = [self._cancel]
        graphs.failing[:], self.fails = [False], False
        api = self.api.with_deadline(seconds) if self.held else self.api
        return send_again(api, self.session_id, id_of(answer), key=key)

    def _heard_again(self, response: Response, answer: dict[str, Any]) -> Response:
        if response.status == 200:
            assert response.json["user_message"] == answer["user_message"]
            self._cut(id_of(answer, "user_message"), id_of(response.json))
            self._acknowledge(response.json)
            return response
        allowed = {"session_" + self.status, "message_not_active"}
        if self.held:
            allowed |= {"turn_in_progress", "turn_timed_out"}
        assert response.json["code"] in allowed, response.text
        return response

    def _acknowledge(self, answer: dict[str, Any]) -> None:
        hidden = any(question < id_of(answer) < version for question, version in self.cuts)
        if answer not in self.answers and not hidden:
            self.answers = sorted([*self.answers, answer], key=id_of)

    def _cut(self, question: str, version: str) -> None:
        self.cuts.append((question, version))
        self.answers = [one for one in self.answers if not question < id_of(one) < version]

    def _find_cuts(self, shown: list[str]) -> None:
        """Where an acknowledged answer is not shown, one of unknown fate was made again."""
        missing = [one for one in self.answers if id_of(one) not in shown]
        if missing:
            question = id_of(missing[0], "user_message")
            assert question in self.redone
            self.lost[missing[0]["user_message"]["content"]] += 1
            self._cut(question, shown[shown.index(question) + 1])

    def _send(self, content: str, key: str | None, seconds: float) -> Response:
        """Send it; the wait for a held turn is limited to `seconds`, as that turn may be dead."""
        graphs.meanwhile[:] = [self._cancel]
        return send(self.api.with_deadline(seconds) if self.held else self.api, self.session_id, content, key=key)

    def _cancel(self) -> None:
        with apart():
            cancelling.cancel(self.user_id, self.session_id, None)

    def _heard(self, response: Response, content: str, key: str | None) -> Response:
        if response.status == 200:
            assert response.json["user_message"]["content"] == content
            if key is not None:
                assert self.keys.setdefault(key, content) == content
                self.tried.pop(key, None)
            self._acknowledge(response.json)
            return response
        allowed = {"session_" + self.status}
        if self.fails:
            allowed.add("graph_failed")
        if self.held:
            allowed |= {"turn_in_progress", "turn_timed_out"}
        if key is not None:
            allowed.add("idempotency_key_reused")
        assert response.json["code"] in allowed, response.text
        return response

    def _lose(self, content: str, key: str | None) -> None:
        if self.status != "active":
            return
        if key is None:
            self.lost[content] += 1
        elif key not in self.keys:
            self.tried[key].add(content)

    def change(self, **changes: bool) -> None:
        assert self.api.patch(f"/sessions/{self.session_id}", json=changes).status == 200
        self.status = "archived" if changes.get("is_archived") else "active"

    def cancel(self) -> None:
        response = self.api.post(f"/sessions/{self.session_id}/cancel")
        assert response.status == 409 or (self.held and response.status == 202)

    def delete(self) -> None:
        assert self.api.delete(f"/sessions/{self.session_id}").status == 200
        self.status = "deleted"

    def wait(self) -> None:
        """Wait until each lease has expired."""
        self.pass_an_hour()
        self.held = False

    def sweep(self) -> None:
        repair.end_leases(now_due())

    def views(self) -> Views:
        return views(self.dynamodb, self.user_id, self.session_id)

    def check(self) -> None:
        """The views agree; each acknowledged turn is there once, and a question without an answer at most once."""
        found = self.views()
        found.check()
        self._find_cuts([one["message_id"] for one in found.transcript])
        shown = Counter(one["message_id"] for one in found.transcript)
        for answer in self.answers:
            assert shown[answer["user_message"]["message_id"]] == shown[answer["message"]["message_id"]] == 1
            assert answer["message"] in found.transcript
        known = Counter(answer["user_message"]["content"] for answer in self.answers)
        asked = Counter(one["content"] for one in found.transcript if one["role"] == "user")
        assert known <= asked <= known + self.lost + sum(map(Counter, self.tried.values()), Counter())

    def check_nothing_is_pending(self) -> None:
        self.views().check_nothing_is_pending()
