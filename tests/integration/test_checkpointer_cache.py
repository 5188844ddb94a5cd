"""A saver with a cache: it reads what is new, and never shows what is not so any more."""

import boto3
import pytest

from chatkeep.checkpointer import DynamoDBSaver
from chatkeep.errors import BrokenThreadError
from tests.bench.meter import Meter
from tests.checkpoint_threads import TABLE, Thread, another, noise
from tests.engines import Engine

CACHE_BYTES = 10_000_000
MESSAGES = [noise(900) for _ in range(20)]


@pytest.fixture
def warm(engine: Engine, user_id: str) -> Thread:
    client = boto3.client("dynamodb", endpoint_url=engine.endpoint)
    return Thread(DynamoDBSaver(TABLE, client, cache_bytes=CACHE_BYTES), user_id)


@pytest.fixture
def meter(warm: Thread, engine: Engine) -> Meter:
    return Meter(warm.saver.client, engine.client)


def test_what_was_written_or_read_is_not_read_again(warm: Thread, meter: Meter) -> None:
    values = {"messages": MESSAGES, "document": noise(5_000)}
    warm.put(values)
    for reader in (warm, another(warm, cache_bytes=CACHE_BYTES)):
        reader.values()
        with meter.measure() as usage:
            assert reader.values() == values
        assert usage.operations == {"Query": 1}  # for the header
        assert usage.read < 500


def test_only_what_another_process_has_added_is_read(warm: Thread, meter: Meter) -> None:
    head = warm.put({"messages": MESSAGES})
    longer = [*MESSAGES, *(noise(900) for _ in range(3))]
    another(warm).put({"messages": longer}, head)
    with meter.measure() as usage:
        assert warm.values() == {"messages": longer}
    assert usage.operations == {"Query": 2}
    assert usage.read < 3 * 900 + 1_000


def test_without_a_cache_everything_is_read(warm: Thread, meter: Meter) -> None:
    cold = another(warm)
    cold.put({"messages": MESSAGES})
    cold.values()
    with meter.measure() as usage:
        cold.values()
    assert usage.operations == {"Query": 2}


def test_a_row_whose_key_was_written_again_is_read_anew(warm: Thread) -> None:
    root = warm.put({"messages": MESSAGES})
    branch = warm.put({"messages": [*MESSAGES, noise(2_000)]}, root, run_id=f"{warm.thread_id}-1")
    assert len(warm.values(branch)["messages"]) == 21
    other = another(warm)
    other.saver.delete_for_runs([f"{warm.thread_id}-1"])
    written = [*MESSAGES, noise(2_000)]
    head = other.put({"messages": written}, root)
    keys = [item["sk"]["S"] for item in warm.items("R!")]
    assert [key.rpartition("!")[2] for key in keys] == ["00000000", "00000020"]  # of one generation, as before
    assert warm.values(head) == {"messages": written}
    assert warm.values(head) == {"messages": written}


def test_a_staged_turn_is_known_once_it_is_committed(warm: Thread, meter: Meter) -> None:
    head = warm.put({"messages": MESSAGES})
    staged = warm.saver.staged()
    turn = Thread(staged, warm.thread_id)  # type: ignore[arg-type]
    turn.count = warm.count
    longer = [*MESSAGES, noise(2_000)]
    turn.put({"messages": longer}, head)
    writes = staged.writes()
    assert warm.values() == {"messages": MESSAGES}
    warm.saver.client.transact_write_items(TransactItems=[*writes.payload, *writes.heads])
    staged.committed(writes)
    with meter.measure() as usage:
        assert warm.values() == {"messages": longer}
    assert usage.operations == {"Query": 1}


def test_a_deleted_thread_is_gone(warm: Thread) -> None:
    warm.put({"messages": MESSAGES})
    another(warm).saver.delete_thread(warm.thread_id)
    assert warm.saver.get_tuple(warm.at()) is None
    warm.put({"messages": MESSAGES[:3]})
    assert warm.values() == another(warm).values() == {"messages": MESSAGES[:3]}


def test_damage_is_an_error_where_the_cache_does_not_help(warm: Thread) -> None:
    head = warm.put({"messages": MESSAGES})
    other = another(warm)
    other.put({"messages": [*MESSAGES, noise(2_000)]}, head)
    row = warm.items("R!")[-1]
    warm.saver.client.delete_item(TableName=TABLE, Key={"pk": row["pk"], "sk": row["sk"]})
    with pytest.raises(BrokenThreadError, match="messages"):
        warm.values()
