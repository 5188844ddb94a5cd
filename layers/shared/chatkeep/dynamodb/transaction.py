"""Transactions over the tables that say which of their conditions failed, and writes and reads that wait them out."""

from collections.abc import Callable
from typing import Any, Self, TypeVar
from uuid import uuid4

from botocore.exceptions import ClientError
from pynamodb.attributes import Attribute
from pynamodb.exceptions import CancellationReason, PutError, TransactGetError, TransactWriteError, UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.models import Model

from chatkeep.dynamodb.connection import shared
from chatkeep.dynamodb.internals import Reads, Writes
from chatkeep.retrying import attempts

Failure = TransactGetError | TransactWriteError | UpdateError
Result = TypeVar("Result")
Actions = Callable[[], list[Action]]

CONFLICT = {"TransactionConflict", "TransactionConflictException"}
"""Codes of a transaction that another cancelled, and of a write that met one."""
CONTENDED = CONFLICT | {"TransactionInProgressException", "ThrottlingError", "ProvisionedThroughputExceeded"}
"""Codes that botocore leaves to its caller, and that pass by."""
INVALID = {"ValidationError", "ValidationException"}
"""Codes of an item of a transaction, or of all of it, that breaks a rule or a limit of DynamoDB's."""
ATTEMPTS = 12


class Transaction(Writes):
    """All of its writes or none. Where a condition fails, the error given as its `otherwise` is raised.

    Items that another transaction holds are waited for; after `ATTEMPTS`, or at the deadline, the last
    TransactWriteError propagates. One client token covers all attempts, so that an attempt whose answer was lost
    is not carried out twice within DynamoDB's ten minutes.

    A change may have actions to do `instead` where its condition fails, which are made then; they have no condition.
    """

    def __init__(self) -> None:
        super().__init__(connection=shared(), client_request_token=str(uuid4()))
        self._otherwise: dict[str, list[Exception | None]] = {"check": [], "delete": [], "put": [], "update": []}
        self._instead: dict[int, tuple[Model, Actions]] = {}

    def check(self, model: type[Model], key: tuple[str, str], condition: Condition, otherwise: Exception) -> None:
        """Write only while `condition` holds for an item that this transaction leaves as it is."""
        self._otherwise["check"].append(otherwise)
        self.condition_check(model, *key, condition=condition)

    def put(self, item: Model, condition: Condition | None = None, otherwise: Exception | None = None) -> None:
        self._otherwise["put"].append(otherwise)
        self.save(item, condition=condition)

    def discard(self, item: Model, condition: Condition | None = None, otherwise: Exception | None = None) -> None:
        """Delete the item, or do nothing where there is none."""
        self._otherwise["delete"].append(otherwise)
        self.delete(item, condition=condition)

    def add(self, request: dict[str, Any], otherwise: Exception) -> None:
        """Add a low-level write, as TransactWriteItems has it: `{"Put": …}` or `{"Update": …}`."""
        ((kind, write),) = request.items()
        self._otherwise[kind.lower()].append(otherwise)
        self.add_write(kind, write)

    def change(
        self,
        item: Model,
        *actions: Action,
        condition: Condition | None = None,
        otherwise: Exception | None = None,
        instead: Actions | None = None,
    ) -> None:
        if instead is not None:
            self._instead[len(self._otherwise["update"])] = item, instead
        self._otherwise["update"].append(otherwise)
        self.update(item, actions=list(actions), condition=condition)

    def __enter__(self) -> Self:
        return self

    def send(self, request: Callable[[], Any]) -> Any:
        try:
            return _past_rivals(request, self._raise_failed_condition)
        except TransactWriteError as error:
            if not self._replaced(error):
                raise
        return _past_rivals(request, self._raise_failed_condition)

    def _replaced(self, error: TransactWriteError) -> bool:
        """Have the changes whose conditions failed do something else, where they can, and say whether they all can."""
        before = sum(len(self._otherwise[kind]) for kind in ("check", "delete", "put"))
        failed = [at - before for at, reason in enumerate(error.cancellation_reasons) if _is_of_condition(reason)]
        if not failed or not set(failed) <= self._instead.keys():
            return False
        for at in failed:
            item, instead = self._instead[at]
            self.replace_update(at, item, instead())
        self.begin_anew(str(uuid4()))
        return True

    def _raise_failed_condition(self, error: Failure) -> None:
        assert isinstance(error, TransactWriteError)
        otherwise = [failure for kind in self._otherwise.values() for failure in kind]  # the order they are sent in
        for reason, failure in zip(error.cancellation_reasons, otherwise, strict=False):
            if failure is not None and _is_of_condition(reason):
                raise failure from error


class Reading(Reads):
    """Items as they are at one moment. Waits for transactions that hold one of them, as `Transaction` does."""

    def __init__(self) -> None:
        super().__init__(connection=shared())

    def send(self, request: Callable[[], Any]) -> Any:
        return _past_rivals(request)


def update_if(item: Model, actions: list[Action], condition: Condition) -> bool:
    """Update one item where `condition` holds, and say whether it did; then `item` is as it is stored.

    Waits for transactions that hold the item, as `Transaction` does.
    """
    try:
        _past_rivals(lambda: item.update(actions, condition))
    except UpdateError as error:
        if _code(error) == "ConditionalCheckFailedException":
            return False
        raise
    return True


def put_if(item: Model, condition: Condition) -> bool:
    """Put an item where `condition` holds, and say whether it did."""
    try:
        item.save(condition)
    except PutError as error:
        if _code(error) == "ConditionalCheckFailedException":
            return False
        raise
    return True


def as_read(attribute: Attribute[Any], value: Any) -> Condition:
    """The attribute still has the value with which it was read; None where there was none."""
    condition: Condition = attribute.does_not_exist() if value is None else attribute == value
    return condition


def _past_rivals(request: Callable[[], Result], look_at: Callable[[Failure], None] = lambda _: None) -> Result:
    rivalry: Failure | None = None
    for _ in attempts(ATTEMPTS):
        try:
            return request()
        except (TransactGetError, TransactWriteError, UpdateError) as error:
            look_at(error)
            if not _contended(error):
                raise
            rivalry = error
    assert rivalry is not None
    raise rivalry


def invalid(error: Failure) -> bool:
    """Whether the request itself was refused, as one over DynamoDB's limits: nothing of it is stored, now or later."""
    return bool(_reasons(error) & INVALID) or _code(error) in INVALID


def met_rivals(error: Exception) -> bool:
    """Whether a request ended by others' transactions over its items: nothing of it is stored."""
    return isinstance(error, Failure) and bool((_reasons(error) | {_code(error)}) & CONFLICT)


def _is_of_condition(reason: CancellationReason | None) -> bool:
    return reason is not None and reason.code == "ConditionalCheckFailed"


def _contended(error: Failure) -> bool:
    return bool((_reasons(error) | {_code(error)}) & CONTENDED)


def _reasons(error: Failure) -> set[str]:
    """Why a transaction was cancelled."""
    reasons = [] if isinstance(error, UpdateError) else error.cancellation_reasons
    return {reason.code for reason in reasons if reason is not None}


def _code(error: Failure | PutError) -> str | None:
    """DynamoDB's code; `cause_response_code` fails where there was no answer."""
    return str(error.cause.response["Error"]["Code"]) if isinstance(error.cause, ClientError) else None
