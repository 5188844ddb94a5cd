"""Bodies of the front ends' requests. They ignore what they do not know: each version of a front end sends more."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from chatkeep.errors import FieldProblem, InvalidFieldError
from chatkeep.formats import RESERVED, SESSION_ID
from chatkeep.http.turns import VALID
from chatkeep.turns.admission import Strategy
from functions.stream.schemas import OnDisconnect
from functions.stream.serving import validated
from functions.stream.wanted import Question, Wanted

LONGEST_QUESTION = 100_000
TOLERANT = ConfigDict(extra="ignore", json_schema_extra={"additionalProperties": True})


def _with_a_role(message: dict[str, Any]) -> dict[str, Any]:
    match message:
        case {"role": str()}:
            return message
    raise ValueError("must have a role")


Part = dict[str, Any]
Message = Annotated[
    dict[str, Any],
    Field(json_schema_extra={"required": ["role"], "properties": {"role": {"type": "string"}}}),
    AfterValidator(_with_a_role),
]


def _no_word_of_paths(name: str) -> str:
    if name in RESERVED:
        raise ValueError("must be neither bulk nor . nor ..")
    return name


ChosenId = Annotated[str, Field(pattern=SESSION_ID)]
ChatId = Annotated[ChosenId, AfterValidator(_no_word_of_paths)]


class NewChat(BaseModel):
    """A request of AI SDK's `useChat`; the server keeps the conversation and takes its last message alone."""

    model_config = TOLERANT

    id: ChatId = Field(
        description="The chat: a session's id, or one of the client's own, whose session comes to be with the first "
        "message. A UUID is a session that there is"
    )
    messages: list[Message] = Field(
        min_length=1,
        description="UIMessages, of which the last one of the user is taken: its text parts, and its `id`, of the same "
        "alphabet as the chat's. The same `id` once more in the same chat gets the same turn",
    )
    trigger: Literal["submit-message", "regenerate-message"] = Field(
        default="submit-message", description="Whether the message is new, or its answer is to be made again"
    )
    messageId: str | None = Field(  # noqa: N815  as AI SDK has it
        default=None, description="With `regenerate-message`, the answer to make again, where it is not the last one"
    )
    strategy: Strategy = Field(default=Strategy.REJECT, description="As in a message to the session")
    on_disconnect: OnDisconnect = Field(default=OnDisconnect.CONTINUE, description="As in a message that is streamed")

    def wanted(self) -> Wanted:
        """Raises InvalidFieldError."""
        last = max((at for at, one in enumerate(self.messages) if one.get("role") == "user"), default=None)
        again = self.trigger == "regenerate-message"
        if last is None or not (again or last == len(self.messages) - 1):
            raise InvalidFieldError(FieldProblem("messages", "must end with a message of the user's"))
        asked = validated(UserMessage, self.messages[last], "messages", last)
        return Wanted(self.id, (asked.question("messages", last),), again, self.messageId if again else None)


class NewRun(BaseModel):
    """A request of an AG-UI client; the server keeps the conversation and takes the messages after the last answer."""

    model_config = TOLERANT

    threadId: ChatId = Field(  # noqa: N815  as AG-UI has it
        description="The thread: a session's id, or one of the client's own, whose session comes to be with the first "
        "message"
    )
    runId: Annotated[  # noqa: N815
        str, Field(max_length=1_000, description="The run's id, which its events repeat"), VALID
    ]
    protocolVersion: str | None = Field(  # noqa: N815
        default=None, description="The version that the client speaks; clients before 1.0 leave it out"
    )
    messages: list[Message] = Field(
        default_factory=list,
        description="The conversation, of which the user's messages after the last answer are taken: text and `id`, of "
        "the same alphabet as the thread's. Without any, the run tells the transcript and ends",
    )

    def wanted(self) -> Wanted:
        """Raises InvalidFieldError."""
        last = (at for at, one in enumerate(self.messages, 1) if one.get("role") in ("assistant", "tool"))
        first = max(last, default=0)
        asked = (
            validated(RunMessage, one, "messages", at).question("messages", at)
            for at, one in enumerate(self.messages)
            if at >= first and one.get("role") == "user"
        )
        return Wanted(self.threadId, tuple(asked))


class UserMessage(BaseModel):
    """The user's message as AI SDK has it."""

    model_config = ConfigDict(extra="ignore")

    id: ChosenId
    parts: list[Part]

    def question(self, *place: str | int) -> Question:
        """The message at `place`, with all of its text. Raises InvalidFieldError for a part that would be lost."""
        of_text = (*place, "parts")
        return Question(self.id, _whole("".join(_texts(self.parts, of_text)), of_text), _field(*place, "id"))


class RunMessage(BaseModel):
    """The user's message as AG-UI has it."""

    model_config = ConfigDict(extra="ignore")

    id: ChosenId
    content: str | list[Part]

    def question(self, *place: str | int) -> Question:
        """The message at `place`, with all of its text. Raises InvalidFieldError for content that would be lost."""
        of_text = (*place, "content")
        text = self.content if isinstance(self.content, str) else "".join(_texts(self.content, of_text))
        return Question(self.id, _whole(text, of_text), _field(*place, "id"))


LOST = {"file", "image", "audio", "video", "document", "binary"}
"""Kinds of content that a question may not have yet."""


def _texts(parts: list[Part], place: tuple[str | int, ...]) -> Iterator[str]:
    for number, part in enumerate(parts):
        if part.get("type") == "text":
            yield validated(TextOf, part, *place, number).text
        elif str(part.get("type")) in LOST:
            raise _refused(f"{part['type']} is not taken yet", *place, number)


class TextOf(BaseModel):
    """The text of a part."""

    model_config = ConfigDict(extra="ignore")

    text: Annotated[str, VALID]


def _whole(text: str, place: tuple[str | int, ...]) -> str:
    if not 1 <= len(text) <= LONGEST_QUESTION:
        raise _refused(f"must have 1 to {LONGEST_QUESTION:,} characters of text", *place)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _refused("is not valid Unicode", *place) from None
    return text


def _refused(detail: str, *place: str | int) -> InvalidFieldError:
    return InvalidFieldError(FieldProblem(_field(*place), detail))


def _field(*place: str | int) -> str:
    return ".".join(map(str, place))
