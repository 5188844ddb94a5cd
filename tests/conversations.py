"""Long conversations with a model that reads little: what each turn may be held to, however the model behaves."""

from typing import Any

from tests.chat import new_session, sent
from tests.client import Client

LIMITED = {"context_limit": 8_000}
FACT = "The harbour is Lisbon."
ASKED = "What is the harbour?"


def limited(api: Client, **settings: Any) -> str:
    """A session on the small model, whose limit it names."""
    return new_session(api, **{"model_name": "openai:small", "max_tokens": 500, "model_options": LIMITED, **settings})


def transcript(api: Client, session_id: str) -> list[dict[str, Any]]:
    """All messages of the session, as the API shows them."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = api.get(f"/sessions/{session_id}/messages?limit=200{cursor}").json
        found += page["messages"]
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def calls(api: Client, session_id: str, kind: str) -> int:
    """How many calls of this kind the session's turns have recorded."""
    found, cursor = 0, ""
    while True:
        page = api.get(f"/sessions/{session_id}/turns?limit=100{cursor}").json
        found += sum(call["calls"] for turn in page["turns"] for call in turn["calls"] if call["kind"] == kind)
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def summaries(messages: list[dict[str, Any]]) -> list[tuple[int, int]]:
    """Where summaries stand: the place of each one's message, and of the last message that it stands for."""
    places = {one["message_id"]: at for at, one in enumerate(messages)}
    return [
        (at, places[one["parts"][0]["until_message_id"]]) for at, one in enumerate(messages) if one["parts"] is not None
    ]


def talk(api: Client, session_id: str, turns: int, words: int = 60) -> None:
    """So many turns with questions of about so many words."""
    for number in range(turns):
        sent(api, session_id, f"{number}: " + "and so on " * (words // 3))


def told_a_fact(api: Client, turns: int, words: int = 60, **settings: Any) -> str:
    """A session on the small model that was told the fact first, and then so many questions of so many words."""
    session_id = limited(api, **settings)
    sent(api, session_id, FACT)
    talk(api, session_id, turns, words)
    return session_id
