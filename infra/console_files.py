"""The console as any server has to serve it: which files, as what, under which policy, and what they are told."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "console"
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
DEVELOPERS = ("jsconfig.json", "packages/", "pictures/")
FIRST = "index.html"
CONFIGURATION = "configuration.json"
API = "/v1"
"""Where a deployment's console finds the API, a path of the same origin."""
CACHING = "no-cache"
"""Names say nothing of contents, so that a browser asks each time whether its copy is still the newest."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SECURITY = (
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)


@dataclass(frozen=True)
class SignIn:
    """A sign-in page with the paths of Cognito's, and the client of the pool behind it."""

    host: str
    client_id: str
    issuer: str
    algorithm: str = "RS256"
    """How the id tokens are signed."""

    @property
    def origin(self) -> str:
        return f"https://{self.host}"

    def told(self) -> dict[str, Any]:
        """What `lib/sign-in.js` takes."""
        return {
            "issuer": self.issuer,
            "clientId": self.client_id,
            "scope": "openid email",
            "algorithm": self.algorithm,
            "endpoints": {
                "authorize": f"{self.origin}/oauth2/authorize",
                "token": f"{self.origin}/oauth2/token",
                "revoke": f"{self.origin}/oauth2/revoke",
                "logout": f"{self.origin}/logout",
            },
        }


def configuration(api: str, sign_in: SignIn | None) -> bytes:
    """The content of `configuration.json`."""
    return json.dumps({"api": api} | ({"signIn": sign_in.told()} if sign_in else {})).encode()


def policy(sign_in: SignIn | None) -> str:
    """The Content-Security-Policy of every answer: tokens are asked for at the sign-in page's origin."""
    return POLICY.replace("connect-src 'self'", f"connect-src 'self' {sign_in.origin}") if sign_in else POLICY


def files(folder: Path) -> dict[str, Path]:
    """Those that are served, by their paths below the folder: nothing else can be asked for."""
    found = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()}
    return {name: file for name, file in found.items() if file.suffix in TYPES and not name.startswith(DEVELOPERS)}
