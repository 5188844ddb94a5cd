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


def write_or(user_id: str, there: bool = False, put: bool = True) -> None:
    """A change that needs totals which are there, or are not, and does another thing where it is not so."""
    there_or_not = Totals.sk.exists() if there else Totals.sk.does_not_exist()
    absent = Preferences.sk.does_not_exist() if put else Preferences.sk.exists()
    with Transaction() as transaction:
        transaction.put(Preferences(user_id), condition=absent, otherwise=PutFailedError())
        transaction.change(Totals(user_id), Totals.total_cost.add(1))
        other = Totals(f"{user_id}-other")
        transaction.change(
            other, Totals.total_messages.add(1), condition=there_or_not, instead=lambda: [Totals.total_tokens.add(2)]
        )


@pytest.mark.parametrize(("there", "expected", "many"), [(False, (1, 0), 1), (True, (0, 2), 2)])
def test_a_change_whose_condition_fails_does_something_else_instead(
    user_id: str, there: bool, expected: tuple[int, int], many: int
) -> None:
    with requests() as sent:
        write_or(user_id, there)
    found, beside = Totals.find(f"{user_id}-other"), Totals.find(user_id)
    assert found is not None
    assert beside is not None
    assert (found.total_messages, found.total_tokens, beside.total_cost) == (*expected, 1)
    assert len({body["ClientRequestToken"] for _, body in sent}) == len(sent) == many


def test_nothing_else_is_done_where_another_condition_fails_too(user_id: str) -> None:
    with requests() as sent, pytest.raises(PutFailedError):
        write_or(user_id, there=True, put=False)
    assert len(sent) == 1
    assert Totals.find(f"{user_id}-other") is None


def test_what_is_done_instead_waits_for_rivals_too(user_id: str) -> None:
    refused_first = cancelled(None, None, "ConditionalCheckFailed")
    with refusing("TransactWriteItems", refused_first, cancelled("TransactionConflict", None, None)):
        write_or(user_id)
    found = Totals.find(f"{user_id}-other")
    assert found is not None
    assert found.total_tokens == 2


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
