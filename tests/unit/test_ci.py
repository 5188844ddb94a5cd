"""The steps of `.ci/run` that run beside others: their failure fails, and none is left running."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.waiting import wait_until

RUN = (Path(__file__).parents[2] / ".ci" / "run").read_text(encoding="utf-8")


def run(folder: Path, steps: str) -> subprocess.CompletedProcess[str]:
    """These steps in place of CI's."""
    (folder / ".ci").mkdir()
    script = folder / ".ci" / "run"
    script.write_text(RUN.partition("step make setup")[0] + steps, encoding="utf-8")
    return subprocess.run(["bash", script], capture_output=True, text=True, check=False, timeout=60)


def test_a_step_beside_others_says_what_it_has_to_say_where_it_is_awaited(tmp_path: Path) -> None:
    ended = run(tmp_path, "begin other sh -c 'echo words'\nstep echo first\nstep await other\nstep echo last\n")
    said = [line for line in ended.stdout.splitlines() if line and not line.startswith("==")]
    assert (ended.returncode, said) == (0, ["first", "words", "last"])


@pytest.mark.parametrize("way", ["exit 3", "kill -TERM $$"])
def test_a_step_beside_others_that_fails_ends_ci_where_it_is_awaited(tmp_path: Path, way: str) -> None:
    ended = run(tmp_path, f"begin other sh -c 'echo words; {way}'\nstep true\nstep await other\nstep echo last\n")
    assert ended.returncode != 0
    assert "\nwords\n" in ended.stdout
    assert "\nlast\n" not in ended.stdout


def test_a_step_that_fails_ends_those_beside_it(tmp_path: Path) -> None:
    started = time.monotonic()
    ended = run(
        tmp_path, "begin other sh -c 'echo $$ >pid; echo words; exec sleep 50'\nsleep 1\nstep false\nstep echo last\n"
    )
    assert ended.returncode == 1
    assert "\nwords\n" in ended.stdout
    assert "\nlast\n" not in ended.stdout
    assert time.monotonic() - started < 40
    wait_until(lambda: not is_running(int((tmp_path / "pid").read_text())))


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_whatever_is_begun_is_awaited() -> None:
    steps = RUN.partition("step make setup")[2].split("\n")
    begun = [line.split()[1] for line in steps if line.split()[:1] == ["begin"] or line.strip().startswith("begin ")]
    awaited = [line.partition("step await ")[2].split(";")[0] for line in steps if "step await " in line]
    assert sorted(begun) == sorted(awaited)
