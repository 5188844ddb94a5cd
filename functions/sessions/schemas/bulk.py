"""Bodies of the route that changes many sessions."""

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from chatkeep.errors import FieldProblem, InvalidFieldError
from functions.sessions.schemas.body import Body, without_null
from functions.sessions.schemas.fields import Tag

LONGEST_ID = 100
MOST_AT_ONCE = 100


class BulkAction(StrEnum):
    """What can be done with many sessions."""

    ARCHIVE = "archive"
    UNARCHIVE = "unarchive"
    PIN = "pin"
    UNPIN = "unpin"
    DELETE = "delete"
    RESTORE = "restore"
    DELETE_PERMANENTLY = "delete_permanently"
    TAG = "tag"
    UNTAG = "untag"


def _tag_with_its_actions(schema: dict[str, Any], body: type["Body"]) -> None:
    """The same of a body with a tag for the actions that need one, and for no other."""
    without_null(schema, body)
    schema["if"] = {"properties": {"action": {"enum": [BulkAction.TAG, BulkAction.UNTAG]}}}
    schema["then"] = {"required": ["tag"]}
    schema["else"] = {"not": {"required": ["tag"]}}


class BulkChange(Body):
    """One action on many sessions, each of which succeeds or fails on its own."""

    model_config = ConfigDict(json_schema_extra=_tag_with_its_actions)

    session_ids: Annotated[
        list[Annotated[str, Field(max_length=LONGEST_ID)]],
        Field(min_length=1, max_length=MOST_AT_ONCE, description="The sessions, each of which is changed once"),
    ]
    action: Annotated[BulkAction, Field(strict=False, description="What is done with each of them")]
    tag: Annotated[Tag, Field(description="For `tag` and `untag`, and for nothing else")] | None = None

    @model_validator(mode="after")
    def _tag_where_it_belongs(self) -> Self:
        if (self.tag is not None) != (self.action in (BulkAction.TAG, BulkAction.UNTAG)):
            raise InvalidFieldError(FieldProblem("tag", "must be given with the actions tag and untag, and no other"))
        return self


class BulkResult(BaseModel):
    """What became of one session."""

    session_id: str = Field(description="The session, as the request named it")
    status: int = Field(description="The status that the action alone would have been answered with")
    code: str | None = Field(description="The code of its problem; null where it succeeded")


class BulkView(BaseModel):
    """What became of each session, in the order of the request."""

    results: list[BulkResult] = Field(description="One per session", json_schema_extra={"maxItems": MOST_AT_ONCE})
