"""Ends a process together with the one that started it, even when that one is killed.

A child's standard input is a pipe that only its parent holds the other end of: it closes when the parent dies.

    python -m infra.local.lifeline COMMAND...    runs a command that knows nothing of this
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import IO


def at_parents_end(action: Callable[[], None]) -> None:
    """Call `action` in a thread once the parent is gone."""

    def wait() -> None:
        while os.read(0, 4096):
            pass
        action()

    threading.Thread(target=wait, daemon=True).start()


def end_with_parent() -> None:
    """End this process at once when its parent is gone."""
    at_parents_end(lambda: os._exit(1))


def start_guarded(command: Sequence[str | Path], output: IO[bytes]) -> subprocess.Popen[bytes]:
    """A process that runs `command` and ends it when this process ends, or when it is terminated itself."""
    return subprocess.Popen(
        [sys.executable, "-m", "infra.local.lifeline", *command],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=output,
        start_new_session=True,
        cwd=Path(__file__).parents[2],
    )


def main() -> None:
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)

    def terminate(number: int, frame: FrameType | None) -> None:
        child.terminate()

    signal.signal(signal.SIGTERM, terminate)
    at_parents_end(child.kill)
    sys.exit(child.wait())


if __name__ == "__main__":
    main()
