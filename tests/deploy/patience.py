"""Sending again what a busy emulator did not get done: one process there is gateway, storage and model."""

import json
import time

import httpx

AGAIN = {"storage_unavailable", "turn_timed_out"}
"""Problems that say so of themselves. A turn has a key, so that it is one however often it is sent."""
MOST_ATTEMPTS = 6


class Patient(httpx.HTTPTransport):
    """Waits and asks again as a client is told to."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        for _ in range(MOST_ATTEMPTS - 1):
            if response.status_code != 503 or json.loads(response.read())["code"] not in AGAIN:
                break
            time.sleep(int(response.headers.get("retry-after", "1")))
            response = super().handle_request(request)
        return response
