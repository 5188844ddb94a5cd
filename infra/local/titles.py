"""Titles as the embedded model would give them, were it larger: out of the words of the question."""

import re
import time
from collections.abc import Iterator
from typing import Any

from functions.worker.titling.prompt import ANSWER, INSTRUCTIONS, QUESTION

MOST_WORDS = 6
OPENING = re.compile(
    r"((please|hello|hi|hey|so|ok|okay|well)[\s,!.]+"
    r"|(can|could|would|will) (you|i|we)( please)?( (tell|show|help|explain|give)( to)?( (me|us))?)?\s+"
    r"|(tell|show|give|help|teach) (me|us)( about)?\s+"
    r"|(what|who|where|when|why|how|which)('s| (is|are|was|were|do|does|did|can|should|would|to))?( (i|you|we|it))?\s+"
    r"|(i|we) (want|need|would like|have|am|are)( to)?\s+)+",
    re.IGNORECASE,
)
CLAUSE = re.compile(
    r"[.?!;:,\n\u3001\u3002\uff01\uff0c\uff1f]|\s(?:if|because|while|when|that|which|so|but|and then)\s", re.IGNORECASE
)
SMALL = frozenset(
    ["a", "an", "the", "of", "for", "to", "in", "on", "at", "with", "and", "or", "is", "like", "my", "your", "by"]
)


def wanted(body: dict[str, Any]) -> str | None:
    """The title that a request for one gets; None where it asks for something else.

    Raises AttributeError or TypeError for a body that is no chat completion's.
    """
    said = [str(one.get("content")) for one in body.get("messages") or ()]
    if not said or not any(one.startswith(INSTRUCTIONS) for one in said):
        return None
    question = said[-1].removeprefix(INSTRUCTIONS).strip().removeprefix(QUESTION).partition(ANSWER)[0]
    return of_question(question)


def of_question(question: str) -> str:
    """The first clause that says something, without what a sentence begins with."""
    text = question.strip()
    text = text[found.end() :] if (found := OPENING.match(text)) and text[found.end() :].strip() else text
    words = next((clause for one in CLAUSE.split(text) if (clause := one.split())), text.split())[:MOST_WORDS]
    while len(words) > 1 and words[-1].lower() in SMALL:
        words.pop()
    title = " ".join(words)
    return title[:1].upper() + title[1:]


def answers(body: dict[str, Any], title: str, model: str) -> Iterator[dict[str, Any]]:
    """The completion with the title, or its chunks, as the endpoint sends them."""
    read, written = (len(text.split()) for text in (str(body["messages"]), title))
    about = {"id": "title", "created": int(time.time()), "model": model}
    usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    message, stop = {"role": "assistant", "content": title}, {"index": 0, "finish_reason": "stop"}
    if not body.get("stream"):
        yield {**about, "object": "chat.completion", "choices": [{**stop, "message": message}], "usage": usage}
        return
    about["object"] = "chat.completion.chunk"
    yield {**about, "choices": [{"index": 0, "delta": message, "finish_reason": None}]}
    yield {**about, "choices": [{**stop, "delta": {}}]}
    yield {**about, "choices": [], "usage": usage}
