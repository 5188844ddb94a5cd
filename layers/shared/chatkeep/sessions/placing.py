"""The place of a session's long settings: its header while there is room, the most read first, else its details."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from chatkeep.models.session import LONG, Session

ROOM_BYTES = 192
"""For the settings in a header, less those by which its ids are longer than usual. With counters of any size,
a lease and a cancel it stays within 1 KB, the unit that each write of a turn pays for."""
USUAL_USER_BYTES = 36
"""A `sub` of Cognito's is a UUID; OpenID Connect allows 255 bytes, and then all long settings lie in the details."""


def room(header: Session) -> int:
    """The bytes that the settings in this header may take."""
    longer = max(0, len(header.user_id.encode()) - USUAL_USER_BYTES)
    chosen = 0 if header.client_id is None else len(Session.client_id.attr_name) + len(header.client_id)
    return max(0, ROOM_BYTES - longer - chosen)


def apart(values: Mapping[str, Any], room: int) -> dict[str, Any]:
    """The long settings in `values` that do not fit into the `room` of the header and lie in the details."""
    outside: dict[str, Any] = {}
    for name in (one for one in LONG if one in values):
        if (taken := _size(values[name])) <= room:
            room -= taken
        else:
            outside[name] = values[name]
    return outside


def room_in(header: Session, changed: Collection[str]) -> int:
    """The room in a header beside the settings that are not `changed`; concurrent changes may overdraw it a little."""
    return room(header) - sum(_size(getattr(header, name)) for name in LONG if name not in changed)


def _size(value: Any) -> int:
    if value is None:
        return 0
    text = value if isinstance(value, str) else json.dumps(value)  # as PynamoDB stores it
    return len(text.encode())
