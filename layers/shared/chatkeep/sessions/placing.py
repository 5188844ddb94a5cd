"""The place of a session's long settings: its header while there is room, the most read first, else its details."""

import json
from collections.abc import Mapping
from typing import Any

from chatkeep.models.session import LONG, Session

ROOM_BYTES = 192
"""For the settings in a header, less the bytes by which its user's id is longer than usual. With counters of any size,
a lease and a cancel it stays within 1 KB, the unit that each write of a turn pays for."""
USUAL_USER_BYTES = 36
"""A `sub` of Cognito's is a UUID; OpenID Connect allows 255 bytes, and then all long settings lie in the details."""


def room(user_id: str) -> int:
    """The bytes that the settings in a header of this user's may take."""
    return max(0, ROOM_BYTES - max(0, len(user_id.encode()) - USUAL_USER_BYTES))


def apart(values: Mapping[str, Any], room: int) -> dict[str, Any]:
    """The long settings in `values` that do not fit into the `room` of the header and lie in the details."""
    outside: dict[str, Any] = {}
    for name in (one for one in LONG if one in values):
        if (taken := _size(values[name])) <= room:
            room -= taken
        else:
            outside[name] = values[name]
    return outside


def room_in(header: Session, changed: Mapping[str, Any]) -> int:
    """The room in a header beside the settings that are not `changed`; concurrent changes may overdraw it a little."""
    return room(header.user_id) - sum(_size(getattr(header, name)) for name in LONG if name not in changed)


def _size(value: Any) -> int:
    if value is None:
        return 0
    text = value if isinstance(value, str) else json.dumps(value)  # as PynamoDB stores it
    return len(text.encode())
