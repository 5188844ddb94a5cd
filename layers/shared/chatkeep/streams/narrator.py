"""The narrator of a turn: makes its one numbered list of events of whatever happens while it runs and when it ends."""

from collections.abc import Callable, Iterable
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

from chatkeep.errors import ChatkeepError, TurnRolledBackError
from chatkeep.models.message import Message, Role
from chatkeep.models.session import Session
from chatkeep.streams import ending
from chatkeep.streams.event import Event, Name
from chatkeep.telemetry import logger
from chatkeep.text import Joiner, valid
from chatkeep.turns import events, record
from chatkeep.turns.answers import Answer
from chatkeep.turns.encodable import as_json
from chatkeep.turns.names import Names

Tell = Callable[[Event], None]


class Narrator:
    """Listens to the run of the turn that holds `session`, and tells the events of its stream.

    The first of them comes after the one with the given number.
    """

    def __init__(self, session: Session, tell: Tell, number: int = 0) -> None:
        self.number = self._before = number
        self._session = session
        self._tell_event = tell
        self._names = Names([session.lease_turn_id])
        self._known: set[str | None] = set()
        self._told: dict[str, list[str]] = {}
        self._joiners: dict[tuple[Name, str], Joiner] = {}

    @property
    def turn_id(self) -> str:
        """The id of the turn that runs."""
        return str(self._session.lease_turn_id)

    @property
    def has_begun(self) -> bool:
        """Whether there is any event yet."""
        return self.number > self._before

    def hear(self, event: events.Event) -> None:
        """Take an event of the run."""
        match event:
            case events.Token(message_id, text):
                self._say(Name.TOKEN, self._names.heard(message_id), text)
            case events.Opened():
                self._open(event)
            case events.ThreadRead(thread):
                self._known |= {one.id for one in thread}
            case events.Reasoning(message_id, text):
                self._say(Name.REASONING, self._names.heard(message_id), text)
            case events.Custom(value):
                self._tell(Name.CUSTOM, {"value": as_json(value)})
            case events.StepFinished(thread):
                self._finish_step([one for one in thread if one.id not in self._known])

    def end(self, stored: Iterable[Message]) -> None:
        """Tell the rest of the words of messages that are about to be stored; what comes after is made of these."""
        for message in stored:
            if message.role == Role.ASSISTANT:
                self._catch_up(message.message_id, message.content)

    def finish(self, answer: Answer) -> None:
        """Tell of a turn that is stored."""
        for event in ending.of_answer(self.number, answer):
            self._pass_on(event)

    def fail(self, error: ChatkeepError) -> None:
        """Tell of a turn that ended with a problem."""
        is_stored = isinstance(error, TurnRolledBackError)
        tell = ending.of_error if is_stored else ending.aside
        self._pass_on(tell(self.number, error.as_problem()))

    def _open(self, opened: events.Opened) -> None:
        self._names = opened.names
        self._known |= {one.id for one in opened.messages}
        first = record.opened(self._session, self.turn_id, opened.messages, opened.started)
        question = opened.question or (first[-1] if first else None)
        self._tell(Name.TURN, ending.opening(self.turn_id, self._session, question))

    def _finish_step(self, new: list[BaseMessage]) -> None:
        self._names.finished(one.id for one in new if one.id)
        for message in new:
            self._known.add(message.id)
            name = self._names.of(message.id)
            if isinstance(message, AIMessage) and name:
                self._catch_up(name, valid(message.text))
                for call in record.calls(message):
                    self._tell(Name.TOOL_CALL, ending.tool_call(name, call))
            elif isinstance(message, ToolMessage):
                result = ending.tool_result(valid(str(message.tool_call_id)), valid(message.text), message.status)
                self._tell(Name.TOOL_RESULT, result)

    def _catch_up(self, name: str, content: str) -> None:
        """Tell the rest of a message, of which all, a part or nothing has been told piece by piece."""
        told = "".join(self._told.get(name, ()))
        if content.startswith(told):
            if rest := content[len(told) :]:
                self._tell_words(Name.TOKEN, name, rest)
        elif told:  # a graph that changes what its model has said
            logger.warning("a message is stored with other words than those that were told")

    def _say(self, kind: Name, name: str, text: str) -> None:
        """Tell a piece of text; the first half of a surrogate pair waits for the second."""
        whole = self._joiners.setdefault((kind, name), Joiner()).add(text)
        if whole:
            self._tell_words(kind, name, whole)

    def _tell_words(self, kind: Name, name: str, text: str) -> None:
        if kind is Name.TOKEN:
            self._told.setdefault(name, []).append(text)
        self._tell(kind, {"message_id": name, "text": text})

    def _tell(self, name: Name, data: dict[str, Any]) -> None:
        self._pass_on(Event(self.number + 1, name, data))

    def _pass_on(self, event: Event) -> None:
        self.number = event.number
        self._tell_event(event)
