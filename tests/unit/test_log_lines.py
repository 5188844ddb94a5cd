"""Log lines hold whatever a model, a tool or a provider has said."""

import io
import json
import logging

from chatkeep.telemetry import logger


def test_a_failure_told_in_half_a_surrogate_pair_is_logged() -> None:
    written = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    handler = logging.StreamHandler(written)
    handler.setFormatter(logger.registered_formatter)
    record = logging.LogRecord("tests", logging.WARNING, __file__, 1, "turn failed: %s", ("a \ud83d b \u00e9",), None)
    handler.handle(record)
    line = written.buffer.getvalue().decode()
    assert json.loads(line)["message"] == "turn failed: a \ufffd b \u00e9"
