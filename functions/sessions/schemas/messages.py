"""Answers of the routes of a transcript and its turns."""

from typing import Literal

from pydantic import BaseModel, Field

from chatkeep.formats import Id
from chatkeep.messages import MessageView
from chatkeep.messages.ui_messages import AssistantUIMessage, UserUIMessage


class MessagePage(BaseModel):
    """Some of a session's transcript."""

    messages: list[MessageView] | list[UserUIMessage | AssistantUIMessage] = Field(
        description="As many as were asked for, or as fit into an answer; UIMessages where `format` says so",
        json_schema_extra={"maxItems": 200},
    )
    next_cursor: str | None = Field(description="The `cursor` of the next page; null on the last one")


class CancelView(BaseModel):
    """The turn that was asked to stop; its own request answers with its words until then."""

    turn_id: Id = Field(description="The turn that was running")
    status: Literal["cancelling"] = Field(default="cancelling", description="It stops within a second")
