"""The local runner's application: requests in, invocations of the functions' workers out."""

import asyncio
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from infra.local import limits
from infra.local.events import Answer, MalformedAnswerError, Request, answer_of
from infra.local.gateway import Gateway
from infra.local.pool import Pool, WorkerFailedError, WorkerTimedOutError
from infra.local.template import Schedule


class App:
    """Serves the gateway's routes below its stage, and runs the schedules while it is up."""

    def __init__(
        self,
        gateway: Gateway,
        pools: Mapping[str, Pool],
        schedules: list[Schedule],
        integration_seconds: float = limits.INTEGRATION_SECONDS,
    ) -> None:
        self._gateway = gateway
        self._pools = pools
        self._schedules = schedules
        self._integration_seconds = integration_seconds
        self._repeating: list[asyncio.Task[None]] = []
        self.invocations: set[asyncio.Task[Any]] = set()

    def start(self) -> None:
        self._repeating = [asyncio.create_task(self._repeat(schedule)) for schedule in self._schedules]

    async def close(self) -> None:
        """End what runs by itself or still runs, and the workers."""
        ending = [*self._repeating, *self.invocations]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        for pool in self._pools.values():
            await pool.close()

    async def answer(self, request: Request) -> Answer:
        """The answer to a request whose path begins with the stage."""
        try:
            return await self._answer(request)
        except Exception:  # a fault of the runner's own is answered like one of a function's
            traceback.print_exc()
            return self.refuse("API_CONFIGURATION_ERROR", request.request_id)

    def refuse(self, kind: str, request_id: str) -> Answer:
        """The gateway's own answer of that kind."""
        return self._gateway.answer(kind, request_id)

    async def _answer(self, request: Request) -> Answer:
        stage = f"/{self._gateway.api.stage}"
        if not request.path.startswith(f"{stage}/"):
            return self.refuse("MISSING_AUTHENTICATION_TOKEN", request.request_id)
        admitted = self._gateway.admit(replace(request, path=request.path.removeprefix(stage)))
        if isinstance(admitted, Answer):
            return admitted
        try:
            return answer_of(await self._invoke(admitted.function, admitted.event, request))
        except (WorkerTimedOutError, TimeoutError) as error:
            print(error, file=sys.stderr)
            return self.refuse("INTEGRATION_TIMEOUT", request.request_id)
        except (WorkerFailedError, MalformedAnswerError) as error:
            print(f"{admitted.function}: {error}", file=sys.stderr)
            return self.refuse("INTEGRATION_FAILURE", request.request_id)

    async def _invoke(self, function: str, event: dict[str, Any], request: Request) -> Any:
        """Raises TimeoutError when API Gateway would wait no longer; the function runs on all the same."""
        invocation = asyncio.create_task(self._pools[function].invoke(event, request.request_id))
        self.invocations.add(invocation)
        invocation.add_done_callback(self._forget)
        left = request.received_at + self._integration_seconds - time.time()
        done, _ = await asyncio.wait({invocation}, timeout=max(0.0, left))
        if not done:
            raise TimeoutError(f"{function} gave no answer within {self._integration_seconds} seconds; it runs on")
        return invocation.result()

    def _forget(self, invocation: asyncio.Task[Any]) -> None:
        self.invocations.discard(invocation)
        if not invocation.cancelled():
            invocation.exception()  # nobody may be left to ask for it

    async def _repeat(self, schedule: Schedule) -> None:
        while True:
            await asyncio.sleep(schedule.seconds)
            event = {"source": "aws.events", "detail-type": "Scheduled Event", "resources": [schedule.name]}
            try:
                await self._pools[schedule.function].invoke(event)
            except (WorkerFailedError, WorkerTimedOutError) as error:
                print(f"{schedule.name}: {error}", file=sys.stderr)
