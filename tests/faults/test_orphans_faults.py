"""Each request of a pass for orphans fails in turn: the next pass ends well, and each orphan is repaired once."""

from collections.abc import Callable
from contextlib import suppress
from itertools import product
from typing import Any

import pytest

from chatkeep.dynamodb.errors import STORAGE_ERRORS
from chatkeep.errors import StorageUnavailableError
from chatkeep.jobs.due import now_due
from tests.cases import one_in
from tests.client import Client
from tests.faults.injector import Fault, ProcessDiedError, outage
from tests.orphans import Store, carry_out, check_is_repaired, damaged, kinds, pass_through

pytestmark = pytest.mark.usefixtures("empty_tables", "impatient")
FAULTS = (
    Fault.THROTTLED_FOR_LONG, Fault.TIMED_OUT_AFTER, Fault.TIMED_OUT_FOR_LONG, Fault.DIED_BEFORE, Fault.DIED_AFTER,
)  # fmt: skip
REQUESTS = 80
CASES = list(product(FAULTS, range(REQUESTS)))[::13]
"""One in thirteen, each fault at other requests."""


@pytest.mark.parametrize(("fault", "at"), one_in(len(CASES), CASES))
def test_the_next_pass_ends_well_after_a_fault_of_any_request(
    api: Client,
    dynamodb: Any,
    fault: Fault,
    at: int,
    pass_an_hour: Callable[[], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = Store(dynamodb)
    made = damaged(api, store)
    with outage(fault, at), suppress(*STORAGE_ERRORS, StorageUnavailableError, ProcessDiedError):
        pass_through()
    pass_an_hour()
    pass_through()
    carry_out(*now_due())
    check_is_repaired(api, store, made)
    caplog.clear()
    before = store.items()
    pass_through()
    assert (kinds(caplog), store.items()) == ([], before)


@pytest.mark.thorough
def test_a_pass_makes_fewer_requests_than_are_failed(api: Client, dynamodb: Any) -> None:
    damaged(api, Store(dynamodb))
    with outage(Fault.TWICE, at=REQUESTS) as met:
        pass_through()
    assert not met.hit
    assert met.count > REQUESTS * 0.6
