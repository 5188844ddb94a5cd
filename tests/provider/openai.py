"""An OpenAI-compatible endpoint on loopback: it answers as told, with the refusals of a strict one."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from tests.provider.openai_refusals import Refusal, missing_parameter, refusal, unsupported_parameter
from tests.provider.openai_replies import Mislabelled, PlainJson, Reply
from tests.provider.openai_rules import Strict, violations
from tests.provider.server import HangUp, Provider, Stream, Whole, position, serving
from tests.provider.texts import parsed

Answer = Reply | PlainJson | Mislabelled | Refusal | HangUp


@dataclass
class Endpoint(Provider):
    """`url` is the value for OPENAI_BASE_URL."""

    script: list[Answer] = field(default_factory=list)
    default: Answer = field(default_factory=Reply)
    strict: Strict = field(default_factory=Strict)

    def respond(self, path: str, raw: bytes) -> Whole | Stream | HangUp:
        if path != "/v1/chat/completions":
            return _whole(refusal(404, None, f"Invalid URL (POST {path})"))
        try:
            body = parsed(raw)
        except ValueError as error:
            self.violations.append(f"body: {error}")
            return _whole(refusal(400, None, f"We could not parse the JSON body of your request: {error}"))
        self.asked.append(body)
        answer = self._refused(body) or self.next_answer()
        match answer:
            case HangUp():
                return answer
            case Refusal():
                return _whole(answer)
            case Mislabelled(reply, content_type):
                return replace(_streamed(reply, body), content_type=content_type)
            case Reply() if body.get("stream"):
                return _streamed(answer, body)
            case PlainJson(reply) | (Reply() as reply):
                return _completion(reply, body)
        raise TypeError(f"{answer!r} is not an answer of this endpoint")

    def _refused(self, body: dict[str, Any]) -> Refusal | None:
        for name in self.strict.refused_fields:
            if name in body:
                self.unsupported.append(name)
                return unsupported_parameter(name)
        for name in self.strict.required_fields:
            if name not in body:
                self.unsupported.append(name)
                return missing_parameter(name)
        found = list(violations(body, self.strict))
        self.violations += map(str, found)
        return refusal(400, None, found[0].message, param=found[0].param) if found else None


def _whole(refused: Refusal) -> Whole:
    body = refused.body
    if isinstance(body, Mapping):
        content, headers = json.dumps(body).encode(), {"Content-Type": "application/json", **refused.headers}
    else:
        content, headers = body.encode() if isinstance(body, str) else body, dict(refused.headers)
    return Whole(refused.status, content, headers, refused.pause)


def _completion(reply: Reply, asked: dict[str, Any]) -> Whole:
    content = json.dumps(reply.whole(asked)).encode()
    cut = reply.cut_after is not None
    return Whole(200, content, {"Content-Type": "application/json"}, reply.pause, cut)


def _streamed(reply: Reply, asked: dict[str, Any]) -> Stream:
    chunks, cut, done = reply.chunks(asked), reply.cut_after is not None, reply.done
    if cut:
        chunks, done = chunks[: reply.cut_after], False
    if reply.error_event is not None and not cut:
        chunks = [*chunks[: position(reply.error_after, len(chunks))], reply.error()]
        done = False
    parts = [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks] + [b"data: [DONE]\n\n"] * done
    return Stream(parts, "text/event-stream; charset=utf-8", reply.pause, reply.pace, cut)


@contextmanager
def serve(endpoint: Endpoint | None = None) -> Iterator[Endpoint]:
    """An endpoint for as long as the context lasts; its end releases silent answers."""
    endpoint = endpoint or Endpoint()
    with serving(endpoint) as port:
        endpoint.url = f"http://127.0.0.1:{port}/v1"
        yield endpoint
