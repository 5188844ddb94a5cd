"""Sending again what a busy emulator did not get done: one process there is gateway, storage and model."""

import json
import time

import httpx

AGAIN = {"storage_unavailable", "turn_timed_out"}
"""Problems that say so of themselves. Turns are sent with a key, so that each is one however often it is sent."""
MOST_ATTEMPTS = 6


class Patient(httpx.HTTPTransport):
    """Waits and asks again as a client is told to."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        for _ in range(MOST_ATTEMPTS - 1):
            if response.status_code != 503 or _code(response) not in AGAIN:
                break
            time.sleep(int(response.headers.get("retry-after", "1")))
            response = super().handle_request(request)
        return response


def _code(response: httpx.Response) -> str | None:
    """The code of a problem; the gateway's own refusals have none."""
    return json.loads(response.read()).get("code")
