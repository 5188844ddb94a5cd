"""Plays the month: each step is a request to the API at its time."""

import random
from collections.abc import Callable, Sequence

from infra.local.demo import told_model
from infra.local.demo.in_process import InProcess
from infra.local.demo.month import Step
from infra.local.demo.story import Conversation, Exchange
from infra.local.demo.told_model import Cue
from infra.local.demo.told_time import passing

Tell = Callable[[int, int], None]
"""Is told how many steps of how many are done."""


class Player:
    """Knows the ids of what it has made: a session by its conversation's number, and the last answer in it."""

    def __init__(self, api: InProcess, told: Sequence[Conversation]) -> None:
        self._api = api
        self._told = told
        self._sessions: dict[int, str] = {}
        self._answers: dict[int, str] = {}

    def do(self, step: Step) -> None:
        """Raises RefusedError."""
        match step.deed:
            case "create":
                self._create(step.number)
            case "ask" if step.exchange:
                self._ask(step, step.exchange)
            case "rate" if step.exchange:
                self._rate(step.number, step.exchange)
            case "pin":
                self._api.send("PATCH", self._path(step.number), {"is_pinned": True})
            case "archive":
                self._api.send("PATCH", self._path(step.number), {"is_archived": True})
            case "delete":
                self._api.send("DELETE", self._path(step.number))

    def _path(self, number: int) -> str:
        return f"/sessions/{self._sessions[number]}"

    def _create(self, number: int) -> None:
        one = self._told[number]
        made = self._api.send("POST", "/sessions", {"title": one.title, "model_name": one.model, "tags": one.tags})
        self._sessions[number] = made["session_id"]

    def _ask(self, step: Step, exchange: Exchange) -> None:
        path = self._path(step.number)
        drawn = random.Random(f"{step.number}/{step.place}")  # noqa: S311  not for secrets
        cue = Cue(exchange, self._api.time, drawn, lambda: self._api.send("POST", f"{path}/cancel"))
        with told_model.telling(cue):
            turn = self._api.send("POST", f"{path}/messages", {"content": exchange.ask}, may_fail=bool(exchange.ends))
        if "message" in turn:
            self._answers[step.number] = turn["message"]["message_id"]

    def _rate(self, number: int, exchange: Exchange) -> None:
        given = {"rating": exchange.rating, "reason": exchange.reason, "comment": exchange.comment}
        path = f"{self._path(number)}/messages/{self._answers[number]}/feedback"
        self._api.send("PUT", path, {name: value for name, value in given.items() if value is not None})


def play(api: InProcess, told: Sequence[Conversation], steps: Sequence[Step], tell: Tell) -> None:
    """Do everything in order, each at its time, with models that say what they are told."""
    player = Player(api, told)
    with passing(api.time), told_model.standing_in():
        for done, step in enumerate(steps):
            api.time.go_to(step.at)
            player.do(step)
            tell(done + 1, len(steps))
