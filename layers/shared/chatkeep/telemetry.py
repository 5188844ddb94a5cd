"""The logger, tracer and metrics of a function; all are set up by POWERTOOLS_ variables."""

import json
import warnings
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer

from chatkeep.text import valid


def _line(record: Any) -> str:
    """A record as one line of JSON that any stream takes: what a model or a tool says may be no valid Unicode."""
    return valid(json.dumps(record, default=str, separators=(",", ":"), ensure_ascii=False))


logger = Logger(json_serializer=_line)
tracer = Tracer(auto_patch=False)
metrics = Metrics()

warnings.filterwarnings("ignore", message="No application metrics to publish")  # most requests have none
