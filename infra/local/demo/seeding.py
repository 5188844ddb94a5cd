"""Fills an empty data folder with the month, by the functions in this process and the local DynamoDB."""

import os
import sys
from contextlib import ExitStack, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path

from infra.local import engine
from infra.local.environment import aws_variables, proxy_exceptions
from infra.local.folder import ROOT, secret
from infra.local.stack import Stack
from infra.local.tables import create_missing_tables, table_client
from infra.local.template import load_functions

_STEPS_TOLD = 25


def fill(folder: Path) -> None:
    """Changes this process's environment for good. Raises LocalError."""
    now, stack = datetime.now(UTC), Stack(ROOT / "template.yaml", {})
    with ExitStack() as cleanup:
        port = engine.free_port()
        cleanup.callback(engine.stop, engine.start_dynoxide(folder, port))
        endpoint = f"http://127.0.0.1:{port}"
        _become(stack, folder, endpoint)
        create_missing_tables(stack, table_client(endpoint))
        _play(stack, now)


def _become(stack: Stack, folder: Path, endpoint: str) -> None:
    """Have this process be all of the functions at once, whatever its caller's variables are."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    for function in load_functions(stack).values():
        os.environ |= function.environment
        sys.path.extend(str(layer) for layer in function.layers if str(layer) not in sys.path)
    os.environ |= aws_variables({}) | proxy_exceptions(os.environ)
    os.environ |= {
        "ALLOWED_MODELS": "*",
        "CURSOR_SECRET": secret(folder, "cursor-secret"),
        "DEFAULT_MODEL": "openai:gpt-5-mini",
        "DYNAMODB_ENDPOINT": endpoint,
        "ERASURE_SECRET": secret(folder, "erasure-secret"),
        "GRAPH": "infra.local.demo.told_model:graph",
        "JOBS_FUNCTION": "",
        "LOG_LEVEL": "CRITICAL",
        "OPENAI_API_KEY": "",
        "OPENAI_BASE_URL": "",
        "TURNS_FUNCTION": "",
    }


def _play(stack: Stack, now: datetime) -> None:
    # Only now can the functions' modules be found, and read their environment.
    from infra.local.demo import month, playing, story
    from infra.local.demo.in_process import InProcess
    from infra.local.demo.told_time import ToldTime

    told = story.conversations()
    steps = month.steps(told, now)
    api = InProcess.of(stack, story.USER, ToldTime(steps[0].at, month.SEED))
    with redirect_stdout(None):  # where functions write their metrics
        playing.play(api, told, steps, _tell)


def _tell(done: int, of: int) -> None:
    """One line, which a terminal shows growing."""
    is_over = done == of
    if (sys.stderr.isatty() and done % _STEPS_TOLD == 0) or is_over:
        start, end = ("\r" if sys.stderr.isatty() else ""), ("\n" if is_over else "")
        print(f"{start}A month of conversations: {100 * done // of} %", end=end, file=sys.stderr, flush=True)
