"""A piece of a message that is too large for one item."""

from typing import Any

from pynamodb.attributes import BinaryAttribute

from chatkeep.models.table import SessionsTable, session_partition

PREFIX = "PART#"


class Part(SessionsTable):
    data = BinaryAttribute(legacy_encoding=False)

    def __init__(
        self,
        user_id: str | None = None,
        session_id: str | None = None,
        message_id: str | None = None,
        number: int = 0,
        **attributes: Any,
    ) -> None:
        if user_id is not None and session_id is not None and message_id is not None:
            attributes |= {"pk": session_partition(user_id, session_id), "sk": f"{PREFIX}{message_id}#{number:04}"}
        super().__init__(**attributes)
