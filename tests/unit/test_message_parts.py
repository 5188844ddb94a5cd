"""Messages whose long fields lie in items of their own."""

import json
from typing import Any

import pytest

from chatkeep.messages import parts
from chatkeep.models.message import Message, Role

FEEDBACK_BYTES = 20_400
ITEM_BYTES = 400 * 1024


def message(content: str, arguments: str, summary: str) -> Message:
    made = Message("u", "s", "m", turn_id="t", role=Role.ASSISTANT, created_at="2026-11-27", content=content)
    made.tool_calls = [{"id": "c", "name": "f", "args": {"text": arguments}}]
    made.summary = {"text": summary, "until_message_id": "m0"}
    return made


@pytest.mark.parametrize("content", ["", "x" * 349_000, "x" * 600_000])
@pytest.mark.parametrize("arguments", ["", "é" * 58_000, "x" * 345_000])
@pytest.mark.parametrize("summary", ["", "水" * 16_000, "s" * 16_000])
def test_an_item_has_room_for_feedback_whatever_the_message_holds(content: str, arguments: str, summary: str) -> None:
    one = message(content, arguments, summary)
    written, pieces = parts.split(one)
    item: dict[str, Any] = written["Put"]["Item"]
    assert sum(len(name) + len(next(iter(value.values())).encode()) for name, value in item.items()) < (
        ITEM_BYTES - FEEDBACK_BYTES
    )
    assert all(len(piece["Put"]["Item"]["data"]["B"]) < ITEM_BYTES for piece in pieces)
    assert (item["content"]["S"] == content) == (not pieces or not content)
    assert json.loads(item["summary"]["S"])["text"] == summary
