"""Front ends of the stream function, as their libraries send requests."""

from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.protocols import sse, use_chat
from tests.protocols.ag_ui_client import Client
from tests.protocols.use_chat import Shown
from tests.streaming import headers_of


@dataclass
class Chat:
    """A page with AI SDK's `useChat`: `messages` are those that it shows."""

    url: str
    user_id: str
    id: str = "my-chat"
    messages: list[dict[str, Any]] = field(default_factory=list)

    def post(self, **more: Any) -> httpx.Response:
        """A request with the messages of the page."""
        body = {"id": self.id, "messages": self.messages, "trigger": "submit-message", **more}
        return httpx.post(f"{self.url}/chat", json=body, headers=headers_of(self.user_id), timeout=30)

    def say(self, text: str, message_id: str | None = None, **more: Any) -> Shown:
        """Send a message, and show its answer."""
        name = message_id or f"message-{len(self.messages)}"
        self.messages.append({"id": name, "role": "user", "parts": [{"type": "text", "text": text}]})
        return self._show(self.post(**more))

    def regenerate(self, message_id: str | None = None) -> Shown:
        """Have an answer made again, the last one or this."""
        at = next((at for at, one in enumerate(self.messages) if one["id"] == message_id), len(self.messages) - 1)
        self.messages = self.messages[: at if self.messages[at]["role"] == "assistant" else at + 1]
        named = {"messageId": message_id} if message_id else {}
        return self._show(self.post(trigger="regenerate-message", **named))

    def resume(self) -> httpx.Response:
        """The stream that is under way, as a page asks for it when it is loaded."""
        return httpx.get(f"{self.url}/chat/{self.id}/stream", headers=headers_of(self.user_id), timeout=30)

    def _show(self, answer: httpx.Response) -> Shown:
        assert answer.status_code == 200, answer.text
        shown = use_chat.read(answer.content)
        if shown.message:
            self.messages.append(shown.message)
        return shown


def words(message: dict[str, Any] | None) -> str:
    """The text of a UIMessage."""
    assert message is not None
    return "".join(part["text"] for part in message["parts"] if part["type"] == "text")


@dataclass
class Agent:
    """AG-UI's `HttpAgent` on a thread."""

    url: str
    user_id: str
    thread_id: str = "my-thread"
    messages: list[dict[str, Any]] = field(default_factory=list)

    def post(self, **more: Any) -> httpx.Response:
        """A run with the messages of the agent."""
        body = {"threadId": self.thread_id, "runId": "a run", "messages": self.messages, "tools": [], "context": []}
        headers = headers_of(self.user_id)
        return httpx.post(f"{self.url}/ag-ui", json={**body, **more}, headers=headers, timeout=30)

    def run(self, *texts: str) -> Client:
        """Say something, and take over the messages of the run."""
        for text in texts:
            self.messages.append({"id": f"message-{len(self.messages)}", "role": "user", "content": text})
        answer = self.post()
        assert answer.status_code == 200, answer.text
        client = Client(list(self.messages)).run(answer.content)
        self.messages = client.messages
        return client

    def said(self) -> list[tuple[str, str]]:
        """Role and content of the messages."""
        return [(one["role"], one["content"]) for one in self.messages]


def parts(answer: httpx.Response) -> list[Any]:
    """The data of a stream's frames."""
    return sse.data(answer.content)
