"""Headers on their way through API Gateway, which adds some, drops some and renames some.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
"""

import re
import time
import uuid
from collections.abc import Iterable, Sequence

Pairs = Sequence[tuple[str, str]]

_ADDED = ("x-forwarded-for", "x-forwarded-port", "x-forwarded-proto", "x-amzn-trace-id")
_OF_ONE_CONNECTION = {"expect", "keep-alive", "proxy-authenticate", "te", "trailer", "transfer-encoding", "upgrade"}
_NOT_HANDED_ON = {*_OF_ONE_CONNECTION, *_ADDED, "connection", "max-forwards", "proxy-connection"}
_NOT_HANDED_BACK = {*_OF_ONE_CONNECTION, "host"}
_RENAMED = {
    "authorization",
    "connection",
    "content-length",
    "content-md5",
    "date",
    "max-forwards",
    "server",
    "user-agent",
    "www-authenticate",
}
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def for_function(headers: Iterable[tuple[str, str]], source_ip: str, port: int) -> Pairs:
    """The client's headers that a function gets, and those that API Gateway adds."""
    trace = f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]}"
    return [
        *((name, value) for name, value in headers if name.lower() not in _NOT_HANDED_ON),
        *zip(_ADDED, (source_ip, str(port), "http", trace), strict=True),
    ]


def for_client(headers: Iterable[tuple[str, str]]) -> Pairs:
    """A function's headers as the client gets them. Raises ValueError for one that HTTP cannot carry."""
    kept = []
    for name, value in headers:
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ValueError(f"the header {name!r} cannot be sent")
        if name.lower() not in _NOT_HANDED_BACK:
            kept.append((f"x-amzn-remapped-{name.lower()}" if name.lower() in _RENAMED else name, value.strip()))
    return kept
