"""Log lines hold whatever a model, a tool or a provider has said, and nothing of a conversation on Lambda."""

import io
import json
import logging
import re
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from pynamodb.exceptions import PutError

from chatkeep.telemetry import logger
from chatkeep.telemetry.log_lines import LibraryRecords, LogLines, named
from chatkeep.text import valid

WORDLESS = LogLines(wordless=True)
WORDS = st.from_regex(r"walrus[a-z ]{0,30}\.", fullmatch=True)


def line(formatter: logging.Formatter, message: str, error: BaseException | None = None, *values: Any) -> str:
    """The formatter's line for a record, after its way over a stream of bytes."""
    written = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    handler = logging.StreamHandler(written)
    handler.setFormatter(formatter)
    exc_info = (type(error), error, error.__traceback__) if error else None
    handler.handle(logging.LogRecord("tests", logging.WARNING, __file__, 1, message, values, exc_info))
    return written.buffer.getvalue().decode()


def raised(*errors: Exception) -> Exception:
    """The last of the errors, raised because of the one before it, and so on."""
    *earlier, last = errors
    try:
        raise last from raised(*earlier) if earlier else None
    except Exception as error:
        error.add_note(f"of {error}")
        return error


def refused(words: str) -> ClientError:
    return ClientError({"Error": {"Code": "ValidationException", "Message": words}}, "PutItem")


def test_a_failure_told_in_half_a_surrogate_pair_is_logged() -> None:
    told = line(logger.registered_formatter, "turn failed: %s", None, "a \ud83d b \u00e9")
    assert json.loads(told)["message"] == "turn failed: a \ufffd b \u00e9"


def test_a_line_has_the_time_that_lambda_wants_to_see_beside_its_level() -> None:
    told = json.loads(line(WORDLESS, "request failed"))
    assert told["level"] == "WARNING"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", told["timestamp"])


@given(words=WORDS)
def test_an_error_is_told_by_classes_codes_and_places_and_never_by_words(words: str) -> None:
    group = raised(ExceptionGroup(words, [raised(KeyError(words)), raised(ValueError(words))]))
    error = raised(refused(words), group, PutError(words, refused(words)), RuntimeError(words))
    told = line(WORDLESS, "turn failed", error)
    assert words not in told
    record = json.loads(told)
    for name in ("ClientError (ValidationException)", "KeyError", "ValueError", "ExceptionGroup", "RuntimeError"):
        assert name in record["exception"]
    assert "in raised" in record["exception"]
    assert record["exception_name"] == "RuntimeError"


def test_an_error_whose_cause_is_hidden_is_told_alone() -> None:
    error = raised(ValueError("walrus"), KeyError("walrus"))
    error.__cause__ = None
    assert "ValueError" not in json.loads(line(WORDLESS, "failed", error))["exception"]


def test_an_error_that_is_its_own_cause_is_told_once() -> None:
    error = raised(ValueError("walrus"))
    error.__cause__ = error
    assert json.loads(line(WORDLESS, "failed", error))["exception"].count("ValueError") == 1


def test_a_developers_own_terminal_has_the_words_too() -> None:
    assert (
        "ValueError: walrus"
        in json.loads(line(LogLines(wordless=False), "failed", raised(ValueError("walrus"))))["exception"]
    )


class StatusError(Exception):
    """As the errors of a model's provider."""

    def __init__(self, status_code: object) -> None:
        self.status_code = status_code


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (ZeroDivisionError("walrus"), "ZeroDivisionError"),
        (refused("walrus"), "botocore.exceptions.ClientError (ValidationException)"),
        (PutError("walrus", refused("walrus")), "pynamodb.exceptions.PutError (ValidationException)"),
        (StatusError(429), f"{__name__}.StatusError (429)"),
        (StatusError("walruses all over the place"), f"{__name__}.StatusError"),
    ],
)
def test_an_error_is_named_with_the_code_that_somebody_gave_it(error: Exception, name: str) -> None:
    assert named(error) == name


@given(words=WORDS)
def test_a_librarys_message_comes_without_what_was_put_into_it(words: str) -> None:
    error = raised(ValueError(words))
    record = logging.LogRecord(
        "asyncio", logging.ERROR, __file__, 1, f"Task of %s failed\nfuture: {words}", (words,), None
    )
    record.exc_info = (ValueError, error, error.__traceback__)
    assert LibraryRecords().filter(record)
    formatter = logging.Formatter("%(message)s")
    assert formatter.format(record).startswith("Task of %s failed\nTraceback")
    assert formatter.format(record).endswith("UnspokenError: ValueError")
    assert words not in formatter.format(record)


@given(words=st.text() | st.text("\r\n\x0b\x0c\x1c\x1d\x1e\x7f\x85\x9b\u2028\u2029a\ud800", min_size=1))
def test_no_value_ends_a_line_or_steers_a_terminal(words: str) -> None:
    record = logging.LogRecord("tests", logging.INFO, __file__, 1, "turn ended", (), None)
    record.user_id = words
    text = WORDLESS.format(record)
    assert len(text.splitlines()) == 1
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", text)
    assert json.loads(text)["user_id"] == valid(words)
