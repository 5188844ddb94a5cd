"""The fields of a session and of preferences, as requests have them."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from chatkeep.formats import SESSION_ID
from chatkeep.models.session import OnOverflow
from chatkeep.sessions.tagging import MOST_TAGS
from functions.sessions.schemas.rules import (
    DEEPEST_METADATA,
    LONGEST_METADATA_BYTES,
    LONGEST_OPTIONS_BYTES,
    LONGEST_PROMPT_BYTES,
    LONGEST_TAG,
    MOST_DAYS,
    NEVER,
    clients_own,
    each_once,
    object_of,
    short_prompt,
    small_metadata,
    small_options,
    storable,
)

Title = Annotated[str, Field(min_length=1, max_length=200, description="What lists show")]
ModelName = Annotated[
    str, Field(min_length=1, max_length=200, description="The model that answers, as `provider:model`")
]
Temperature = Annotated[
    float,
    Field(ge=0, le=2, description="How freely the model chooses its words: 0, or at least 0.000001"),
    AfterValidator(storable),
]
MaxTokens = Annotated[int, Field(ge=1, le=200_000, description="The most tokens of one answer")]
Summarization = Annotated[
    bool, Field(description="Whether older messages are summarized for the model, before its context is full")
]
AtOverflow = Annotated[
    OnOverflow,
    Field(
        strict=False,
        description="What is done with a conversation that its model cannot read whole any more: `summarize` its older "
        "messages for the model, `trim` them from what the model is given, or `refuse` the turn with 422 "
        "`context_length_exceeded`. With `enable_summarization` only where a summary does not help",
    ),
]
GeneratedTitles = Annotated[
    bool,
    Field(
        description="Whether a session that has no title of its own gets one from its model after its first turn, by "
        "a call that is counted"
    ),
]
SystemPrompt = Annotated[
    str,
    Field(
        description=f"What the model is told before the conversation: at most {LONGEST_PROMPT_BYTES:,} bytes of UTF-8",
        json_schema_extra={"maxLength": LONGEST_PROMPT_BYTES, "x-max-bytes": LONGEST_PROMPT_BYTES},
    ),
    AfterValidator(short_prompt),
]
Metadata = Annotated[
    dict[str, Any],
    Field(
        description=f"The client's own data: at most {LONGEST_METADATA_BYTES:,} bytes of JSON, "
        f"{DEEPEST_METADATA} levels deep",
        json_schema_extra=object_of(LONGEST_METADATA_BYTES),
    ),
    AfterValidator(small_metadata),
]
ModelOptions = Annotated[
    dict[str, Any],
    Field(
        description="Further fields of the request to the model, or null for one not to send: at most "
        f"{LONGEST_OPTIONS_BYTES:,} bytes of JSON, {DEEPEST_METADATA} levels deep. Neither `messages` nor `model`, and "
        "what the session or the graph sets only as null.",
        json_schema_extra={**object_of(LONGEST_OPTIONS_BYTES), "propertyNames": {"not": {"enum": sorted(NEVER)}}},
    ),
    AfterValidator(small_options),
]
ChosenId = Annotated[
    str,
    Field(
        pattern=SESSION_ID,
        description="The client's own id for the session: 1 to 100 of A-Z, a-z, 0-9, _ - . and :; neither `bulk`, `.` "
        "or `..` nor of the form of a UUID. The same once more is the same session",
    ),
    AfterValidator(clients_own),
]
Tag = Annotated[str, Field(min_length=1, max_length=LONGEST_TAG)]
Tags = Annotated[
    list[Tag],
    Field(
        max_length=MOST_TAGS,
        description=f"At most {MOST_TAGS} tags, each of which is kept once. They are compared character by character: "
        "case and normal form make a difference",
    ),
    AfterValidator(each_once),
]
ExpireAfterDays = Annotated[
    int,
    Field(
        ge=1,
        le=MOST_DAYS,
        description="Days of 24 hours without a turn or another change after which the session is deleted, archived or "
        "pinned though it may be; null for never. A temporary session has one day, and takes no other",
    ),
]
Temporary = Annotated[
    bool,
    Field(
        description="Whether no list shows the session, and a day without a turn or another change ends it for good, "
        "which cannot be changed later"
    ),
]
Pinned = Annotated[bool, Field(description="Whether lists show the session before those that are not pinned")]
Archived = Annotated[bool, Field(description="Whether the session is put away: it can be read but takes no turns")]
