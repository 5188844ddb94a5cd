"""Nudging the function that carries out jobs, so that they begin at once and not with the next schedule."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import copy_context
from functools import cache
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session

from chatkeep.aws import punctual
from chatkeep.aws.punctual import CONNECT_SECONDS
from chatkeep.jobs.due import Keys
from chatkeep.telemetry import logger

READ_SECONDS = 2.0
CONFIG = Config(connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, retries={"total_max_attempts": 1})
LONGEST_WAIT_SECONDS = 0.2
"""An answer is held up by it no longer. An invocation takes a tenth of that, but for the first of a process."""
MOST_KEYS = 100
"""One invocation works through as many, so that a user with many jobs takes one function of the account's."""


def nudge(due: Iterable[Keys], function: str | None, apart: Callable[[Keys], object] = lambda _: None) -> None:
    """Have jobs carried out by asynchronous invocations of `function`, if there is one; never raises.

    Those for which `apart` is not the same go to different invocations. If an invocation fails, the schedule comes for
    its jobs and all after them.
    """
    if not function:
        return
    for keys in _batches(due, apart):
        event = {"jobs": [list(one) for one in keys]}
        try:
            _client().invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(event).encode())
        except (BotoCoreError, ClientError) as error:
            logger.warning("jobs were not nudged; the schedule comes for them", exc_info=error)
            return


def nudge_shortly(due: Sequence[Keys], function: str | None) -> None:
    """The same for whoever has an answer to give: the invocation goes on without its caller after a moment.

    Lambda may hold it up then until the process has its next request; the schedule may come first.
    """
    if function:
        sending = threading.Thread(target=copy_context().run, args=(nudge, due, function), daemon=True)
        sending.start()
        sending.join(LONGEST_WAIT_SECONDS)


def _batches(due: Iterable[Keys], apart: Callable[[Keys], object]) -> Iterator[list[Keys]]:
    groups: dict[object, list[Keys]] = {}
    for keys in due:
        groups.setdefault(apart(keys), []).append(keys)
    for group in groups.values():
        for start in range(0, len(group), MOST_KEYS):
            yield group[start : start + MOST_KEYS]


@cache
def _client() -> Any:
    client = get_session().create_client("lambda", config=CONFIG)
    punctual.limit_attempts(client, "lambda", READ_SECONDS)
    return client
