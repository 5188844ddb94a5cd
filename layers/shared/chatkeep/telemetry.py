"""The logger, tracer and metrics of a function; all are set up by POWERTOOLS_ variables."""

import warnings

from aws_lambda_powertools import Logger, Metrics, Tracer

logger = Logger()
tracer = Tracer(auto_patch=False)
metrics = Metrics()

warnings.filterwarnings("ignore", message="No application metrics to publish")  # most requests have none
