"""The console on this machine: its files, with the headers that a deployment's have, and where the API is."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from urllib.parse import unquote

from infra.console_files import CACHING, CONFIGURATION, FIRST, SECURITY, TYPES, SignIn, configuration, files, policy
from infra.local.events import Answer, Request


@dataclass(frozen=True)
class Site:
    """Serves the console's `folder`, whose pages call the API at `api`, a path of the same origin."""

    folder: Path
    api: str
    sign_in: SignIn | None = None

    def answer(self, request: Request) -> Answer | None:
        """The file that a path names; None where there is none such, or another method."""
        if request.method not in ("GET", "HEAD"):
            return None
        name = unquote(request.path).removeprefix("/") or FIRST
        content = self._content(name)
        return None if content is None else self._of(request, name, content)

    def _content(self, name: str) -> bytes | None:
        if name == CONFIGURATION:
            return configuration(self.api, self.sign_in)
        file = self._files.get(name)
        return file.read_bytes() if file else None

    def _of(self, request: Request, name: str, content: bytes) -> Answer:
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        headers = [
            ("Content-Type", TYPES[Path(name).suffix]),
            ("Cache-Control", CACHING),
            ("ETag", tag),
            ("Content-Security-Policy", policy(self.sign_in)),
            *SECURITY,
        ]
        if request.header("If-None-Match") == tag:
            return Answer(HTTPStatus.NOT_MODIFIED, headers, b"")
        if "gzip" in (request.header("Accept-Encoding") or ""):
            content = gzip.compress(content, mtime=0)
            headers += [("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")]
        return Answer(HTTPStatus.OK, headers, content)

    @cached_property
    def _files(self) -> dict[str, Path]:
        return files(self.folder)
