"""A stand-in for Cognito's sign-in page, over HTTPS: code with PKCE, tokens, revocation, sign-out, and faults."""

import json
import ssl
import threading
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import uuid4

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from infra.local import tokens

NAME = "localhost"
JSON = {"Content-Type": "application/json"}
Answer = tuple[int, dict[str, str], bytes]


class WrongRequestError(Exception):
    """The page would show an error in place of going on; the message is what it is about."""


@dataclass
class SignInPage:
    """Signs `user` in at once, for the console. A token lives for `seconds`; a `fault` takes the place of one."""

    key: str = ""
    console: str = ""
    user: str = "ada"
    seconds: int = 3600
    fault: Answer | None = None
    refuses: bool = False
    """Sends the user back with an error in place of a code."""
    changes: dict[str, str] = field(default_factory=dict)
    """What is added to the parameters that the user is sent back with."""
    claims: dict[str, Any] = field(default_factory=dict)
    """What is added to the claims of the id token."""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """The paths that were asked for, with their parameters."""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    refresh: set[str] = field(default_factory=set)
    port: int = 0

    @property
    def host(self) -> str:
        return f"{NAME}:{self.port}"

    def grants(self, kind: str) -> int:
        return sum(path == "/oauth2/token" and given["grant_type"] == kind for path, given in self.asked)

    def answer(self, path: str, given: dict[str, str]) -> Answer:
        self.asked.append((path, given))
        if self.fault and path == "/oauth2/token":
            return self.fault
        try:
            return {
                "/oauth2/authorize": self._authorize,
                "/oauth2/token": self._token,
                "/oauth2/revoke": self._revoke,
                "/logout": self._logout,
            }[path](given)
        except (KeyError, WrongRequestError) as error:
            return HTTPStatus.BAD_REQUEST, JSON, json.dumps({"error": "invalid_request", "what": str(error)}).encode()

    def _authorize(self, given: dict[str, str]) -> Answer:
        self._expect(given, client_id=tokens.CLIENT, redirect_uri=self.console, response_type="code")
        self._expect(given, code_challenge_method="S256", scope="openid email")
        if self.refuses:
            back = {"error": "access_denied", "error_description": "User denied", "state": given["state"]}
        else:
            code = str(uuid4())
            self.codes[code] = given
            back = {"code": code, "state": given["state"]}
        return HTTPStatus.FOUND, {"Location": f"{self.console}?{urlencode(back | self.changes)}"}, b""

    def _token(self, given: dict[str, str]) -> Answer:
        self._expect(given, client_id=tokens.CLIENT)
        if given["grant_type"] == "refresh_token":
            if given["refresh_token"] not in self.refresh:
                return HTTPStatus.BAD_REQUEST, JSON, b'{"error": "invalid_grant"}'
            return self._tokens({})
        begun = self.codes.pop(given["code"])
        self._expect(given, grant_type="authorization_code", redirect_uri=begun["redirect_uri"])
        digest = sha256(given["code_verifier"].encode()).digest()
        if urlsafe_b64encode(digest).decode().rstrip("=") != begun["code_challenge"]:
            raise WrongRequestError("code_verifier")
        refresh = str(uuid4())
        self.refresh.add(refresh)
        return self._tokens({"refresh_token": refresh}, nonce=begun["nonce"])

    def _tokens(self, more: dict[str, str], **claims: str) -> Answer:
        plain = jwt.decode(tokens.issue(self.key, self.user, self.seconds), options={"verify_signature": False})
        token = jwt.encode(plain | claims | self.claims, self.key, tokens.ALGORITHM)
        said = {"id_token": token, "access_token": "unused", "token_type": "Bearer", "expires_in": self.seconds} | more
        return HTTPStatus.OK, JSON, json.dumps(said).encode()

    def _revoke(self, given: dict[str, str]) -> Answer:
        self._expect(given, client_id=tokens.CLIENT)
        self.refresh.remove(given["token"])
        return HTTPStatus.OK, {}, b""

    def _logout(self, given: dict[str, str]) -> Answer:
        self._expect(given, client_id=tokens.CLIENT, logout_uri=self.console)
        return HTTPStatus.FOUND, {"Location": self.console}, b""

    @staticmethod
    def _expect(given: dict[str, str], **values: str) -> None:
        for name, value in values.items():
            if given[name] != value:
                raise WrongRequestError(f"{name} is {given[name]}")


class _Handler(BaseHTTPRequestHandler):
    page: SignInPage

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self._send(self.page.answer(parts.path, dict(parse_qsl(parts.query))))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._send(self.page.answer(self.path, dict(parse_qsl(body))))

    def _send(self, answer: Answer) -> None:
        status, headers, body = answer
        self.send_response(status)
        for name, value in (headers | {"Access-Control-Allow-Origin": "*", "Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def serving(folder: Path) -> Iterator[SignInPage]:
    """The page on a free port, under a certificate of its own that is made in the folder."""
    page = SignInPage()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"page": page}))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(folder))
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    page.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield page
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _certificate(folder: Path) -> Path:
    key, name, now = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)]),
        datetime.now(UTC),
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "page.pem"
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return file
