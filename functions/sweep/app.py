"""The sweep: on a schedule, repairs sessions whose turn died, and has jobs carried out that are due."""

import random
from collections.abc import Collection
from typing import Any, TypeVar

from aws_lambda_powertools.utilities.typing import LambdaContext

from chatkeep.http.invocation import invoked
from chatkeep.jobs.due import Keys, waiting
from chatkeep.jobs.nudging import nudge
from chatkeep.models.background import BackgroundTurn
from chatkeep.models.job import Job
from chatkeep.models.session import Session
from chatkeep.models.titling import Titling
from chatkeep.settings import settings
from chatkeep.telemetry import logger, metrics
from chatkeep.turns import repair

MOST_JOBS = 1_000
"""In ten invocations at once at most, so that many sessions which expire together do not take the account's
concurrency. They are drawn, so that jobs which cannot be carried out do not keep others waiting for good."""
MOST_USERS = 100
"""Whose models are asked; the jobs of one user go to one invocation, which carries them out one after the other."""
OF_MODELS: tuple[type[Job], ...] = (BackgroundTurn, Titling)
"""Jobs that ask models, for the worker."""
Drawn = TypeVar("Drawn")


@logger.inject_lambda_context
@metrics.log_metrics(raise_on_empty_metrics=False)
@invoked
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    due = dict(waiting())
    jobs = [keys for keys in due if not Session.KEY.matches(*keys)]
    of_models = [keys for keys in jobs if any(kind.KEY.matches(*keys) for kind in OF_MODELS)]
    nudge(_drawn(set(jobs) - set(of_models), MOST_JOBS), settings().jobs_function)
    users = set(_drawn(set(map(_user, of_models)), MOST_USERS))
    nudge([keys for keys in of_models if _user(keys) in users], settings().turns_function, apart=_user)
    repaired = repair.end_leases(due)
    metrics.add_metric(name="LeasesRepaired", unit="Count", value=repaired)
    if jobs:  # each metric is paid for in the hours in which it is sent
        metrics.add_metric(name="JobsDue", unit="Count", value=len(jobs))
        metrics.add_metric(name="LongestDueSeconds", unit="Seconds", value=max(map(due.__getitem__, jobs)))
    return {"repaired": repaired, "due": len(jobs)}


def _user(keys: Keys) -> str:
    return BackgroundTurn.KEY.partition.read(keys[0])["user_id"]


def _drawn(every: Collection[Drawn], most: int) -> list[Drawn]:
    return random.sample(list(every), min(len(every), most))
