"""The place of a session's long settings: its header while there is room, the most read first, else its details."""

import json
from collections.abc import Mapping
from typing import Any

from chatkeep.models.session import LONG, Session

ROOM_BYTES = 192
"""For the settings in a header. With a lease and counters of any size it stays under 1 KB, the unit that each
write of a turn pays for."""


def apart(values: Mapping[str, Any], room: int = ROOM_BYTES) -> dict[str, Any]:
    """Those of the long settings in `values` that do not fit into the header and lie in the details."""
    outside: dict[str, Any] = {}
    for name in (one for one in LONG if one in values):
        if (taken := _size(values[name])) <= room:
            room -= taken
        else:
            outside[name] = values[name]
    return outside


def room_in(header: Session, changed: Mapping[str, Any]) -> int:
    """The room in a header beside the settings that are not `changed`; concurrent changes may overdraw it a little."""
    return ROOM_BYTES - sum(_size(getattr(header, name)) for name in LONG if name not in changed)


def _size(value: Any) -> int:
    if value is None:
        return 0
    text = value if isinstance(value, str) else json.dumps(value)  # as PynamoDB stores it
    return len(text.encode())
