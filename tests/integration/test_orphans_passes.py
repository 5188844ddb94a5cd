"""A pass through both tables: at a bounded rate, run by run, whatever becomes of a run."""

import time
from typing import Any

import pytest

from chatkeep.kinds import Table
from chatkeep.models.scan import Scan
from functions.purge.orphans import Run, position, reading
from tests.chat import new_session
from tests.checkpoint_threads import TABLE
from tests.client import Client
from tests.faults.injector import Fault, outage
from tests.orphans import FOUND, Store, carry_out, check_is_repaired, damaged, kinds, pass_through

pytestmark = pytest.mark.usefixtures("empty_tables")


@pytest.fixture
def store(dynamodb: Any) -> Store:
    return Store(dynamodb)


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PAGE_ITEMS", 3)
    monkeypatch.setattr(reading, "MOST_UNITS", 1)
    monkeypatch.setattr(reading, "UNITS_PER_SECOND", 5_000)


@pytest.mark.usefixtures("small_pages")
def test_a_pass_goes_on_from_run_to_run_and_finds_everything_once(
    api: Client, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    made = damaged(api, store)
    assert pass_through(most_runs=60) > 3
    assert sorted(kinds(caplog)) == FOUND
    check_is_repaired(api, store, made)
    assert pass_through(most_runs=60) > 3
    assert kinds(caplog) == []


@pytest.mark.usefixtures("small_pages")
def test_a_run_reads_no_more_than_its_share_and_one_page(api: Client) -> None:
    for _ in range(20):
        new_session(api, expire_after_days=3)
    with outage(Fault.TWICE, at=float("inf")) as requests:
        run = Run(TABLE)
        run.search()
    assert requests.count <= 2 * (reading.MOST_UNITS + 2)
    assert Scan.find("orphans") is not None


@pytest.mark.thorough
def test_reads_are_spread_over_time(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PAGE_ITEMS", 1)
    monkeypatch.setattr(reading, "UNITS_PER_SECOND", 10)
    for _ in range(6):
        new_session(api)
    began, reader, after = time.monotonic(), reading.Reader(TABLE), None
    for _ in range(5):
        _, after = reader.page(Table.SESSIONS, after)
    assert time.monotonic() - began >= (reader.used - reader.used / 5) / 10 > 0.1


@pytest.mark.usefixtures("small_pages")
def test_a_position_whose_item_is_gone_is_gone_on_from(
    api: Client, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(8):
        new_session(api)
    Run(TABLE).search()
    after = position.next_page(position.current())[1]
    assert after is not None
    store.remove({"pk": {"S": after[0]}, "sk": {"S": after[1]}})
    before = {place: item for place, item in store.items().items() if place[2] != "POSITION"}
    pass_through(most_runs=30)
    assert (kinds(caplog), store.items()) == ([], before)


def test_a_position_of_a_later_version_is_left_to_it(
    api: Client, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    later = {"pk": {"S": "SCAN#orphans"}, "sk": {"S": "POSITION"}, "v": {"N": "7"}, "table": {"S": "elsewhere"}}
    store.put(later)
    store.alter(store.item(f"SESSION#{new_session(api)}"), place=None)
    before = store.items()
    assert Run(TABLE).search() == []
    assert store.items() == before
    assert "another version" in caplog.text


def test_a_pass_ends_with_one_line_of_its_numbers(api: Client, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    from chatkeep.telemetry import logger

    caplog.set_level("INFO", logger=logger.service)
    store.alter(store.item(f"SESSION#{new_session(api)}"), place=None)
    items = len(store.items())
    pass_through()
    (line,) = [one for one in caplog.records if one.getMessage() == "no more orphans"]
    assert (line.examined, line.found, line.repaired) == (items, 1, 1)  # type: ignore[attr-defined]


@pytest.mark.usefixtures("small_pages")
def test_of_two_runs_at_once_one_goes_on_and_each_orphan_is_counted_once(
    api: Client, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made = damaged(api, store)
    look, inner, outer = reading.Reader.existing, Run(TABLE), Run(TABLE)

    def another_meanwhile(reader: Any, wanted: Any) -> Any:
        found = look(reader, wanted)
        monkeypatch.setattr(reading.Reader, "existing", look)
        carry_out(*inner.search())
        monkeypatch.setattr(reading, "MOST_UNITS", 1_000)
        return found

    monkeypatch.setattr(reading.Reader, "existing", another_meanwhile)
    carry_out(*outer.search())
    assert Scan.find("orphans") is not None  # else the outer run has gone on to the end
    pass_through()
    assert sorted(kinds(caplog)) == FOUND
    check_is_repaired(api, store, made)
