"""Titles as the worker makes them, and the jobs that ask for them."""

from typing import Any

from chatkeep.jobs.due import Keys, now_due
from chatkeep.models.titling import Titling
from tests.background import run_worker
from tests.chat import new_session, sent
from tests.client import Client

ECHOED = "echo: Question: hello"
"""The title that `scripted:echo` gives a session whose question was "hello": the first line of what it is asked."""


def titled_soon(api: Client, **settings: Any) -> str:
    """A session whose first turn has asked for a title, which nobody has made yet."""
    session_id = new_session(api, **settings)
    sent(api, session_id, "hello")
    assert job(api, session_id) is not None
    return session_id


def job(api: Client, session_id: str) -> Titling | None:
    return Titling.find(api.user_id, session_id)


def keys(api: Client, session_id: str) -> Keys:
    return Titling.KEY.of(api.user_id, session_id)


def make_title(api: Client, session_id: str) -> Any:
    return run_worker(keys(api, session_id))


def title(api: Client, session_id: str) -> str:
    shown = api.get(f"/sessions/{session_id}")
    assert shown.status == 200, shown.text
    return str(shown.json["title"])


def due_titles() -> list[Keys]:
    """Those that the schedule would find now."""
    return [one for one in now_due() if one[1] == "TITLE"]
