"""Chromium for the tests: Debian's, installed where that can be done and it is missing."""

import os
import shutil
import subprocess
from contextlib import suppress

HOW = "There is no Chromium here: install it (`apt-get install chromium`), so that `chromium` is on the path."


class NoChromiumError(Exception):
    """It is missing and could not be installed; the message says how to get it."""


def found() -> str:
    """Its program. Raises NoChromiumError."""
    if program := shutil.which("chromium"):
        return program
    if shutil.which("apt-get") and os.geteuid() == 0:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "chromium"]):
            with suppress(subprocess.TimeoutExpired):
                subprocess.run(command, check=False, capture_output=True, timeout=300, env=environment)
    program = shutil.which("chromium")
    if program is None:
        raise NoChromiumError(HOW)
    return program


if __name__ == "__main__":
    try:
        print(found())
    except NoChromiumError as error:
        raise SystemExit(str(error)) from None
