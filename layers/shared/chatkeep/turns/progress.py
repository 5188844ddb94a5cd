"""The progress of a run, built from its events: all that can be kept of a run that is stopped or breaks."""

from dataclasses import dataclass, field
from operator import is_

from langchain_core.messages import AIMessage, BaseMessage

from chatkeep.text import valid
from chatkeep.turns.encodable import mend
from chatkeep.turns.events import Event, Opened, Reasoning, StepFinished, ThreadRead, Token
from chatkeep.turns.names import Names
from chatkeep.turns.thread import unanswered


@dataclass
class Progress:
    """The thread's messages after the last finished step, and the answers under way, in the pieces that they come in.

    `before` are the ids of the messages that were there before the run, None until the thread has been read; `new` are
    the messages with other ids.
    """

    opening: list[BaseMessage] = field(default_factory=list)
    before: set[str | None] | None = None
    after: list[BaseMessage] = field(default_factory=list)
    streamed: dict[str, list[str]] = field(default_factory=dict)
    new: list[BaseMessage] = field(default_factory=list)
    names: Names | None = None

    def hear(self, event: Event) -> None:
        """Take an event. The new messages of a step are mended: LangGraph goes on with these very objects, and stores
        them when the run has ended."""
        match event:
            case Token(message_id, text):
                self._name(message_id)
                self.streamed.setdefault(message_id, []).append(text)
            case Opened(messages, names):
                self.opening, self.names = messages, names
            case ThreadRead(messages):
                self.before = {one.id for one in messages}
                self.after = list(messages)
            case Reasoning(message_id):
                self._name(message_id)
            case StepFinished(messages):
                self._finish_step(messages)

    def _name(self, message_id: str) -> None:
        if self.names:
            self.names.heard(message_id)

    def _finish_step(self, messages: list[BaseMessage]) -> None:
        """If the step only appended messages, as most do, examine just the new ones."""
        appended = len(messages) >= len(self.after) and all(map(is_, self.after, messages))
        known = self.before or set()
        looked_at = messages[len(self.after) :] if appended else messages
        new = [one for one in looked_at if one.id not in known]
        self.new = [*self.new, *new] if appended else new
        self.after = messages
        for one in new:
            mend(one)
        if self.names:
            self.names.finished(one.id for one in self.new if one.id)

    def stored_id(self, thread_id: str) -> str | None:
        """The id under which a message of this run is stored, by its id in the thread."""
        return self.names.of(thread_id) if self.names else None

    def has_said_something(self) -> bool:
        """Whether anything is worth keeping for the turn's sender: words, or a finished step."""
        opened = {one.id for one in self.opening}
        return any(one.id not in opened for one in self.new) or any(map("".join, self.streamed.values()))

    def kept(self) -> list[BaseMessage]:
        """The messages of a run that was stopped or broke, its opening among them.

        They are the finished ones, an answer to each open tool call, and the words so far.
        """
        finished = self.new
        if not {one.id for one in self.opening} <= {one.id for one in finished}:
            finished = self.opening
        known = {one.id for one in finished}
        under_way = [name for name in self.streamed if name not in known]
        words = "".join(piece for name in under_way for piece in self.streamed[name])
        last = finished[-1]
        if isinstance(last, AIMessage) and not last.tool_calls and not words:
            return finished
        said = AIMessage(valid(words), id=next(iter(under_way), None))
        return [*finished, *unanswered(reversed(finished)), said]
