"""The console on this machine: its files, with the headers that a deployment's have, and where the API is."""

import gzip
import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from urllib.parse import unquote

from infra.local.events import Answer, Request

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
"""The files that are served, by the ends of their names; others in the folder are for developers."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SECURITY = (
    ("Content-Security-Policy", POLICY),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)
FIRST = "index.html"
CONFIGURATION = "configuration.json"
DEVELOPERS = ("packages/", "pictures/")


@dataclass(frozen=True)
class Site:
    """Serves the console's `folder`, whose pages call the API at `api`, a path of the same origin."""

    folder: Path
    api: str

    def answer(self, request: Request) -> Answer | None:
        """The file that a path names; None where there is none such, or another method."""
        if request.method not in ("GET", "HEAD"):
            return None
        name = unquote(request.path).removeprefix("/") or FIRST
        content = self._content(name)
        return None if content is None else self._of(request, name, content)

    def _content(self, name: str) -> bytes | None:
        if name == CONFIGURATION:
            return json.dumps({"api": self.api}).encode()
        file = self._files.get(name)
        return file.read_bytes() if file else None

    def _of(self, request: Request, name: str, content: bytes) -> Answer:
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        headers = [("Content-Type", TYPES[Path(name).suffix]), ("Cache-Control", "no-cache"), ("ETag", tag), *SECURITY]
        if request.header("If-None-Match") == tag:
            return Answer(HTTPStatus.NOT_MODIFIED, headers, b"")
        if "gzip" in (request.header("Accept-Encoding") or ""):
            content = gzip.compress(content, mtime=0)
            headers += [("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")]
        return Answer(HTTPStatus.OK, headers, content)

    @cached_property
    def _files(self) -> dict[str, Path]:
        """Those that are served, by their names: nothing else can be asked for."""
        files = {str(file.relative_to(self.folder)): file for file in self.folder.rglob("*") if file.is_file()}
        return {name: file for name, file in files.items() if file.suffix in TYPES and not name.startswith(DEVELOPERS)}
