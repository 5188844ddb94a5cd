"""Log lines: JSON that any stream takes, with times in RFC 3339, and on Lambda without the words of errors.

An error's words may quote a conversation, a tool's arguments or a key. Its class, its code and its places do not.
"""

import json
import logging
import os
import re
import traceback
from collections.abc import Iterator, Mapping
from typing import Any

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from chatkeep.telemetry import correlation
from chatkeep.text import valid

ON_LAMBDA = "AWS_LAMBDA_RUNTIME_API" in os.environ
"""Whether others read the log; elsewhere it is the developer's own terminal, and errors keep their words."""
CODE = re.compile(r"\w{1,60}", re.ASCII)

ESCAPES = {code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), 0x2028, 0x2029)}
"""Characters that JSON does not escape, though they end a line or steer a terminal."""


class UnspokenError(Exception):
    """Replaces an error whose words must not be logged; says its class and code."""


class LogLines(LambdaPowertoolsFormatter):
    """Formats records for log groups. Lambda reads the level of a line only beside a time in RFC 3339."""

    def __init__(self, *, wordless: bool) -> None:
        super().__init__(json_serializer=_line, use_rfc3339=True, utc=True, serialize_stacktrace=False)
        self._wordless = wordless

    def formatException(self, ei: Any) -> str:  # noqa: N802  logging's name
        return "".join(_places(ei[1])) if self._wordless else super().formatException(ei)

    def serialize(self, log: Any) -> str:
        if self._wordless:
            log.pop("exception_notes", None)
        for name in correlation.FIELDS:  # Powertools has those of the latest invocation, whoever speaks
            log.pop(name, None)
        return super().serialize({**log, **correlation.fields()})


class LibraryRecords(logging.Filter):
    """Strips a library's record of its message's arguments and its error's words; adds the request's ids."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = str(record.msg).partition("\n")[0], ()
        if record.exc_info and record.exc_info[1]:
            error = record.exc_info[1]
            record.exc_info = (UnspokenError, UnspokenError(named(error)), error.__traceback__)
        vars(record).update(dict.fromkeys(correlation.FIELDS), **correlation.fields())
        return True


def named(error: BaseException) -> str:
    """The error's class, and the code that AWS or a model's provider gave it: `PutError (ThrottlingException)`."""
    if isinstance(error, UnspokenError):
        return str(error)
    response = getattr(error, "response", None)
    told = response.get("Error", {}).get("Code") if isinstance(response, Mapping) else None
    code = told or getattr(error, "cause_response_code", None) or getattr(error, "status_code", None)
    kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    return f"{kind} ({code})" if code and CODE.fullmatch(str(code)) else kind


def _places(error: BaseException, told: frozenset[int] = frozenset()) -> Iterator[str]:
    """Python's traceback of the error and its causes, without their words."""
    told |= {id(error)}
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    within = getattr(error, "exceptions", ())  # of a group
    for earlier in (cause, *within):
        if isinstance(earlier, BaseException) and id(earlier) not in told:
            yield from _places(earlier, told)
            yield "\n\n"
    yield "Traceback (most recent call last):\n"
    yield from traceback.format_tb(error.__traceback__)
    yield named(error)


def _line(record: Any) -> str:
    """A record as one line of JSON that any stream takes: what a model or a tool says may be no valid Unicode."""
    line = valid(json.dumps(record, default=str, separators=(",", ":"), ensure_ascii=False))
    return line.translate(ESCAPES)
