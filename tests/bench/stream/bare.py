"""Bare apps on the paced model: what streaming costs where nothing is stored, counted, resumed or limited."""

import json
from collections.abc import AsyncIterator
from typing import Any

from langchain_core.messages import AIMessageChunk, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.bench.stream.paced import PacedModel, build_graph

_model = PacedModel()
_graph = build_graph(None, "", InMemorySaver())


async def _ready(_: Request) -> Response:
    return PlainTextResponse("ready")


async def _of_model(request: Request) -> Response:
    question = HumanMessage((await request.json())["content"])
    return _streamed(_model.astream([question]))


async def _of_graph(request: Request) -> Response:
    asked = await request.json()
    config: Any = {"configurable": {"thread_id": asked["thread"]}}
    messages = {"messages": [HumanMessage(asked["content"])]}
    stream = _graph.astream(messages, config, stream_mode="messages", durability="exit")
    return _streamed(chunk async for chunk, _ in stream)


def _streamed(chunks: AsyncIterator[AIMessageChunk]) -> Response:
    async def frames() -> AsyncIterator[str]:
        async for chunk in chunks:
            if chunk.content:
                yield f"event: token\ndata: {json.dumps({'text': chunk.content})}\n\n"

    return StreamingResponse(frames(), media_type="text/event-stream")


app = Starlette(
    routes=[
        Route("/ready", _ready),
        Route("/model", _of_model, methods=["POST"]),
        Route("/graph", _of_graph, methods=["POST"]),
    ]
)
