"""Bodies of the routes that stream."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from chatkeep.http.turns import TurnRequest


class OnDisconnect(StrEnum):
    CONTINUE = "continue"
    CANCEL = "cancel"


class NewStreamedMessage(TurnRequest):
    """The user's question, or the answer to make again; `on_disconnect` decides about the turn if its client leaves."""

    on_disconnect: Annotated[
        OnDisconnect,
        Field(
            strict=False,
            description="When the client leaves, `continue` runs the turn to its end, and its stream can be taken up "
            "again; `cancel` stops it where the platform tells of it",
        ),
    ] = OnDisconnect.CONTINUE
