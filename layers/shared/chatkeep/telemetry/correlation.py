"""The ids by which everything about one request is found, held in its context: two requests never mix.

A thread has them where asyncio, LangChain or `copy_context` started it. One that a library keeps for itself has none:
its lines then name no request, rather than a wrong one.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, replace
from typing import Any

XRAY_HEADER = "_X_AMZN_TRACE_ID"
"""The variable that Lambda sets anew for each invocation."""
ID = re.compile(r"[A-Za-z0-9_.:=-]{1,128}")


@dataclass(frozen=True)
class Ids:
    """`request_id` is API Gateway's, which its access log has; a run that no request caused has Lambda's.

    `function_request_id` is Lambda's. `trace_id` is the trace's, and `request_id` again where there is none.
    """

    request_id: str
    function_request_id: str
    trace_id: str
    xray_trace_id: str | None = None


FIELDS = tuple(Ids.__dataclass_fields__)
_current: ContextVar[Ids | None] = ContextVar("ids", default=None)


def current() -> Ids | None:
    """The ids of the request that is being served here; None outside of one."""
    return _current.get()


def fields() -> dict[str, str]:
    """The same as members of a log line."""
    ids = _current.get()
    return {} if ids is None else {name: value for name, value in asdict(ids).items() if value}


@contextmanager
def kept(event: Mapping[str, Any], context: Any) -> Iterator[Ids]:
    """Give the code within the ids of a Lambda invocation. No header of the client's has a part in them."""
    invocation = str(context.aws_request_id)
    told = (event.get("requestContext") or {}).get("requestId")
    request_id = told if isinstance(told, str) and ID.fullmatch(told) else invocation
    root = xray_header().get("Root", "")
    ids = Ids(request_id, invocation, request_id, root if ID.fullmatch(root) else None)
    token = _current.set(ids)
    try:
        yield ids
    finally:
        _current.reset(token)


@contextmanager
def caused_by(request_id: str | None) -> Iterator[None]:
    """Give the code within the id of the request that asked for it, in place of the one that carries it out."""
    ids = _current.get()
    if ids is None or request_id is None:
        yield
        return
    trace_id = request_id if ids.trace_id == ids.request_id else ids.trace_id
    token = _current.set(replace(ids, request_id=request_id, trace_id=trace_id))
    try:
        yield
    finally:
        _current.reset(token)


def join(trace_id: str) -> None:
    """Take the id of the trace that this request is now known to be of; within `kept`."""
    if ids := _current.get():
        _current.set(replace(ids, trace_id=trace_id))


def xray_header() -> dict[str, str]:
    """The members of X-Ray's header of this invocation: `Root`, `Parent`, `Sampled`; empty where Lambda gave none."""
    members = (one.strip().partition("=") for one in os.environ.get(XRAY_HEADER, "").split(";"))
    return {name: value for name, _, value in members if name}
