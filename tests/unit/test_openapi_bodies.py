"""Rules about the bodies in infra/openapi.json: what a client may leave out, what it finds, and the limits."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import exceptions as schema_errors
from pydantic import BaseModel, ValidationError

from chatkeep.errors import InvalidFieldError
from chatkeep.http.turns import NewMessage
from functions.chat.schemas import NewFeedback
from functions.sessions.app import statuses
from functions.sessions.schemas import rules
from functions.sessions.schemas.body import Body
from functions.sessions.schemas.bulk import BulkChange
from functions.sessions.schemas.deletions import Confirmation
from functions.sessions.schemas.preferences import NewPreferences
from functions.sessions.schemas.sessions import NewSession, SessionChanges
from functions.sessions.schemas.usage import NewUsage
from functions.stats.reading import MOST_DAYS
from functions.stream.bodies import NewChat, NewRun
from functions.stream.schemas import NewStreamedMessage
from tests import contract

SCHEMAS: dict[str, Any] = contract.DOCUMENT["components"]["schemas"]
LIST_PARAMETERS = contract.DOCUMENT["paths"]["/sessions"]["get"]["parameters"]
OF_SESSIONS: tuple[type[Body], ...] = (NewSession, SessionChanges, NewPreferences, NewUsage, BulkChange, Confirmation)
OF_STREAMS = (NewStreamedMessage, NewChat, NewRun)
BODIES: tuple[type[BaseModel], ...] = (*OF_SESSIONS, NewMessage, NewFeedback, *OF_STREAMS)
LENGTHS = (0, 1, 200, 201, 5_000, 5_001, 32 * 1024, 32 * 1024 + 1, 100_000, 100_001)
NUMBERS = (-1, 0, 1, 2, 3, 200_000, 200_001, 10**6, 10**6 + 1, 10**12, 10**12 + 1, 0.5, -0.5, 2.5)
WORDS = ("reject", "enqueue", "thumbs_up", "active", "pin", "tag")
VALUES = st.one_of(
    st.sampled_from(LENGTHS).map("x".__mul__),
    st.sampled_from(NUMBERS),
    st.sampled_from(WORDS),
    st.none() | st.booleans(),
    st.sampled_from(({}, {"top_p": 1}, {"model": "x"}, {"messages": []}, [], ["x"])),
)


@pytest.mark.parametrize("body", BODIES, ids=lambda one: one.__name__)
@given(data=st.data())
def test_the_api_takes_what_the_document_allows_and_nothing_else(body: type[BaseModel], data: st.DataObject) -> None:
    names = [*body.model_fields, "unknown"]
    sent = data.draw(st.dictionaries(st.sampled_from(names), VALUES, max_size=3))
    assert takes(body, sent) == contract.validator(body.__name__).is_valid(sent), sent


def takes(body: type[BaseModel], sent: dict[str, Any]) -> bool:
    try:
        body.model_validate(sent)
    except (ValidationError, InvalidFieldError):
        return False
    return True


def test_nothing_has_to_be_sent_but_what_a_request_is_about() -> None:
    required = {name: SCHEMAS[name]["required"] for body in BODIES if "required" in SCHEMAS[name := body.__name__]}
    assert required == {
        "NewFeedback": ["rating"],
        "NewChat": ["id", "messages"],
        "NewRun": ["threadId", "runId"],
        "BulkChange": ["session_ids", "action"],
        "Confirmation": ["confirm"],
    }


def test_a_default_is_told_in_words_because_generators_take_the_keyword_for_a_promise() -> None:
    assert [name for name, schema in SCHEMAS.items() if '"default":' in json.dumps(schema)] == []
    assert SCHEMAS["NewSession"]["properties"]["title"]["description"].endswith('Left out: `"New Conversation"`')


@given(names=st.lists(st.sampled_from(["active", "archived", "deleted", "all", "", "Active", " "]), max_size=3))
def test_the_pattern_of_a_status_is_what_the_list_takes(names: list[str]) -> None:
    (parameter,) = (one for one in LIST_PARAMETERS if one["name"] == "status")
    text = ",".join(names)
    assert bool(re.search(parameter["schema"]["pattern"], text)) == lists(text)


def lists(text: str) -> bool:
    try:
        return bool(statuses(text))
    except InvalidFieldError:
        return False


@pytest.mark.parametrize(
    ("page", "noun", "path"),
    [
        ("SessionPage", "sessions", "/sessions"),
        ("MessagePage", "messages", "/sessions/{session_id}/messages"),
        ("DeletionPage", "deletions", "/deletions"),
    ],
)
def test_a_page_has_at_most_what_can_be_asked_for(page: str, noun: str, path: str) -> None:
    parameters = contract.DOCUMENT["paths"][path]["get"]["parameters"]
    (most,) = (one["schema"]["maximum"] for one in parameters if one["name"] == "limit")
    assert SCHEMAS[page]["properties"][noun]["maxItems"] == most


def test_the_days_are_at_most_those_that_are_read() -> None:
    assert SCHEMAS["DailyStats"]["properties"]["days"]["maxItems"] == MOST_DAYS


def test_an_answer_has_all_members_but_those_that_belong_to_some_problems() -> None:
    answers = {name: schema for name, schema in SCHEMAS.items() if name not in {body.__name__ for body in BODIES}}
    optional = {name: set(one.get("properties", ())) - set(one.get("required", ())) for name, one in answers.items()}
    assert {name: members for name, members in optional.items() if members} == {"Problem": {"errors", "turn_id"}}


@pytest.mark.parametrize("body", OF_SESSIONS, ids=lambda one: one.__name__)
def test_a_body_may_leave_a_field_out_but_says_null_only_where_that_means_never(body: type[Body]) -> None:
    members = SCHEMAS[body.__name__]["properties"]
    with_null = {field for field, member in members.items() if '"null"' in json.dumps(member)}
    assert with_null == body.nullable == {field for field in members if field.endswith("expire_after_days")}


@pytest.mark.parametrize(
    ("field", "most_bytes"),
    [
        ("custom_system_prompt", rules.LONGEST_PROMPT_BYTES),
        ("metadata", rules.LONGEST_METADATA_BYTES),
        ("model_options", rules.LONGEST_OPTIONS_BYTES),
    ],
)
def test_a_limit_that_no_keyword_says_is_told_to_people_and_to_programs(field: str, most_bytes: int) -> None:
    member = SCHEMAS["NewSession"]["properties"][field]
    assert member["x-max-bytes"] == most_bytes
    assert f"{most_bytes:,} bytes" in member["description"]
    assert member.get("x-max-depth") == (None if field == "custom_system_prompt" else rules.DEEPEST_METADATA)


@pytest.mark.parametrize("name", [name for name, schema in SCHEMAS.items() if "examples" in schema])
def test_an_example_is_what_its_schema_says(name: str) -> None:
    for example in SCHEMAS[name]["examples"]:
        contract.validator(name).validate(example)


def test_the_main_bodies_have_an_example() -> None:
    shown = {name for name, schema in SCHEMAS.items() if "examples" in schema}
    assert {"SessionView", "TurnView", "MessageView", "UserStats", *(body.__name__ for body in BODIES)} <= shown


@pytest.mark.parametrize(
    "wrong",
    [{"created_at": "yesterday"}, {"session_id": "a/b"}, {"message_count": "2"}, {"status": "gone"}, {"unknown": 1}],
    ids=lambda one: next(iter(one)),
)
def test_an_answer_that_is_not_what_the_document_says_is_noticed(wrong: dict[str, Any]) -> None:
    (session,) = SCHEMAS["SessionView"]["examples"]
    body = json.dumps(session | wrong).encode()
    with pytest.raises(schema_errors.ValidationError):
        contract.check("GET", "/sessions/{session_id}", 200, {"content-type": "application/json"}, body)


OF_OTHERS = {"user_id", "trace_id", "session_id", "tool_call_id"}
"""Ids that may be others', and have a form of their own or none."""


@pytest.mark.parametrize(("suffix", "format_"), [("_at", "date-time"), ("_id", "uuid")])
def test_times_and_ids_have_their_format(suffix: str, format_: str) -> None:
    members = {
        f"{name}.{field}": member
        for name, schema in SCHEMAS.items()
        for field, member in schema.get("properties", {}).items()
        if field.endswith(suffix) and field not in OF_OTHERS
    }
    assert members
    assert [place for place, one in members.items() if f'"{format_}"' not in json.dumps(one)] == []
