"""Worker: runs background turns and makes titles, as it is nudged to."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from chatkeep.agent.settings import settings
from chatkeep.http.invocation import invoked
from chatkeep.telemetry import logger, metrics
from functions.worker import carrying_out

settings()  # what cannot be read fails at start, and not a turn


@logger.inject_lambda_context
@metrics.log_metrics(raise_on_empty_metrics=False)
@invoked
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    left = carrying_out.carry_out([(str(pk), str(sk)) for pk, sk in event["jobs"]])
    return {"left": len(left)}  # the sweep comes for them
