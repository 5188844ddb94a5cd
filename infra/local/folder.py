"""The folder that holds what survives a restart: tables, secrets, and the lock that keeps a second runner out."""

import fcntl
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from infra.local.errors import LocalError

ROOT = Path(__file__).parents[2]


class FolderError(LocalError):
    """The data folder cannot be used; the message names the cause and the remedy."""


def data_folder() -> Path:
    """`CHATKEEP_DATA`, else `.chatkeep` at the project's root, made if need be. Raises FolderError."""
    folder = Path(os.environ.get("CHATKEEP_DATA") or ROOT / ".chatkeep").resolve()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise FolderError(
            f"the data folder {folder} cannot be written: {error.strerror}\nSet CHATKEEP_DATA to use another one."
        ) from error
    return folder


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock the folder for one process; the system unlocks it at any exit. Raises FolderError if it is taken."""
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise FolderError(
                f"the data folder {folder} is used by another runner\nStop that one, or set CHATKEEP_DATA."
            ) from error
        yield


def secret(folder: Path, name: str) -> str:
    """A random secret, created at the first call and readable only by its owner. Racing callers get the same one."""
    path = folder / name
    if not path.exists():
        with tempfile.NamedTemporaryFile("w", dir=folder) as draft:  # mode 0600
            draft.write(secrets.token_urlsafe(48))
            draft.flush()
            with suppress(FileExistsError):  # another process was first
                os.link(draft.name, path)
    return path.read_text(encoding="utf-8")
