"""The saved position of the scan for orphans names nobody who is gone."""

from collections.abc import Callable
from typing import Any

import pytest

from chatkeep.kinds import Table
from chatkeep.models.scan import Scan
from functions.purge.orphans import Run, reading
from tests.chat import new_session, sent
from tests.checkpoint_threads import TABLE
from tests.client import Client
from tests.jobs import carry_out_jobs
from tests.orphans import Store

pytestmark = pytest.mark.usefixtures("empty_tables")
Keys = tuple[str, str]

KEYS: dict[str, Callable[[str, str], Keys]] = {
    "header": lambda user, session: (f"USER#{user}", f"SESSION#{session}"),
    "contents": lambda user, session: (f"SESSION#{user}#{session}", "MESSAGE#1"),
    "thread": lambda user, session: (session, "H!!1"),
}


def save(table: Table, keys: Keys) -> None:
    Scan("orphans", table=table, after_pk=keys[0], after_sk=keys[1]).save()


def saved() -> Keys | None:
    scan = Scan.find("orphans")
    return (scan.after_pk, scan.after_sk) if scan and scan.after_pk else None


@pytest.mark.parametrize("kind", KEYS)
def test_the_position_goes_with_the_session_that_it_names_and_with_no_other(api: Client, kind: str) -> None:
    first, second = new_session(api), new_session(api)
    keys = KEYS[kind](api.user_id, second)
    save(Table.CHECKPOINTS if kind == "thread" else Table.SESSIONS, keys)
    for session_id, left in ((first, keys), (second, None)):
        api.delete(f"/sessions/{session_id}?permanent=true")
        carry_out_jobs()
        assert saved() == left


@pytest.mark.parametrize("kind", ["header", "contents"])
def test_the_position_goes_with_the_user_that_it_names_and_with_no_other(api: Client, kind: str) -> None:
    longer = api.as_user(f"{api.user_id}#more")
    for user in (api, longer):
        sent(user, new_session(user), "hello")
    keys = KEYS[kind](longer.user_id, "a-session")
    save(Table.SESSIONS, keys)
    for user, left in ((api, keys), (longer, None)):
        user.delete("/me", json={"confirm": user.user_id})
        carry_out_jobs()
        assert saved() == left


def test_a_run_that_ends_at_an_item_that_is_removed_meanwhile_saves_no_position(
    api: Client, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PAGE_ITEMS", 1)
    monkeypatch.setattr(reading, "MOST_UNITS", 0)
    new_session(api)
    scanned = reading.Reader.page

    def page(reader: reading.Reader, *place: Any) -> Any:
        found = scanned(reader, *place)
        Store(dynamodb).remove(found[0][0])
        return found

    monkeypatch.setattr(reading.Reader, "page", page)
    Run(TABLE).search()
    assert saved() is None
