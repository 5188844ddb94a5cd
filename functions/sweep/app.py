"""The sweep: on a schedule, repairs sessions whose turn died and that nobody returned to."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from chatkeep.http.invocation import invoked
from chatkeep.telemetry import logger, metrics
from chatkeep.turns import repair


@logger.inject_lambda_context
@metrics.log_metrics(raise_on_empty_metrics=False)
@invoked
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    repaired = repair.sweep()
    metrics.add_metric(name="LeasesRepaired", unit="Count", value=repaired)
    return {"repaired": repaired}
