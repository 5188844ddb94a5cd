"""Items of a later version's format, as two versions meet during a rollout: the older one leaves nothing of its own."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from chatkeep import ids
from chatkeep.agent import runtime
from chatkeep.deadline import Deadline
from chatkeep.errors import LaterFormatError
from chatkeep.idempotency import Claim
from chatkeep.jobs.due import now_due
from chatkeep.models.details import Details
from chatkeep.models.session import Session
from chatkeep.models.totals import Totals
from chatkeep.models.turn import Turn
from chatkeep.turns import engine, lease, repair
from chatkeep.turns.admission import Strategy
from chatkeep.turns.engine import Request
from chatkeep.turns.events import Event, Token
from chatkeep.turns.lease import Sender
from tests.chat import new_session, send, sent
from tests.client import Client
from tests.views import views

LATER = 7
MODELS: dict[str, Callable[[str, str], tuple[str, str]]] = {
    "header": Session.KEY.of,
    "details": Details.KEY.of,
    "totals": lambda user_id, _: Totals.KEY.of(user_id),
}


@pytest.fixture
def make_later(dynamodb: Any) -> Callable[[tuple[str, str]], None]:
    """Says of an item that it has a later format, or the usual one again."""

    def set_format(keys: tuple[str, str], stored: int = LATER) -> None:
        dynamodb.update_item(
            TableName=Session.Meta.table_name,
            Key={name: {"S": key} for name, key in zip(("pk", "sk"), keys, strict=True)},
            UpdateExpression="SET v = :v",
            ExpressionAttributeValues={":v": {"N": str(stored)}},
        )

    return set_format


@pytest.mark.parametrize("kind", MODELS)
def test_a_turn_that_cannot_read_an_item_takes_neither_lease_nor_slot(
    api: Client, user_id: str, make_later: Any, kind: str
) -> None:
    session_id = new_session(api, custom_system_prompt="long " * 300)
    keys = MODELS[kind](user_id, session_id)
    make_later(keys)
    response = send(api, session_id, "hello")
    assert (response.status, response.json["code"]) == (503, "later_format")
    make_later(keys, 1)
    header, totals = Session.find(user_id, session_id), Totals.find(user_id)
    assert header is not None
    assert totals is not None
    assert (header.lease_turn_id, totals.slots) == (None, None)
    sent(api, session_id, "hello")


@pytest.mark.usefixtures("empty_tables")
def test_a_sweep_passes_over_a_session_that_it_cannot_read(
    api: Client, user_id: str, make_later: Any, pass_time: Callable[[timedelta], None]
) -> None:
    dead = [new_session(api) for _ in range(6)]
    for session_id in dead:
        expires_at = Deadline.within(10).lease_expiry()
        lease.acquire(Sender(user_id, session_id, ids.new(), expires_at), Session.sk.exists())
    for session_id in dead[::2]:
        make_later(Session.KEY.of(user_id, session_id))
    pass_time(timedelta(days=1))
    assert repair.end_leases(now_due()) == 3
    for session_id in dead[::2]:
        make_later(Session.KEY.of(user_id, session_id), 1)
    assert repair.end_leases(now_due()) == 3


def test_the_usage_of_a_turn_whose_record_a_later_version_wrote_is_billed(
    api: Client, dynamodb: Any, user_id: str, make_later: Any
) -> None:
    session_id = new_session(api)
    claim = Claim(ids.new(), "fingerprint")

    def overtaken(event: Event) -> None:
        if isinstance(event, Token) and not told:
            told.append(event)
            Turn(user_id, session_id, claim.id, status="completed", created_at="now", fence=99).save()
            make_later(Turn.KEY.of(user_id, session_id, claim.id))

    told: list[Event] = []
    request = Request(user_id, session_id, "hello", Strategy.REJECT, claim, Deadline.within(60), listen=overtaken)
    with pytest.raises(LaterFormatError):
        engine.send(request, runtime.tools())
    assert views(dynamodb, user_id, session_id).session["total_tokens"] > 0
