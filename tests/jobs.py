"""Sweep and purge as their schedule and their nudges run them, and the metrics and lines that they write."""

import json
import time
from typing import Any

import pytest

from chatkeep.jobs.due import now_due
from chatkeep.models.background import BackgroundTurn
from chatkeep.models.titling import Titling
from functions.purge.app import lambda_handler as purge
from functions.sweep.app import lambda_handler as sweep
from infra.local.events import LambdaContext
from infra.local.template import load_functions
from tests import permissions
from tests.client import STACK

FUNCTIONS = load_functions(STACK)
MOST_ROUNDS = 10
OF_THE_WORKER = (Titling.KEY.sort.prefix, BackgroundTurn.KEY.sort.prefix)
GRANTED = permissions.granted(STACK)


def run_purge(*jobs: tuple[str, str]) -> Any:
    """Carry out these jobs, else all that are due, with the time and the permissions that purge has on AWS."""
    with permissions.only(GRANTED["PurgeFunction"]):
        return purge({"jobs": list(jobs or due())}, _context("PurgeFunction"))


def carry_out_jobs() -> None:
    """Carry out whatever is due, and what follows from it, until nothing is."""
    for _ in range(MOST_ROUNDS):
        if not due():
            return
        run_purge()
    raise AssertionError(f"still due after {MOST_ROUNDS} rounds: {due()}")


def search_orphans() -> Any:
    """Look for orphans in a pass from its beginning to its end."""
    with permissions.only(GRANTED["PurgeFunction"]):
        return purge({"orphans": True}, _context("PurgeFunction"))


def run_sweep() -> Any:
    with permissions.only(GRANTED["SweepFunction"]):
        return sweep({}, _context("SweepFunction"))


def due() -> list[tuple[str, str]]:
    """The keys of what is due now, as the sweep finds them, without titles and turns, which the worker carries out."""
    with permissions.only(GRANTED["SweepFunction"]):
        return [keys for keys in now_due() if not keys[1].startswith(OF_THE_WORKER)]


def _context(function: str) -> LambdaContext:
    return LambdaContext(function, "a-request", time.monotonic() + FUNCTIONS[function].timeout_seconds)


def written(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The lines that were written since the last call."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]


def metrics(lines: list[dict[str, Any]]) -> dict[str, float]:
    """The sums of the metrics in these lines."""
    sums: dict[str, float] = {}
    for line in lines:
        for found in line.get("_aws", {}).get("CloudWatchMetrics", []):
            for one in found["Metrics"]:
                sums[one["Name"]] = sums.get(one["Name"], 0) + sum(line[one["Name"]])
    return sums
