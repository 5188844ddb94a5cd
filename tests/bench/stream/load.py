"""The clients of the benchmark: streams side by side, and when each of their tokens came."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median, quantiles

import httpx

from tests.bench.stream.servers import Chat, Server

Row = dict[str, float]
WARM_UP_TOKENS = 20
LOOKS = 2
_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=None)


@dataclass(frozen=True)
class Heard:
    """Of one stream: seconds from the request to its first token, and between the following ones."""

    first: float
    between: list[float]


@dataclass
class Listeners:
    """So many clients of a server at once, each with a conversation of its own, which has had a turn before."""

    server: Server
    streams: int
    _heard: list[Heard] = field(default_factory=list)
    _spent: float = 0
    _spent_on_short: float = 0

    def __post_init__(self) -> None:
        self._chats = [self.server.chat() for _ in range(self.streams)]
        asyncio.run(_at_once(self.server, self._chats, WARM_UP_TOKENS, 0))

    def listen(self, tokens: int, seconds: float) -> None:
        """Have all of them ask for an answer of so many tokens, one per `seconds`, and for one of a single token."""
        self._spent += self._asked(tokens, seconds, self._heard)
        self._spent_on_short += self._asked(1, 0, [])

    def _asked(self, tokens: int, seconds: float, heard: list[Heard]) -> float:
        """Add what they hear. Returns the server's processor time."""
        before = self.server.cpu_seconds()
        heard += asyncio.run(_at_once(self.server, self._chats, tokens, seconds))
        return self.server.cpu_seconds() - before

    def row(self) -> Row:
        """Milliseconds; processor time of an answer of one token, and in microseconds of each further one."""
        firsts = [one.first * 1e3 for one in self._heard]
        between = [gap * 1e3 for one in self._heard for gap in one.between]
        return {
            "streams": self.streams,
            "first_p50_ms": round(median(firsts), 1),
            "first_p95_ms": round(_percentile(firsts, 95), 1),
            "between_p50_ms": round(median(between), 1),
            "between_p99_ms": round(_percentile(between, 99), 1),
            "cpu_ms_per_answer": round(self._spent_on_short / len(firsts) * 1e3, 1),
            "cpu_us_per_token": round((self._spent - self._spent_on_short) / len(between) * 1e6),
        }


def memory(server: Server, streams: int, seconds: float) -> Row:
    """Megabytes of the server's processes: before, when so many streams have begun, and while they are idle.

    Each says one token, and the next one after `seconds`, of which they are watched for half.
    """
    chats = [server.chat() for _ in range(streams)]
    asyncio.run(_at_once(server, chats[:1], 2, 0))
    return asyncio.run(_watched(server, chats, seconds))


async def _watched(server: Server, chats: Sequence[Chat], seconds: float) -> Row:
    def megabytes() -> float:
        return round(server.resident_bytes() / 1e6, 1)

    before = megabytes()
    async with _client() as client:
        begun = [asyncio.Event() for _ in chats]
        streams = [
            asyncio.ensure_future(_listen(client, server, chat, 2, seconds, event))
            for chat, event in zip(chats, begun, strict=True)
        ]
        await asyncio.wait_for(asyncio.gather(*(event.wait() for event in begun)), seconds / 2)
        idle = [megabytes()]
        for _ in range(LOOKS):
            await asyncio.sleep(seconds / 2 / LOOKS)
            idle.append(megabytes())
        await asyncio.gather(*streams)
    return {"streams": len(chats), "before_mb": before, "begun_mb": idle[0], "middle_mb": idle[1], "idle_mb": idle[-1]}


async def _at_once(server: Server, chats: Sequence[Chat], tokens: int, seconds: float) -> list[Heard]:
    async with _client() as client:
        return await asyncio.gather(*(_listen(client, server, chat, tokens, seconds) for chat in chats))


def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=120, limits=_LIMITS)


async def _listen(
    client: httpx.AsyncClient,
    server: Server,
    chat: Chat,
    tokens: int,
    seconds: float,
    begun: asyncio.Event | None = None,
) -> Heard:
    """A whole answer. Raises AssertionError where a token is missing."""
    began = time.perf_counter()
    came: list[float] = []
    body = chat.body(f"{tokens} {seconds}")
    async with client.stream("POST", chat.url, json=body, headers=chat.headers()) as answer:
        assert answer.status_code == 200, (await answer.aread()).decode()
        rest = b""
        async for piece in answer.aiter_raw():
            rest += piece
            came += [time.perf_counter()] * rest.count(server.token)
            rest = rest[-len(server.token) + 1 :]
            if begun and came:
                begun.set()
    assert len(came) >= tokens, f"{server.name}: {len(came)} of {tokens} tokens"
    return Heard(came[0] - began, [later - earlier for earlier, later in pairwise(came[:tokens])])


def _percentile(values: list[float], percent: int) -> float:
    return quantiles(values, n=100, method="inclusive")[percent - 1] if len(values) > 1 else values[0]
