"""The local runner's API: requests in, invocations of the functions' workers out."""

import asyncio
import sys
import time
import traceback
from dataclasses import replace
from math import inf
from typing import Any

from infra.local.adapter import Streamed
from infra.local.events import Answer, MalformedAnswerError, Request, answer_of
from infra.local.failures import WorkerFailedError, WorkerTimedOutError
from infra.local.functions import Functions
from infra.local.gateway import Gateway, Invocation
from infra.local.site import Site


class App:
    """Serves the gateway's routes below its stage, and the console beside it."""

    def __init__(
        self,
        gateway: Gateway,
        functions: Functions,
        site: Site | None = None,
        most_seconds: float = inf,
    ) -> None:
        """A request takes `most_seconds` at most, or less where its route has another time-out."""
        self._gateway = gateway
        self._functions = functions
        self._site = site
        self._most_seconds = most_seconds

    async def answer(self, request: Request) -> Answer | Streamed:
        """The answer to a request whose path begins with the stage."""
        try:
            return await self._answer(request)
        except Exception:  # a fault of the runner's own is answered like one of a function's
            traceback.print_exc()
            return self.refuse("API_CONFIGURATION_ERROR", request.request_id)

    def refuse(self, kind: str, request_id: str) -> Answer:
        """The gateway's own answer of that kind."""
        return self._gateway.answer(kind, request_id)

    async def _answer(self, request: Request) -> Answer | Streamed:
        stage = f"/{self._gateway.api.stage}"
        if not request.path.startswith(f"{stage}/"):
            page = self._site.answer(request) if self._site else None
            return page or self.refuse("MISSING_AUTHENTICATION_TOKEN", request.request_id)
        admitted = self._gateway.admit(replace(request, path=request.path.removeprefix(stage)))
        if isinstance(admitted, Answer):
            return admitted
        try:
            left = request.received_at + min(admitted.seconds, self._most_seconds) - time.time()
            if admitted.function in self._functions.web:
                return await self._pass_on(admitted, request, left)
            return answer_of(await self._invoke(admitted, request, left))
        except (WorkerTimedOutError, TimeoutError) as error:
            print(f"{admitted.function}: {error}", file=sys.stderr)
            return self.refuse("INTEGRATION_TIMEOUT", request.request_id)
        except (WorkerFailedError, MalformedAnswerError) as error:
            print(f"{admitted.function}: {error}", file=sys.stderr)
            return self.refuse("INTEGRATION_FAILURE", request.request_id)

    async def _invoke(self, admitted: Invocation, request: Request, left: float) -> Any:
        """Raises TimeoutError when API Gateway would wait no longer; the function runs on all the same."""
        invocation = self._functions.begin(admitted.function, admitted.event, request.request_id)
        done, _ = await asyncio.wait({invocation}, timeout=max(0.0, left))
        if not done:
            raise TimeoutError("no answer in API Gateway's time; it runs on")
        return invocation.result()

    async def _pass_on(self, admitted: Invocation, request: Request, left: float) -> Streamed:
        """Raises TimeoutError when there is no head in time."""
        ends_at = asyncio.get_running_loop().time() + left
        async with asyncio.timeout_at(ends_at):
            return await self._functions.web[admitted.function].answer(admitted.event, request.request_id, ends_at)
