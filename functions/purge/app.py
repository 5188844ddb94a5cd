"""Purge: carries out deletions, erasures and timers as it is nudged to; on a schedule, looks for orphans."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from chatkeep.http.invocation import invoked
from chatkeep.removal.carrying_out import Worker
from chatkeep.telemetry import logger, metrics
from functions.purge.orphans import Run
from functions.purge.settings import settings


@logger.inject_lambda_context
@metrics.log_metrics(raise_on_empty_metrics=False)
@invoked
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    if event.get("orphans"):
        due = Run(settings().checkpoints_table).search()
    else:
        due = [(str(pk), str(sk)) for pk, sk in event["jobs"]]
    left = Worker(settings().checkpoints_table, settings().retention).carry_out(due)
    return {"left": len(left)}  # the sweep comes for them
