"""Rules about the bodies of the front ends: what is known is checked and named, the rest is ignored."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatkeep.errors import InvalidFieldError
from functions.stream.bodies import NewChat, NewRun
from functions.stream.serving import validated
from functions.stream.wanted import Question

ANSWER = {"id": "a1", "role": "assistant", "parts": [], "content": "hi"}
ASKED = {"id": "m1", "role": "user", "parts": [{"type": "text", "text": "hello"}], "content": "hello"}
CHAT: dict[str, Any] = {"id": "a-chat", "messages": [ASKED]}
RUN: dict[str, Any] = {"threadId": "a-thread", "runId": "r", "messages": [ASKED]}
NAME = st.text("AZaz09_.:-", min_size=1, max_size=100)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["type", "text", "x"]), inner, max_size=2)
    ),
    max_leaves=6,
)


def problem(model: Any, body: dict[str, Any]) -> str | None:
    """The first field that is refused, if one is."""
    try:
        validated(model, body).wanted()
    except InvalidFieldError as error:
        return error.problems[0].field
    return None


@given(field=st.sampled_from(["id", "messages", "trigger"]), junk=JSON)
def test_a_chat_of_any_shape_is_taken_or_refused_by_a_field_of_it(field: str, junk: Any) -> None:
    named = problem(NewChat, {**CHAT, field: junk})
    assert named is None or named.split(".")[0] == field


@given(field=st.sampled_from(["id", "role", "parts"]), junk=JSON)
def test_a_message_of_a_chat_of_any_shape_is_taken_or_refused_by_its_place(field: str, junk: Any) -> None:
    named = problem(NewChat, {**CHAT, "messages": [ANSWER, {**ASKED, field: junk}]})
    assert named is None or named.startswith("messages")


@given(field=st.sampled_from(["id", "role", "content"]), junk=JSON)
def test_a_message_of_a_run_of_any_shape_is_taken_or_refused_by_its_place(field: str, junk: Any) -> None:
    named = problem(NewRun, {**RUN, "messages": [ANSWER, {**ASKED, field: junk}]})
    assert named is None or named.startswith("messages.1")


@given(more=st.dictionaries(st.text(max_size=9).map("x".__add__), JSON, max_size=3))
def test_what_is_not_known_is_ignored(more: dict[str, Any]) -> None:
    chat = validated(NewChat, {**more, **CHAT, "messages": [{**more, **ASKED}]}).wanted()
    run = validated(NewRun, {**more, **RUN, "messages": [{**more, **ASKED}]}).wanted()
    assert chat.questions == run.questions == (Question("m1", "hello", "messages.0.id"),)


@given(chat_id=NAME, message_id=NAME)
def test_a_clients_own_ids_are_taken_as_they_are(chat_id: str, message_id: str) -> None:
    wanted = validated(NewChat, {**CHAT, "id": f"x{chat_id}"[:100], "messages": [{**ASKED, "id": message_id}]}).wanted()
    assert (wanted.session_id, wanted.questions[0].id) == (f"x{chat_id}"[:100], message_id)


@pytest.mark.parametrize("text", ["", "x" * 100_001, "\ud800", None, 1])
@pytest.mark.parametrize(("model", "whole", "field"), [(NewChat, CHAT, "parts"), (NewRun, RUN, "content")])
def test_a_text_that_is_no_question_is_refused(model: Any, whole: dict[str, Any], field: str, text: Any) -> None:
    asked = {**ASKED, field: [{"type": "text", "text": text}]}
    assert str(problem(model, {**whole, "messages": [asked]})).startswith(f"messages.0.{field}")


@pytest.mark.parametrize("name", ["bulk", ".", "..", "", "x" * 101, "a/b", "a b", "ü", "a\n"])
def test_an_id_that_no_session_can_have_is_refused(name: str) -> None:
    assert problem(NewChat, {**CHAT, "id": name}) == "id"
    assert problem(NewRun, {**RUN, "threadId": name}) == "threadId"


def test_a_new_message_must_be_the_last() -> None:
    assert problem(NewChat, {**CHAT, "messages": [ASKED, ANSWER]}) == "messages"
    assert problem(NewChat, {**CHAT, "messages": [ASKED, ANSWER], "trigger": "regenerate-message"}) is None


def test_a_run_asks_all_that_follows_the_last_answer() -> None:
    later = [{**ASKED, "id": f"m{number}", "content": f"{number}"} for number in range(3)]
    beside = {"id": "s", "role": "system", "content": "Be brief."}
    wanted = validated(NewRun, {**RUN, "messages": [ASKED, ANSWER, later[0], beside, *later[1:]]}).wanted()
    assert [one.text for one in wanted.questions] == ["0", "1", "2"]


def test_the_same_words_in_the_same_session_are_the_same_claim() -> None:
    one, other = Question("m1", "hello", "messages.0.id"), Question("m1", "bye", "messages.0.id")
    assert one.claim("u", "s") == Question("m1", "hello", "messages.2.id").claim("u", "s")
    assert one.claim("u", "s").id == other.claim("u", "s").id
    assert one.claim("u", "s").fingerprint != other.claim("u", "s").fingerprint
    assert len({one.claim(*names).id for names in (("u", "s"), ("u", "t"), ("v", "s"))}) == 3
