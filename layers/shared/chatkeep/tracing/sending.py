"""Sending spans by OTLP over HTTP, so that whatever the endpoint does costs a request no more than it is told here."""

import os
import threading
import time
from collections.abc import Sequence
from contextvars import copy_context
from functools import partial

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.session import Session
from opentelemetry.sdk.trace import ReadableSpan
from urllib3.util import Timeout

from chatkeep import deadline
from chatkeep.telemetry import logger
from chatkeep.telemetry.log_lines import named
from chatkeep.tracing.encoding import bodies

LONGEST_SECONDS = 1.0
"""That sending may take at the end of a request. The first TLS handshake needs most of it on a small processor."""
SHORTEST_SECONDS = 0.05
"""With less left before the deadline it is not tried."""
PAUSE_SECONDS = 30.0
"""After a failure nothing is sent for so long: an endpoint that hangs delays one request in this time, not each. Nor is
anything sent while a thread of an earlier request is still at it, so that there is one at most."""
SLOW_SECONDS = 0.3
"""The second sending in a row that takes longer counts as a failure, unless it had to make the connection."""
IDLE_SECONDS = 20.0
"""A connection that was frozen with the process for longer may lead nowhere, and a new one is made."""
PATH = "/v1/traces"
XRAY = "xray"
"""Stands for X-Ray's endpoint of the region, which wants a signature:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-OTLPEndpoint.html"""
MOST_ANSWER_BYTES = 65_536


class RefusedError(Exception):
    """The endpoint answered with another status than a success."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status_code = status


class Sender:
    """Sends to one address, with `region` signed for X-Ray, in a thread that is left behind where it takes too long."""

    def __init__(self, url: str, region: str | None = None) -> None:
        self.url = url
        self._region = region
        self._session = Session() if region else None
        self._pool = urllib3.PoolManager(maxsize=1)
        self._not_before = 0.0
        self._last_used = 0.0
        self._connects = self._was_slow = False
        self._thread = threading.Thread()

    @classmethod
    def to(cls, endpoint: str) -> "Sender":
        """A sender to an endpoint by its base address, or to X-Ray."""
        if endpoint != XRAY:
            return cls(endpoint.rstrip("/") + PATH)
        region = os.environ["AWS_REGION"]
        return cls(f"https://xray.{region}.amazonaws.com{'.cn' * region.startswith('cn-')}{PATH}", region)

    def send(self, spans: Sequence[ReadableSpan]) -> None:
        """Send them, or lose them with one line in the log; never raises."""
        began = time.monotonic()
        if began < self._not_before or self._thread.is_alive():
            return
        seconds = min(LONGEST_SECONDS, deadline.current().storage_seconds_left())
        if seconds < SHORTEST_SECONDS:
            logger.warning("spans were not sent", extra={"spans": len(spans), "reason": "no time was left"})
            return
        failure = self._send_within(seconds, spans)
        took = time.monotonic() - began
        slow = took > SLOW_SECONDS and not self._connects
        slow_again, self._was_slow = slow and self._was_slow, slow
        if failure is None and not slow_again:
            return
        self._not_before = time.monotonic() + PAUSE_SECONDS
        told = {"spans": len(spans), "seconds": round(took, 3)}
        if failure is None:
            logger.warning("sending spans is slow", extra=told)
        else:
            logger.warning("spans were not sent", extra={**told, "reason": named(failure)})

    def _send_within(self, seconds: float, spans: Sequence[ReadableSpan]) -> BaseException | None:
        """What has kept them from being sent in so many seconds, if anything has."""
        failure: list[BaseException] = [TimeoutError()]
        # The socket gives up after the request has, which then always tells the same of an endpoint that is silent.
        sending = partial(copy_context().run, self._try, spans, 2 * seconds, failure)
        self._thread = threading.Thread(target=sending, daemon=True)
        try:
            self._thread.start()
            self._thread.join(seconds)
        except RuntimeError as error:  # there are no more threads
            return error
        return next(iter(failure), None)  # the thread may yet clear it

    def _try(self, spans: Sequence[ReadableSpan], seconds: float, failure: list[BaseException]) -> None:
        try:
            for body in bodies(spans):
                self._post(body, seconds)
        except Exception as error:  # whatever it is, the request goes on
            failure[:] = [error]
        else:
            failure.clear()

    def _post(self, body: bytes, seconds: float) -> None:
        """Raises RefusedError and what urllib3 raises."""
        self._connects = time.time() - self._last_used > IDLE_SECONDS
        if self._connects:
            self._pool.clear()
        self._last_used = time.time()
        answer = self._pool.request(
            "POST",
            self.url,
            body=body,
            headers=self._headers(body),
            timeout=Timeout(connect=seconds, read=seconds),
            retries=False,
            redirect=False,
            preload_content=False,
        )
        answer.read(MOST_ANSWER_BYTES)
        answer.release_conn()
        if not 200 <= answer.status < 300:
            raise RefusedError(answer.status)

    def _headers(self, body: bytes) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if self._session is None:
            return headers
        request = AWSRequest("POST", self.url, headers, body)
        SigV4Auth(self._session.get_credentials(), "xray", self._region).add_auth(request)
        return dict(request.headers.items())
