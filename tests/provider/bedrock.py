"""Bedrock's runtime on loopback: it answers Converse and ConverseStream as told, with Bedrock's own refusals."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.awsrequest import AWSPreparedRequest

from tests.engines import interceptors
from tests.provider.bedrock_cache import Cache
from tests.provider.bedrock_models import NO_CACHING, points, takes_cache_points
from tests.provider.bedrock_models import violations as of_model
from tests.provider.bedrock_replies import Refusal, Reply
from tests.provider.bedrock_rules import UNSUPPORTED, Strict, unsupported, violations
from tests.provider.bedrock_shapes import STREAM_TYPE, operation, problems
from tests.provider.server import HangUp, Provider, Stream, Whole, serving
from tests.provider.texts import parsed

Answer = Reply | Refusal | HangUp
PATH = re.compile(r"/model/(?P<model>[^/]+)/(?P<operation>converse|converse-stream)")


@dataclass
class Bedrock(Provider):
    """Each request in `asked` also has its `url`, which names the model. A `cache` tells the usage of requests."""

    script: list[Answer] = field(default_factory=list)
    default: Answer = field(default_factory=Reply)
    strict: Strict = field(default_factory=Strict)
    cache: Cache | None = None

    def respond(self, path: str, raw: bytes) -> Whole | Stream | HangUp:
        found = PATH.fullmatch(path)
        if found is None:
            return _refused(Refusal("UnknownOperationException", "", status=404))
        streamed = found["operation"] == "converse-stream"
        try:
            body = parsed(raw)
        except ValueError as error:
            self.violations.append(f"body: {error}")
            return _refused(Refusal("SerializationException", str(error), status=400))
        self.asked.append({"url": path, **body})
        model = unquote(found["model"])
        answer = self._refusal(model, body, streamed) or self.next_answer()
        if self.cache and isinstance(answer, Reply) and answer.usage:
            answer = replace(answer, usage=self.cache.usage(model, body, answer.usage["outputTokens"]))
        match answer:
            case HangUp():
                return answer
            case Refusal():
                return _refused(answer)
            case Reply() if streamed:
                return Stream(answer.parts(), STREAM_TYPE, answer.pause, answer.pace, answer.cut_after is not None)
            case Reply():
                return _message(answer)
        raise TypeError(f"{answer!r} is not an answer of Bedrock")

    def _refusal(self, model: str, body: dict[str, Any], streamed: bool) -> Refusal | None:
        if key := unsupported(body, streamed, self.strict):
            self.unsupported.append(key)
            return Refusal("ValidationException", UNSUPPORTED[key])
        shape = operation("ConverseStream" if streamed else "Converse").input_shape
        found = [f"Malformed input request: {problem}" for problem in problems({"modelId": model, **body}, shape)]
        if not found and points(body) and not takes_cache_points(model):
            self.unsupported.append("cachePoint")
            return Refusal("AccessDeniedException", NO_CACHING)
        found = found or [*violations(body, self.strict), *of_model(model, body)]
        self.violations += found
        return Refusal("ValidationException", found[0]) if found else None


def _refused(refusal: Refusal) -> Whole:
    return Whole(*refusal.answer(), refusal.pause)


def _message(reply: Reply) -> Whole:
    if reply.failure is not None:  # without a stream it is the whole answer
        name = reply.failure.name[0].upper() + reply.failure.name[1:]
        return _refused(Refusal(name, reply.failure.message, reply.failure.members, pause=reply.pause))
    return Whole(200, reply.whole(), {"Content-Type": "application/json"}, reply.pause, reply.cut_after is not None)


@contextmanager
def serve() -> Iterator[Bedrock]:
    """Bedrock for every client in the process, as long as the context lasts; its end releases silent answers.

    A finished request is redirected to loopback, so that its client works and signs as if for AWS, and its time-outs
    and connections are real.
    """
    bedrock = Bedrock()
    with serving(bedrock) as port:
        bedrock.url = f"http://127.0.0.1:{port}"

        def send_here(request: AWSPreparedRequest) -> None:
            address = urlsplit(request.url)
            if address.hostname and address.hostname.startswith("bedrock-runtime."):
                request.url = bedrock.url + address.path

        interceptors.append(send_here)
        try:
            yield bedrock
        finally:
            interceptors.remove(send_here)
