"""Rules about UIMessages beyond those that the stream shows as well."""

import pytest
from hypothesis import given

from chatkeep.messages import fitting, ui_listing, ui_messages
from chatkeep.messages.ui_messages import AssistantUIMessage, TextPart, ToolOutputPart
from chatkeep.models.message import Message, Role
from tests.protocols.event_lists import few, message, stored_turns

METADATA = {"session_id": "my-chat", "turn_id": "a turn"}


def said(text: str, calls: int, arguments: str) -> AssistantUIMessage:
    call = ToolOutputPart(toolName="read", toolCallId="a call", input={"text": arguments}, output=text)
    return AssistantUIMessage(id="an id", metadata=METADATA, parts=[TextPart(text=text), *[call] * calls])


@pytest.mark.parametrize(
    ("text", "calls", "arguments"),
    [("word", 3, "x"), ("漢" * 3_000_000, 0, ""), ('"\n' * 400_000, 3, "x" * 900_000), ("word", 25_000, "x")],
)
def test_an_answer_of_any_size_fits_beside_its_question(text: str, calls: int, arguments: str) -> None:
    whole = said(text, calls, arguments)
    shown = ui_listing.fitted(whole)
    assert fitting.size(shown) <= fitting.ROOM_BYTES - fitting.size("\x00" * 100_000)
    assert (shown == whole) is not shown.metadata.get("truncated", False)


@few
@given(stored=stored_turns(in_order=True))
def test_results_that_do_not_say_what_they_answer_are_in_the_order_of_the_calls(stored: list[Message]) -> None:
    now = ui_messages.of(stored, "my-chat")
    for one in stored:
        one.tool_call_id = None
    assert ui_messages.of(stored, "my-chat") == now


def test_a_question_has_the_id_that_its_client_gave_it() -> None:
    asked = message("0199cccc-0000-7000-8000-000000000000", Role.USER, "What?", client_id="kaZ09b")
    assert ui_messages.of([asked], "my-chat")[0].id == "kaZ09b"
