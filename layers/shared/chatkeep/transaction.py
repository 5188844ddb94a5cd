"""A transaction over the tables that says which of its conditions failed, and waits out its rivals."""

import random
import time
from typing import Any, Self
from uuid import uuid4

from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from chatkeep.models.session import Session

CONTENDED = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
ATTEMPTS = 12
LONGEST_WAIT_SECONDS = 1.0


class Transaction(TransactWrite):
    """All of its writes or none. Where a condition fails, the error given as its `otherwise` is raised.

    Items that another transaction holds are waited for with full jitter, as
    https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/ advises; after `ATTEMPTS` the
    last TransactWriteError propagates. One client token covers all attempts, so that an attempt whose answer was lost
    is not carried out twice within DynamoDB's ten minutes.
    """

    def __init__(self) -> None:
        super().__init__(connection=Session._get_connection().connection, client_request_token=str(uuid4()))
        self._otherwise: dict[str, list[Exception | None]] = {"check": [], "delete": [], "put": [], "update": []}

    def check(self, model: type[Model], key: tuple[str, str], condition: Condition, otherwise: Exception) -> None:
        """Write only while `condition` holds for an item that this transaction leaves as it is."""
        self._otherwise["check"].append(otherwise)
        self.condition_check(model, *key, condition=condition)

    def put(self, item: Model, condition: Condition | None = None, otherwise: Exception | None = None) -> None:
        self._otherwise["put"].append(otherwise)
        self.save(item, condition=condition)

    def add(self, member: dict[str, Any], otherwise: Exception) -> None:
        """Add a low-level write of another table, as TransactWriteItems has it: `{"Put": …}` or `{"Update": …}`."""
        ((kind, write),) = member.items()
        self._otherwise[kind.lower()].append(otherwise)
        {"Put": self._put_items, "Update": self._update_items}[kind].append(write)

    def change(
        self, item: Model, *actions: Action, condition: Condition | None = None, otherwise: Exception | None = None
    ) -> None:
        self._otherwise["update"].append(otherwise)
        self.update(item, actions=list(actions), condition=condition)

    def __enter__(self) -> Self:
        return self

    def _commit(self) -> Any:
        for attempt in range(ATTEMPTS):
            try:
                return super()._commit()
            except TransactWriteError as error:
                self._raise_failed_condition(error)
                if attempt + 1 == ATTEMPTS or not _contended(error):
                    raise
            time.sleep(random.uniform(0, min(LONGEST_WAIT_SECONDS, 0.02 * 2**attempt)))  # noqa: S311
        raise AssertionError("unreachable")

    def _raise_failed_condition(self, error: TransactWriteError) -> None:
        otherwise = [failure for kind in self._otherwise.values() for failure in kind]  # the order they are sent in
        for reason, failure in zip(error.cancellation_reasons, otherwise, strict=False):
            if failure is not None and reason is not None and reason.code == "ConditionalCheckFailed":
                raise failure from error


def _contended(error: TransactWriteError) -> bool:
    codes = {reason.code for reason in error.cancellation_reasons if reason is not None}
    return bool(codes & CONTENDED) or error.cause_response_code == "TransactionInProgressException"
