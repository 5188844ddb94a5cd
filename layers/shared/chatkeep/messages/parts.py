"""Messages over DynamoDB's item limit: their long fields lie compressed in further items, and are joined when read."""

import json
import zlib
from collections.abc import Sequence
from typing import Any

from chatkeep.dynamodb.connection import fetch
from chatkeep.dynamodb.internals import put_of
from chatkeep.errors import BrokenThreadError
from chatkeep.models.message import Message
from chatkeep.models.part import Part

INLINE_BYTES = 350_000
"""The longest content, tool calls and summary in a message's own item; a comment on it and its reason may take another
20,400 bytes of DynamoDB's 400 KB: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-items"""
PART_BYTES = 390_000

Puts = list[dict[str, Any]]
"""Writes of a TransactWriteItems request: each `{"Put": ...}`."""


def split(message: Message) -> tuple[dict[str, Any], Puts]:
    """The write of the message's item and those of its parts, of which a message that fits into one item has none."""
    put = put_of(message)["Put"]
    if size(message) + _summary_bytes(message) <= INLINE_BYTES:
        return {"Put": put}, []
    packed = zlib.compress(json.dumps([message.content, message.tool_calls], ensure_ascii=False).encode())
    pieces = [packed[at : at + PART_BYTES] for at in range(0, len(packed), PART_BYTES)]
    put["Item"] |= {"content": {"S": ""}, "parts": {"N": str(len(pieces))}}
    put["Item"].pop("tool_calls", None)
    parts = (Part(*_address(message), number, data=piece) for number, piece in enumerate(pieces))
    return {"Put": put}, [put_of(part) for part in parts]


def join(messages: Sequence[Message]) -> None:
    """Fill in the fields that lie in parts; costs nothing where nothing does.

    Raises BrokenThreadError for a missing part.
    """
    split_ones = [one for one in messages if one.parts]
    places = [place for one in split_ones for place in _places(one)]
    found = {(part.pk, part.sk): part.data for part in fetch(Part, places)}
    for message in split_ones:
        try:
            packed = b"".join(found[place] for place in _places(message))
            message.content, message.tool_calls = json.loads(zlib.decompress(packed))
        except (KeyError, zlib.error) as error:
            raise BrokenThreadError(f"a part of message {message.message_id} is missing or damaged") from error


def least_bytes(message: Message) -> int:
    """The least that the message's parts may hold, known without reading them: all but the last are full."""
    return max(0, int(message.parts or 0) - 1) * PART_BYTES


def size(message: Message) -> int:
    """The bytes that parts could take from the message's item."""
    calls = json.dumps(message.tool_calls) if message.tool_calls else ""
    return len(message.content.encode()) + len(calls)


def _summary_bytes(message: Message) -> int:
    return len(json.dumps(message.summary)) if message.summary else 0


def _places(message: Message) -> list[tuple[str, str]]:
    """The keys of the message's parts."""
    return [Part.KEY.of(*_address(message), number) for number in range(int(message.parts or 0))]


def _address(message: Message) -> tuple[str, str, str]:
    return message.user_id, message.session_id, message.message_id
