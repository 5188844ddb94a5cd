"""A session's header stays within 1 KB, counted as DynamoDB does, whatever its settings and its user's id, while a turn
runs and while it is cancelled."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatkeep import ids
from chatkeep.clock import now, stamp
from chatkeep.models import due
from chatkeep.models.session import LONG, Session
from chatkeep.sessions import placing
from chatkeep.sessions.preferences import TITLE as TITLE_TO_BE
from chatkeep.turns.lease import Sender

KILOBYTE = 1024
USER = ids.new()
RESERVE = 25
"""For a setting or two that are still to come."""
TITLE, MODEL = "漢" * 200, "bedrock:" + "m" * 192
texts = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("漢😀"), max_size=200)
users = st.text(st.sampled_from("aé漢"), min_size=1).map(
    lambda text: (text * 255).encode()[:255].decode(errors="ignore")
)
users |= st.integers(1, 255).map(lambda length: "u" * length)
objects = st.dictionaries(texts, texts, max_size=3)
tags = st.lists(texts.map(lambda text: text[:50]), max_size=20)
long_settings = st.fixed_dictionaries(
    {
        **dict.fromkeys(("title", "model_name", "custom_system_prompt"), texts),
        **dict.fromkeys(("metadata", "model_options"), objects),
        "tags": tags,
    }
)
chosen_ids = st.integers(1, 100).map(lambda length: "c" * length)
ids_of_both = st.tuples(users, st.none()) | st.tuples(st.just(USER), chosen_ids)
"""The ids that a user and a session have; where both are as long as they may be, the header is longer."""


def item_bytes(session: Session) -> int:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html"""
    return sum(len(name.encode()) + value_bytes(value) for name, value in session.serialize().items())


def value_bytes(value: dict[str, Any]) -> int:
    ((kind, stored),) = value.items()
    if kind == "N":
        return len(stored.strip("-0.")) // 2 + 2 + stored.startswith("-")
    return len(stored.encode()) if kind == "S" else 1


def header(settings: dict[str, Any], user_id: str = USER, client_id: str | None = None) -> Session:
    """The longest that there is of a session while a turn runs: every counter large, every time set."""
    at, session_id = stamp(now()), ids.new()
    outside = placing.apart(settings, placing.room(Session(user_id, session_id, client_id=client_id)))
    session = Session(
        user_id,
        session_id,
        client_id=client_id,
        expire_after_days=3_650,
        **(settings | dict.fromkeys(outside)),
        **dict.fromkeys(("created_at", "updated_at", "last_message_at"), at),
        **dict.fromkeys(("enable_summarization", "is_archived", "is_pinned", "written_ahead"), True),
        **dict.fromkeys(("message_count", "timed_turns", "thumbs_up", "thumbs_down", "lease_fence"), 10**7 - 1),
        **dict.fromkeys(("total_tokens", "total_cost", "response_ms"), 10**13 - 1),
        **dict.fromkeys(("last_message_id", "lease_turn_id"), session_id),
        lease_owner=Sender("", "", "", 1_999_999_999_999).owner,
        lease_former="",  # unless the lease was taken over from a turn that died
        temperature=1.234567,
        max_tokens=199_999,
        lease_expires_at=1_999_999_999_999,
        lease_shard=due.shard(session_id),
    )
    session.place_in_list()
    return session


@given(long_settings)
def test_the_header_of_a_running_turn_is_within_a_kilobyte_whatever_the_settings(settings: dict[str, Any]) -> None:
    assert item_bytes(header(settings)) <= KILOBYTE - RESERVE


@given(long_settings, ids_of_both)
def test_so_is_one_of_a_cancelled_turn_of_any_user(settings: dict[str, Any], both: tuple[str, str | None]) -> None:
    session = header(settings, *both)
    session.cancel_turn_id, session.cancel_action = session.lease_turn_id, "roll_back"
    assert item_bytes(session) <= KILOBYTE


@given(long_settings, ids_of_both)
def test_so_is_one_that_waits_for_its_title_after_some_turns(
    settings: dict[str, Any], both: tuple[str, str | None]
) -> None:
    session = header({**settings, "title": TITLE_TO_BE}, *both)
    session.cancel_turn_id, session.cancel_action, session.wants_title = session.lease_turn_id, "roll_back", True
    session.total_tokens = session.total_cost = session.response_ms = 10**8 - 1
    assert item_bytes(session) <= KILOBYTE


@pytest.mark.parametrize("prompt", ["", "p" * 100, "p" * 20_000])
def test_a_long_title_and_a_long_model_name_leave_it_within_a_kilobyte(prompt: str) -> None:
    settings = {
        "title": TITLE,
        "model_name": MODEL,
        "custom_system_prompt": prompt,
        "metadata": {},
        "model_options": {},
        "tags": [],
    }
    assert item_bytes(header(settings)) <= KILOBYTE


def test_what_turns_and_lists_need_most_stays_in_the_header() -> None:
    settings = {
        "title": "Where to travel in winter",
        "model_name": "bedrock:global.anthropic.claude-haiku-4-5-20251001-v1:0",
        "custom_system_prompt": "You are brief.",
        "metadata": {"team": "Nordics"},
        "model_options": {"reasoning_effort": "low"},
        "tags": ["travel"],
    }
    assert placing.apart(settings, placing.ROOM_BYTES) == {}
    assert list(placing.apart({**settings, "metadata": {"a": "x" * 200}}, placing.ROOM_BYTES)) == ["metadata"]


@given(long_settings, long_settings, st.sets(st.sampled_from(LONG)))
def test_a_change_puts_no_more_into_the_header_than_there_is_room_for(
    before: dict[str, Any], after: dict[str, Any], names: set[str]
) -> None:
    session = header(before)
    changes = {name: after[name] for name in names}
    outside = placing.apart(changes, placing.room_in(session, changes))
    inside = {name: getattr(session, name) for name in LONG} | changes | dict.fromkeys(outside)
    sizes = [len(one if isinstance(one, str) else json.dumps(one)) for one in inside.values() if one]
    assert sum(sizes) <= placing.ROOM_BYTES
