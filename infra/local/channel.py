"""How the runner and a worker talk: JSON messages over a socket pair, each after its length in four bytes."""

import asyncio
import json
import socket
import struct
from typing import Any

_LENGTH = struct.Struct(">I")


class ChannelClosedError(Exception):
    """The other side is gone."""


def encode(message: Any) -> bytes:
    """A message in bytes, its length first. Raises TypeError or ValueError for a value outside JSON."""
    content = json.dumps(message).encode()
    return _LENGTH.pack(len(content)) + content


def receive(channel: socket.socket) -> Any:
    """The worker's side: wait for a message. Raises ChannelClosedError."""
    (length,) = _LENGTH.unpack(_exactly(channel, _LENGTH.size))
    return json.loads(_exactly(channel, length))


def _exactly(channel: socket.socket, size: int) -> bytes:
    content = bytearray()
    while len(content) < size:
        piece = channel.recv(min(size - len(content), 1 << 20))
        if not piece:
            raise ChannelClosedError
        content += piece
    return bytes(content)


async def receive_from(reader: asyncio.StreamReader) -> Any:
    """The runner's side. Raises ChannelClosedError."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        return json.loads(await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise ChannelClosedError from error
