"""Sends spans by OTLP over HTTP. A request never waits longer than the limits here, whatever the endpoint does."""

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
"""Seconds allowed for sending at the end of a request. On a small processor the first TLS handshake needs most."""
SHORTEST_SECONDS = 0.05
"""With fewer seconds left before the deadline, sending is not tried."""
PAUSE_SECONDS = 30.0
"""Seconds after a failure in which nothing is sent: an endpoint that hangs delays one request in this time, not each.
Nor is anything sent while the thread of an earlier request still sends, so at most one such thread exists."""
SLOW_SECONDS = 0.3
"""Seconds; the second slower sending in a row counts as a failure, unless it had to connect first."""
IDLE_SECONDS = 20.0
"""Seconds; a connection that was frozen with the process for longer is replaced, as it may be dead."""
PATH = "/v1/traces"
XRAY = "xray"
"""Stands for X-Ray's endpoint in the region, which requires a signature:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-OTLPEndpoint.html"""
MOST_ANSWER_BYTES = 65_536


class RefusedError(Exception):
    """The endpoint answered with a status other than success."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status_code = status


class Sender:
    """Sends to one address, in a thread that is abandoned if it takes too long. With a `region` it signs for X-Ray."""

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
        """Send within so many seconds. Returns the error that prevented it, or None."""
        failure: list[BaseException] = [TimeoutError()]
        # The socket times out after the request does, so that a silent endpoint always gives the same error.
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
        """Raises RefusedError and urllib3's errors."""
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
