"""Keys are made of ids and read back into them, no two items share any, and an item keeps the format it came in."""

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pynamodb.exceptions import UpdateError

from chatkeep import ids
from chatkeep.kinds import KINDS
from chatkeep.models.message import Message
from chatkeep.models.part import Part
from chatkeep.models.session import Session, Status
from chatkeep.models.table import SessionsTable
from chatkeep.models.totals import Totals
from tests.engines import Engine

MODELS = [kind.model for kind in KINDS if kind.model]
users = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("#~"), min_size=1, max_size=80)
uuids = st.uuids(version=4).map(str)


@st.composite
def places(draw: st.DrawFn) -> tuple[type[SessionsTable], tuple[Any, ...]]:
    """A model and ids of an item of it."""
    model = draw(st.sampled_from(MODELS))
    strategies = {"user_id": users, "number": st.integers(0, 9999), "date": st.dates().map(str)}
    return model, tuple(draw(strategies.get(name, uuids)) for name in model.KEY.names)


@settings(max_examples=50)
@given(places())
def test_an_item_has_the_ids_that_it_was_made_with(place: tuple[type[SessionsTable], tuple[Any, ...]]) -> None:
    model, given_ids = place
    item = model(*given_ids)
    read = model.KEY.read(item.pk, item.sk)
    assert [read[name].lstrip("0") for name in model.KEY.names] == [str(one).lstrip("0") for one in given_ids]
    assert [one for one in MODELS if one.KEY.matches(item.pk, item.sk)] == [model]


@given(places(), places())
def test_items_with_other_ids_have_other_keys(
    one: tuple[type[SessionsTable], tuple[Any, ...]], other: tuple[type[SessionsTable], tuple[Any, ...]]
) -> None:
    assert (one == other) == (one[0].KEY.of(*one[1]) == other[0].KEY.of(*other[1]))


@pytest.mark.parametrize("model", MODELS)
def test_a_key_takes_neither_more_nor_fewer_ids_than_it_holds(model: type[SessionsTable]) -> None:
    names = model.KEY.names
    for wrong in (names[:-1], (*names, "more")):
        with pytest.raises(ValueError, match="argument"):
            model.KEY.of(*wrong)


@given(st.sampled_from(Status), st.booleans(), users, uuids)
def test_a_place_in_the_list_says_its_position(status: Status, is_pinned: bool, user: str, session_id: str) -> None:
    session = Session(user, session_id, is_pinned=is_pinned, is_archived=status is Status.ARCHIVED)
    session.updated_at = "2026-01-01T00:00:00.000000Z"
    session.deleted_at = session.updated_at if status is Status.DELETED else None
    session.place_in_list()
    assert session.place == f"{status}#{int(is_pinned)}#{session.updated_at}#{session_id}"
    assert session.position == session.place.removeprefix(f"{status}#")


def test_the_parts_of_a_message_come_in_order_and_alone(engine: Engine, user_id: str) -> None:
    for number in (1, 0):
        Part(user_id, "a-session", "a-message", number, data=b"%d" % number).save()
        Message(user_id, "a-session", f"m{number}", turn_id="t", role="user", content="", created_at="now").save()
    assert [part.data for part in Part.among(user_id, "a-session")] == [b"0", b"1"]
    assert [one.message_id for one in Message.among(user_id, "a-session", newest_first=True)] == ["m1", "m0"]
    assert [one.message_id for one in Message.among(user_id, "a-session", first="m1")] == ["m1"]
    assert Message.find(user_id, "a-session", "m2") is None


def test_what_comes_to_be_by_an_update_has_a_format_and_what_is_of_a_later_one_stays_as_it_is(
    engine: Engine, user_id: str
) -> None:
    table, add = Totals.Meta.table_name, [Totals.total_tokens.add(1)]
    totals = Totals(user_id)
    totals.update(add)
    assert totals.stored_format == Totals.FORMAT
    later = totals.serialize() | {"v": {"N": "9"}}
    engine.client.put_item(TableName=table, Item=later)
    with pytest.raises(UpdateError):
        totals.update(add)
    key = {"pk": {"S": totals.pk}, "sk": {"S": totals.sk}}
    assert engine.client.get_item(TableName=table, Key=key)["Item"] == later


def test_a_model_asks_the_deadline_though_no_other_is_imported() -> None:
    look = "print(type(Preferences._get_connection().connection).__name__)"
    script = f"from chatkeep.models.preferences import Preferences; {look}"
    environment = {"SESSIONS_TABLE": "a-table", "PYTHONPATH": "layers/shared"}
    shown = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "PunctualConnection"


def test_a_session_id_is_one_that_keys_can_hold() -> None:
    assert "#" not in ids.new()
    assert not ids.is_id("a#b")
