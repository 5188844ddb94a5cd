"""The size of a message in an answer, and the cut of one that exceeds the room."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chatkeep import messages
from chatkeep.messages import MessageView, fitting
from chatkeep.models.message import Message, Role

texts = st.text(st.sampled_from('ab"\\\n\x00é漢😀\u2028') | st.characters(exclude_categories=["Cs"]), max_size=300)
calls = st.lists(
    st.fixed_dictionaries({"name": texts, "args": st.dictionaries(texts, texts | st.integers()), "id": texts}),
    max_size=5,
)


def stored(content: str, tool_calls: Any = None) -> Message:
    message = Message("user", "session", "message", turn_id="turn", role=Role.ASSISTANT, content=content)
    message.created_at, message.tool_calls = "2026-01-01T00:00:00Z", tool_calls
    return message


def taken(view: MessageView) -> int:
    """The bytes of the view as Lambda's runtime writes it in the body of a result."""
    body = json.dumps(view.model_dump(), ensure_ascii=False, separators=(",", ":"))
    written = json.dumps(body, ensure_ascii=False).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return len(written.encode()) - 2


@given(content=texts, tool_calls=st.none() | calls, room=st.integers(min_value=600, max_value=3_000))
def test_a_message_is_cut_where_it_does_not_fit_and_only_there(content: str, tool_calls: Any, room: int) -> None:
    message = stored(content, tool_calls)
    whole, view = messages.view(message, 10**9), messages.view(message, room)
    assert (whole.content, whole.tool_calls, whole.truncated) == (content, tool_calls, False)
    assert taken(view) <= room
    assert view.content_characters == len(content)
    assert content.startswith(view.content)
    if taken(whole) <= room:
        assert view == whole
    else:
        assert view.truncated
        assert (view.content, view.tool_calls) != (content, tool_calls)


@given(content=texts, room=st.integers(min_value=0, max_value=1_000))
def test_as_much_of_a_text_is_shown_as_there_is_room_for(content: str, room: int) -> None:
    shown = fitting.beginning(content, room)
    if shown != content:
        assert fitting.size(content[: len(shown) + 1]) > room
    assert shown == "" or fitting.size(shown) <= room


@given(content=texts.filter(bool), room=st.integers(min_value=600, max_value=800))
def test_a_content_can_be_read_whole_in_ranges_however_little_room_there_is(content: str, room: int) -> None:
    read = ""
    while len(read) < len(content):
        view = messages.view(stored(content, [{"name": "x" * 1_000}]), room, slice(len(read), None))
        assert view.content
        read += view.content
    assert read == content


def test_the_longest_arguments_are_left_out_first_and_marked() -> None:
    short, long = ({"name": "write", "args": {"text": "x" * length}, "id": "1"} for length in (100, 2_000))
    view = messages.view(stored("done", [short, long, short]), 1_000)
    assert view.tool_calls == [short, {**long, "args": {}, "truncated": True}, short]
    assert (view.content, view.truncated) == ("done", True)


def test_the_last_of_too_many_tool_calls_are_left_out() -> None:
    many = [{"name": "read", "args": {}, "id": str(number)} for number in range(100)]
    view = messages.view(stored("done", many), 1_000)
    assert view.tool_calls
    assert view.tool_calls == many[: len(view.tool_calls)]
    assert (view.content, view.truncated) == ("done", True)


def test_content_and_tool_calls_share_the_room() -> None:
    call = {"name": "write", "args": {"text": "x" * 2_000}, "id": "1"}
    beside_long = messages.view(stored("y" * 10_000, [call]), 6_000)
    assert beside_long.tool_calls == [call]
    assert 3_000 < len(beside_long.content) < 4_000
    alone = messages.view(stored("y" * 10_000, [call]), 2_600, slice(0, 0))
    assert (alone.tool_calls, alone.content, alone.truncated) == ([call], "", False)
