"""Lists as long as nobody has time to make: answers to the console's requests for sessions and messages."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Route

MESSAGES = 2_000
SESSIONS = 10_000
NODES = """
() => {
  const within = (one) => 1 + (one.shadowRoot ? count(one.shadowRoot) : 0);
  const count = (root) => [...root.querySelectorAll("*")].reduce((sum, one) => sum + within(one), 0);
  return count(document);
}
"""
"""How many elements a page has, those of shadow trees among them."""


def transcript(route: Route) -> None:
    """A page of a transcript of MESSAGES messages, the newest first: questions, and answers with lists and code."""
    shown, start = _page(route, MESSAGES)
    page = [_message(MESSAGES - 1 - at) for at in range(start, start + shown)]
    route.fulfill(json={"messages": page, "next_cursor": _following(start + shown, MESSAGES)})


def sessions(pattern: dict[str, Any], route: Route) -> None:
    """A page of a list of SESSIONS sessions like `pattern`."""
    shown, start = _page(route, SESSIONS)
    page = [{**pattern, "session_id": f"s{at}", "title": f"Number {at}"} for at in range(start, start + shown)]
    route.fulfill(json={"sessions": page, "next_cursor": _following(start + shown, SESSIONS)})


def _page(route: Route, whole: int) -> tuple[int, int]:
    """How many are asked for, and after how many."""
    asked = parse_qs(urlsplit(route.request.url).query)
    start = int(asked.get("cursor", ["0"])[0])
    return min(int(asked["limit"][0]), whole - start), start


def _following(start: int, whole: int) -> str | None:
    return str(start) if start < whole else None


def _message(number: int) -> dict[str, Any]:
    is_question = number % 2 == 0
    paragraphs = "\n\n".join(["Some words of an answer that goes on for a while, as answers do."] * (1 + number % 7))
    code = "```python\nfor one in range(10):\n    print(one)\n```"
    answer = f"{paragraphs}\n\n- a point\n- another\n\n{code if number % 5 == 0 else ''}\n\nThe end of answer {number}."
    usage = {"input_tokens": 900, "output_tokens": 120, "total_tokens": 1_020, "cost": 0.0123, "estimated": False}
    return {
        "message_id": f"00000000-0000-7000-8000-{number:012}",
        "parent_id": None,
        "siblings": [f"00000000-0000-7000-8000-{number:012}"],
        "turn_id": f"00000000-0000-7000-9000-{number // 2:012}",
        "role": "user" if is_question else "assistant",
        "content": f"Question {number}" if is_question else answer,
        "truncated": False,
        "content_characters": 0,
        "created_at": "2026-01-01T00:00:00Z",
        "status": "completed",
        "tool_calls": None,
        "tool_call_id": None,
        "tool_status": None,
        "model_name": None if is_question else "scripted:echo",
        "usage": None if is_question else usage,
        "finish_reason": None if is_question else "stop",
        "response_time_ms": None if is_question else 1_234,
        "time_to_first_token_ms": None if is_question else 321,
        "context_tokens": None if is_question else 1_020,
        "context_limit": None if is_question else 200_000,
        "feedback": None,
        "trace_id": None,
    }
