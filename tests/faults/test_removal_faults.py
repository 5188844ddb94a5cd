"""Deletions for good amid faults at each of their requests: nothing is left, and the receipt counts what there was."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count, product

import pytest

from tests.cases import cases
from tests.client import Response
from tests.faults.ends import ENDS, End, begun, check_is_gone
from tests.faults.injector import OF_BATCHES, Fault, ProcessDiedError, interrupted, outage
from tests.faults.removals import Life, short_pages
from tests.faults.story import Impatient, check_is_unavailable

FAULTS = [Fault.TIMED_OUT_AFTER, Fault.DIED_AFTER, Fault.THROTTLED_FOR_LONG, Fault.TIMED_OUT_FOR_LONG]


@pytest.fixture
def end(request: pytest.FixtureRequest, impatient: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[End]:
    monkeypatch.setattr("chatkeep.retrying.time", Impatient())
    found = ENDS[request.param]
    with short_pages(found.page_items):
        yield found


def end_amid(life: Life, end: End, fault: Fault, at: int) -> bool:
    """End the session amid a fault, and then without one; whether the fault hit a request."""
    asked = end.ask is None
    with outage(fault, at) as met, suppress(ProcessDiedError):
        asked = asked or _is_taken(end.ask(life))
        if asked:
            life.purge_all()
    if not asked and end.ask:
        assert _is_taken(end.ask(life))
    life.purge_all()
    return met.hit


def _is_taken(response: Response) -> bool:
    if response.status != 202:
        check_is_unavailable(response)
    return response.status == 202


def rotated(first: int) -> list[Fault]:
    return [*FAULTS[first:], *FAULTS[:first]]


ALL = {
    f"{end}, from {fault}": (end, rotated(at), 1)
    for number, end in enumerate(ENDS)
    for at, fault in enumerate(FAULTS)
    if at % 2 == number % 2
}
"""Each request meets another fault: two of them at each end, the other two at the next. The requests are the same."""
THROTTLED = {"deleted for good, throttled once": ("deleted for good", [Fault.THROTTLED], 1)}
SOME = {"some": ("deleted for good", [*FAULTS, Fault.THROTTLED], 6)}


@pytest.mark.parametrize(
    ("end", "faults", "step"), cases({**SOME, **ALL, **THROTTLED}, thorough=ALL | THROTTLED), indirect=["end"]
)
def test_a_session_that_ends_amid_a_fault_at_any_request_leaves_nothing_but_an_exact_receipt(
    new_life: Callable[..., Life], end: End, faults: list[Fault], step: int
) -> None:
    for at in count(0, step):
        life = begun(new_life, end)
        hit = end_amid(life, end, faults[at % len(faults)], at)
        check_is_gone(life, end)
        if not hit:
            break
    assert at > 10


@pytest.mark.thorough
@pytest.mark.parametrize(("end", "fault"), list(product(ENDS, sorted(OF_BATCHES))), indirect=["end"])
def test_what_a_batch_leaves_unprocessed_is_removed_too_and_counted_once(
    new_life: Callable[..., Life], end: End, fault: Fault
) -> None:
    for at in count():
        life = begun(new_life, end)
        hit = end_amid(life, end, fault, at)
        check_is_gone(life, end)
        if not hit:
            break
    assert at > 2


@pytest.mark.thorough
@pytest.mark.parametrize("end", ENDS, indirect=True)
def test_two_who_carry_out_the_same_deletion_count_it_once(new_life: Callable[..., Life], end: End) -> None:
    """The second comes before a request of the first, whose claim has ended by then."""
    for at in count():
        life = begun(new_life, end)
        assert end.ask is None or end.ask(life).status == 202
        with interrupted(at, life.purge_all) as met:
            life.purge_all()
        check_is_gone(life, end)
        if not met.hit:
            break
    assert at > 8
