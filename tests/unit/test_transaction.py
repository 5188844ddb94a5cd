"""Transactions: which condition failed is told by name, rivals are waited for, and nothing else is tried again."""

import time

import pytest
from pynamodb.exceptions import TransactWriteError

from chatkeep.dynamodb.transaction import ATTEMPTS, Transaction
from chatkeep.models.preferences import Preferences
from chatkeep.models.totals import Totals
from tests.engines import Engine
from tests.wire import Refusal, cancelled, refused, refusing, requests


class PutFailedError(Exception):
    pass


class ChangeFailedError(Exception):
    pass


class CheckFailedError(Exception):
    pass


@pytest.fixture(autouse=True)
def quick(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for rivals takes no time."""
    monkeypatch.setattr(time, "sleep", lambda seconds: None)


def write(user_id: str, put: bool = True, change: bool = True, check: bool = True) -> None:
    """Three writes, of which those fail that are not wanted to succeed."""
    present, absent = Preferences.sk.exists(), Preferences.sk.does_not_exist()
    with Transaction() as transaction:
        condition = Totals.sk.does_not_exist() if change else Totals.sk.exists()
        transaction.change(
            Totals(user_id), Totals.total_messages.add(1), condition=condition, otherwise=ChangeFailedError()
        )
        transaction.put(Preferences(user_id), condition=absent if put else present, otherwise=PutFailedError())
        other = Preferences.KEY.of(f"another than {user_id}")
        transaction.check(Preferences, other, absent if check else present, CheckFailedError())


@pytest.mark.parametrize(
    ("failing", "expected"),
    [({"put": False}, PutFailedError), ({"change": False}, ChangeFailedError), ({"check": False}, CheckFailedError)],
)
def test_the_error_of_the_condition_that_failed_is_raised(
    failing: dict[str, bool], expected: type[Exception], user_id: str
) -> None:
    with pytest.raises(expected):
        write(user_id, **failing)
    assert list(Totals.query(Totals(user_id).pk)) == []


def test_a_transaction_writes_all_that_it_was_given(user_id: str) -> None:
    write(user_id)
    assert {item.sk for item in Preferences.query(Totals(user_id).pk)} == {"PREFERENCES", "TOTALS"}


@pytest.mark.parametrize(
    "rival",
    [
        cancelled("TransactionConflict", None, None),
        cancelled(None, "ThrottlingError", None),
        cancelled(None, None, "ProvisionedThroughputExceeded"),
        refused("TransactionInProgressException"),
    ],
)
def test_rivals_are_waited_for_with_one_token(rival: Refusal, user_id: str) -> None:
    with requests() as sent, refusing("TransactWriteItems", *[rival] * 3):
        write(user_id)
    assert len(sent) == 4
    assert len({parameters["ClientRequestToken"] for _, parameters in sent}) == 1


def test_rivals_are_not_waited_for_without_end(user_id: str) -> None:
    conflict = cancelled("TransactionConflict", None, None)
    with refusing("TransactWriteItems", *[conflict] * (ATTEMPTS + 1)) as left, pytest.raises(TransactWriteError):
        write(user_id)
    assert len(left) == 1


@pytest.mark.parametrize("fault", [cancelled(None, "ValidationError", None), refused("AccessDeniedException")])
def test_what_will_not_pass_is_not_tried_again(fault: Refusal, user_id: str) -> None:
    with refusing("TransactWriteItems", fault, fault) as left, pytest.raises(TransactWriteError):
        write(user_id)
    assert len(left) == 1


def test_a_failed_condition_is_told_even_beside_a_rival(user_id: str) -> None:
    mixed = cancelled("TransactionConflict", "ConditionalCheckFailed", None)
    with refusing("TransactWriteItems", mixed), pytest.raises(PutFailedError):
        write(user_id)
