"""The demonstration's data folder: beside the ordinary one, made anew when it is missing, half-made or a day old."""

import hashlib
import json
import os
import shutil
import time
from pathlib import Path

from infra.local.demo.seeding import fill
from infra.local.folder import ROOT, FolderError, locked

MARKER = "demo.json"
LONGEST_SECONDS = 24 * 60 * 60
"""How old the month may be and still be the last one."""
LOCK = "lock"


def ready() -> Path:
    """`CHATKEEP_DATA`, else `.chatkeep-demo` at the project's root, with a month in it that has just ended.

    Raises LocalError where it is in use, or holds something else.
    """
    folder = Path(os.environ.get("CHATKEEP_DATA") or ROOT / ".chatkeep-demo").resolve()
    if is_fresh(folder):
        return folder
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).exists():
        raise FolderError(f"the folder {folder} holds other data\nSet CHATKEEP_DATA to use another one.")
    try:
        _make(folder)
    except OSError as error:
        raise FolderError(f"the demonstration's folder {folder} cannot be made: {error.strerror}") from error
    return folder


def is_fresh(folder: Path) -> bool:
    """Whether the folder was made within the day, and from the story as it is now."""
    try:
        marker = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        is_recent: bool = 0 <= time.time() - marker["made_at"] < LONGEST_SECONDS
        return is_recent and bool(marker["story"] == _story())
    except (KeyError, OSError, TypeError, ValueError):
        return False


def _story() -> str:
    """A digest of what the month is made from."""
    here = Path(__file__).parent
    files = sorted(file for file in here.iterdir() if file.suffix in (".py", ".toml"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _make(folder: Path) -> None:
    """Make the month beside the folder, and put it in place once it is whole."""
    draft = folder.with_name(f"{folder.name}.new")
    draft.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(draft):
        for left in draft.iterdir():  # by a run that died
            if left.name != LOCK:
                left.unlink()
        fill(draft)
        marker = {"made_at": time.time(), "story": _story()}
        (draft / MARKER).write_text(json.dumps(marker), encoding="utf-8")
        if folder.exists():
            with locked(folder):  # nobody serves it
                shutil.rmtree(folder)
        draft.rename(folder)
