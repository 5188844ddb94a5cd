"""The local runner's API: requests in, invocations of the functions' workers out."""

import asyncio
import sys
import time
import traceback
from dataclasses import replace
from typing import Any

from infra.local import limits
from infra.local.events import Answer, MalformedAnswerError, Request, answer_of
from infra.local.failures import WorkerFailedError, WorkerTimedOutError
from infra.local.functions import Functions
from infra.local.gateway import Gateway


class App:
    """Serves the gateway's routes below its stage."""

    def __init__(
        self,
        gateway: Gateway,
        functions: Functions,
        integration_seconds: float = limits.INTEGRATION_SECONDS,
    ) -> None:
        self._gateway = gateway
        self._functions = functions
        self._integration_seconds = integration_seconds

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
            print(f"{admitted.function}: {error}", file=sys.stderr)
            return self.refuse("INTEGRATION_TIMEOUT", request.request_id)
        except (WorkerFailedError, MalformedAnswerError) as error:
            print(f"{admitted.function}: {error}", file=sys.stderr)
            return self.refuse("INTEGRATION_FAILURE", request.request_id)

    async def _invoke(self, function: str, event: dict[str, Any], request: Request) -> Any:
        """Raises TimeoutError when API Gateway would wait no longer; the function runs on all the same."""
        invocation = self._functions.begin(function, event, request.request_id)
        left = request.received_at + self._integration_seconds - time.time()
        done, _ = await asyncio.wait({invocation}, timeout=max(0.0, left))
        if not done:
            raise TimeoutError(f"no answer within {self._integration_seconds} seconds; it runs on")
        return invocation.result()
