"""A session changed from a stale copy: it is read, somebody else changes it, and then the change is written."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chatkeep import clock, ids, sessions
from chatkeep.errors import IdempotencyKeyReusedError, SessionDeletedError, SessionNotFoundError
from chatkeep.idempotency import Claim
from chatkeep.models.day import Day
from chatkeep.models.session import Session, Status
from chatkeep.models.totals import Totals
from chatkeep.models.turn import Turn
from chatkeep.usage import reporting
from functions.sessions.schemas.usage import UsageRecordView
from tests.cases import cases, one_in
from tests.chat import new_session
from tests.client import Client
from tests.session_changes import CHANGES, REPORT, check, create, delete


def purge(user_id: str, session_id: str) -> None:
    """Delete the session's header alone, as DynamoDB's expiry of items would."""
    delete(user_id, session_id)
    key = Session(user_id, session_id)
    key.delete()


@pytest.fixture
def session_id(api: Client) -> str:
    return new_session(api)


@pytest.fixture
def stale(monkeypatch: pytest.MonkeyPatch) -> Callable[[Session], None]:
    """Has the next reading of a session that is to be changed give this copy."""
    read = sessions.existing
    copies: list[Session] = []
    monkeypatch.setattr(sessions, "existing", lambda *key: copies.pop() if copies else read(*key))
    return copies.append


def of(api: Client, name: str) -> tuple[str, str]:
    """A user of a test's own, and the user's only session."""
    user_id = f"{api.user_id}-{name}"
    return user_id, new_session(api.as_user(user_id))


@pytest.mark.parametrize("first", one_in(3, CHANGES.keys()))
@pytest.mark.parametrize(
    "behind",
    cases({"at one moment": timedelta(), "by a clock that is behind": timedelta(hours=1)}, thorough=["at one moment"]),
)
def test_two_changes_from_two_copies_of_the_same_state_both_hold(
    api: Client, stale: Any, monkeypatch: pytest.MonkeyPatch, first: str, behind: timedelta
) -> None:
    for second in CHANGES:
        key = of(api, second)
        copy = sessions.existing(*key)
        with monkeypatch.context() as watch:
            moment = datetime.now(UTC)
            watch.setattr(clock, "read", lambda moment=moment: moment)
            CHANGES[first](*key)
            before = check(*key)
            watch.setattr(clock, "read", lambda moment=moment: moment - behind)
            stale(copy)
            with suppress(SessionDeletedError):
                CHANGES[second](*key)
        check_both(before, check(*key), [first, second])


def check_both(before: Session, after: Session, names: list[str]) -> None:
    """Check that each change was made, except one after a delete."""
    assert after.updated_at >= before.updated_at
    assert (after.status is Status.DELETED) == ("delete" in names)
    assert (after.deleted_at, after.purge_at) == (before.deleted_at, before.purge_at) or names[0] != "delete"
    lasting = names[:1] if names[0] == "delete" else names
    assert after.total_tokens == 7 * lasting.count("report")
    assert (after.title == "renamed") == ("rename" in lasting)


def test_a_change_from_a_copy_does_not_bring_back_a_session_that_is_purged(api: Client, stale: Any) -> None:
    for name, change in CHANGES.items():
        key = of(api, name)
        copy = sessions.existing(*key)
        purge(*key)
        stale(copy)
        with pytest.raises(SessionNotFoundError):
            change(*key)
        with pytest.raises(SessionNotFoundError):
            sessions.header(*key)


def test_a_copy_with_a_later_time_than_the_change_is_left_at_its_time(
    user_id: str, session_id: str, stale: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "read", lambda: datetime(2100, 1, 1, tzinfo=UTC))
    CHANGES["rename"](user_id, session_id)
    monkeypatch.undo()
    found = check(user_id, session_id)
    assert found.updated_at.startswith("2100")
    CHANGES["pin"](user_id, session_id)
    assert check(user_id, session_id).updated_at > found.updated_at


def reported(user_id: str, session_id: str, claim: Claim) -> UsageRecordView:
    return UsageRecordView.of(reporting.record(user_id, session_id, REPORT, claim))


def test_a_report_is_recorded_once_though_its_repetition_has_a_copy_from_before_it(
    user_id: str, session_id: str, stale: Any
) -> None:
    claim, copy = Claim(ids.new(), "print"), sessions.existing(user_id, session_id)
    first = reported(user_id, session_id, claim)
    stale(copy)
    assert reported(user_id, session_id, claim) == first
    assert check(user_id, session_id).total_tokens == 7
    (day,) = Day.query(Totals(user_id).pk, Day.sk.startswith("DAY#"))
    assert (day.turns, day.input_tokens) == (1, 7)
    delete(user_id, session_id)
    assert reported(user_id, session_id, claim) == first


def test_a_report_under_the_key_of_another_is_refused_from_a_copy_as_well(
    user_id: str, session_id: str, stale: Any
) -> None:
    claim, copy = Claim(ids.new(), "print"), sessions.existing(user_id, session_id)
    reporting.record(user_id, session_id, REPORT, claim)
    stale(copy)
    with pytest.raises(IdempotencyKeyReusedError):
        reporting.record(user_id, session_id, REPORT, Claim(claim.id, "another"))
    turn = Turn(user_id, session_id, claim.id)
    assert Turn.get(turn.pk, turn.sk).input_tokens == 7


@pytest.mark.usefixtures("engine")
def test_a_session_whose_first_answer_was_lost_is_counted_once(user_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    session_id = ids.new()
    monkeypatch.setattr(ids, "new", lambda: session_id)
    for _ in range(2):
        assert create(user_id, None).session_id == session_id
    check(user_id, session_id)
