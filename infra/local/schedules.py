"""A schedule of the template while the runner is up."""

import asyncio
import uuid

from infra.local.functions import Functions
from infra.local.template import Schedule

SELDOM_SECONDS = 3_600


async def repeat(schedule: Schedule, functions: Functions) -> None:
    """Send its event at its rate, a frequent one's at once too, for the sake of what a killed runner has left."""
    if schedule.seconds >= SELDOM_SECONDS:
        await asyncio.sleep(schedule.seconds)
    while True:
        functions.send(schedule.function, schedule.event, str(uuid.uuid4()))
        await asyncio.sleep(schedule.seconds)
