"""The manual of deletion, line by line as it is printed; each block begins with a session that has had a turn."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chat import new_session, sent
from tests.client import IDLE, Client, Response
from tests.curl import blocks, carried_out
from tests.jobs import carry_out_jobs

MANUAL = Path(__file__).parents[2] / "layers/shared/chatkeep/removal/README.md"
pytestmark = pytest.mark.usefixtures("empty_tables")


@pytest.fixture
def alice() -> Client:
    return Client("alice")


def printed(api: Client, heading: str) -> Iterator[Response]:
    """The answers to the lines below a heading; jobs are carried out after each one."""
    variables = {"ID": new_session(api)}
    sent(api, variables["ID"], "My name is Ada.")
    (lines,) = blocks(MANUAL, heading)
    for answer in carried_out(api, lines, variables):
        variables["DELETION"] = answer.json.get("deletion_id", variables.get("DELETION", ""))
        yield answer
        carry_out_jobs()


def test_a_session_is_deleted_and_restored_as_printed(alice: Client) -> None:
    deleted, read, restored = printed(alice, "Delete and restore")
    assert [deleted.json["status"], read.json["status"], restored.json["status"]] == ["deleted", "deleted", "active"]
    assert restored.json["purge_at"] is None


def test_a_session_is_deleted_for_good_as_printed(alice: Client) -> None:
    first, listed, receipt = printed(alice, "Delete for good")
    assert (first.status, listed.json["deletions"]) == (202, [receipt.json])
    assert receipt.json["status"] == "done"
    assert {name: receipt.json["removed"][name] for name in ("sessions", "turns", "messages")} == {
        "sessions": 1, "turns": 1, "messages": 2,
    }  # fmt: skip
    assert alice.get("/stats").json["total_sessions"] == 0


def test_expiry_is_set_as_printed(alice: Client) -> None:
    changed, preferred, temporary = printed(alice, "Expire")
    assert (changed.json["expire_after_days"], preferred.json["default_expire_after_days"]) == (90, 30)
    assert temporary.json["is_temporary"] is True
    assert [one["session_id"] for one in alice.get("/sessions").json["sessions"]] == [changed.json["session_id"]]


def test_a_user_is_erased_as_printed(alice: Client) -> None:
    (erasure,) = printed(alice, "Erase a user")
    assert (erasure.status, erasure.json["kind"]) == (202, "user")
    assert alice.get(f"/deletions/{erasure.json['deletion_id']}").json["status"] == "done"
    assert alice.get("/sessions?status=all").json["sessions"] == []


def test_tags_bulk_and_chosen_ids_go_as_printed(alice: Client) -> None:
    tagged, found, changed, created, read = printed(alice, "Many at once, tags, ids")
    assert [one["session_id"] for one in found.json["sessions"]] == [tagged.json["session_id"]]
    assert [one["status"] for one in changed.json["results"]] == [200, 404]
    assert (created.status, read.json) == (201, created.json | IDLE)
