"""The sweep: on a schedule, repairs the sessions whose turn died and whom nobody returned to."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from chatkeep import deadline
from chatkeep.telemetry import logger, metrics, tracer
from chatkeep.turns import repair


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics(raise_on_empty_metrics=False)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    with deadline.kept(event, context):
        repaired = repair.sweep()
    metrics.add_metric(name="LeasesRepaired", unit="Count", value=repaired)
    return {"repaired": repaired}
