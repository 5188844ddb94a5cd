"""Requests that write to a session, or read it, whatever has become of it."""

from dataclasses import dataclass
from typing import Any

from tests.client import Response
from tests.faults.removals import CREATION, MARKER, OWN, Life

SESSION = f"/sessions/{OWN}"
NOT_FOUND = (404, "session_not_found")


@dataclass(frozen=True)
class Request:
    """A request; with a `key`, the repetition of one that was answered under it while the session was there."""

    method: str
    path: str
    body: Any = None
    key: str | None = None

    def send(self, life: Life) -> Response:
        headers = {} if self.key is None else {"Idempotency-Key": self.key}
        path = self.path.format(message=life.message_id)
        return life.api.request(self.method, path, json=self.body, headers=headers)


def bulk(action: str, **more: str) -> Request:
    return Request("POST", "/sessions/bulk", {"session_ids": [OWN], "action": action, **more})


WRITERS = {
    "a message": Request("POST", f"{SESSION}/messages", {"content": f"quick {MARKER}"}),
    "a message that waits": Request("POST", f"{SESSION}/messages", {"content": MARKER, "strategy": "enqueue"}),
    "a message again": Request("POST", f"{SESSION}/messages", {"content": f"{MARKER} rooms"}, key="rooms"),
    "feedback": Request("PUT", f"{SESSION}/messages/{{message}}/feedback", {"rating": "thumbs_down"}),
    "no feedback": Request("DELETE", f"{SESSION}/messages/{{message}}/feedback"),
    "usage": Request("POST", f"{SESSION}/usage", {"tokens_used": 9}),
    "usage again": Request("POST", f"{SESSION}/usage", {"tokens_used": 7, "cost": 0.5}, key="usage"),
    "a cancel": Request("POST", f"{SESSION}/cancel"),
    "a cancel again": Request("POST", f"{SESSION}/cancel", key="cancel"),
    "a change": Request("PATCH", SESSION, {"title": MARKER, "metadata": {"note": MARKER * 30}}),
    "an expiry": Request("PATCH", SESSION, {"expire_after_days": 1}),
    "a soft deletion": Request("DELETE", SESSION),
    "a restoration": Request("POST", f"{SESSION}/restore"),
    "a restoration again": Request("POST", f"{SESSION}/restore", key="restore"),
}
BULK = {
    "pin": bulk("pin"),
    "archive": bulk("archive"),
    "tag": bulk("tag", tag=MARKER),
    "delete": bulk("delete"),
    "restore": bulk("restore"),
}
READERS = [SESSION, *(f"{SESSION}/{name}" for name in ("messages", "messages/{message}", "thread-config", "stats"))]
CREATORS = {
    "the same id": Request("POST", "/sessions", {"session_id": OWN}),
    "the same id and key": Request("POST", "/sessions", CREATION, key="create"),
}


def outcome(response: Response) -> tuple[int, str]:
    return response.status, response.json.get("code", "")
