"""The logger and metrics of a function; both are set up by POWERTOOLS_ variables and LOG_LEVEL."""

import logging
import os
import warnings

from aws_lambda_powertools import Logger, Metrics

from chatkeep.telemetry.log_lines import ON_LAMBDA, LibraryRecords, LogLines

logger = Logger(logger_formatter=LogLines(wordless=ON_LAMBDA))
metrics = Metrics()

# Powertools would have Lambda's own level count before LOG_LEVEL, and that has to let metrics pass: they have none.
logging.getLogger(logger.service).setLevel((os.environ.get("LOG_LEVEL") or "INFO").upper())
# What libraries say at INFO and DEBUG holds conversations and signatures.
logging.getLogger().setLevel(logging.WARNING)
if ON_LAMBDA:
    for _handler in logging.getLogger().handlers:
        _handler.addFilter(LibraryRecords())
    warnings.filterwarnings("ignore", message="Pydantic serializer warnings")  # they quote what is serialized

warnings.filterwarnings("ignore", message="No application metrics to publish")  # most requests have none
