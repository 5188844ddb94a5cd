"""The console's files as the local runner serves them."""

import gzip
import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.console_files import DEVELOPERS, FOLDER, POLICY, TYPES, SignIn
from infra.local.events import Answer, Request
from infra.local.site import Site

SITE = Site(FOLDER, "/v1")
SERVED = sorted(
    str(file.relative_to(FOLDER))
    for file in FOLDER.rglob("*")
    if file.suffix in TYPES and not str(file.relative_to(FOLDER)).startswith(DEVELOPERS)
)


def get(path: str, **headers: str) -> Answer | None:
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return SITE.answer(Request("GET", path, headers=named))


def found(path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    answer = get(path, **headers)
    assert answer is not None
    return answer.status, dict(answer.headers), answer.body


@pytest.mark.parametrize("name", SERVED)
def test_a_file_has_its_type_and_the_security_headers(name: str) -> None:
    status, headers, body = found(f"/{name}")
    assert (status, body) == (200, (FOLDER / name).read_bytes())
    assert headers["Content-Type"] == TYPES[Path(name).suffix]
    assert headers["Content-Security-Policy"] == POLICY
    assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "no-referrer")


def test_the_first_page_is_at_the_root() -> None:
    assert found("/")[2] == (FOLDER / "index.html").read_bytes()


def test_the_page_is_told_where_the_api_is() -> None:
    assert json.loads(found("/configuration.json")[2]) == {"api": "/v1"}


def test_where_users_sign_in_is_told_and_may_be_asked_for_tokens_and_nothing_else_may() -> None:
    page = SignIn("login.example.com", "7f3kq0c2", "https://issuer.example.com/pool")
    answer = Site(FOLDER, "/v1", page).answer(Request("GET", "/configuration.json"))
    assert answer is not None
    told = json.loads(answer.body)["signIn"]
    assert (told["clientId"], told["issuer"]) == (page.client_id, page.issuer)
    assert {one.split("/")[2] for one in told["endpoints"].values()} == {page.host}
    allowed = POLICY.replace("connect-src 'self'", "connect-src 'self' https://login.example.com")
    assert dict(answer.headers)["Content-Security-Policy"] == allowed != POLICY


def test_a_file_that_the_browser_has_is_not_sent_again() -> None:
    tag = found("/vendor.js")[1]["ETag"]
    status, _, body = found("/vendor.js", If_None_Match=tag)
    assert (status, body) == (304, b"")


def test_a_file_is_compressed_for_whoever_takes_that() -> None:
    _, headers, body = found("/vendor.js", Accept_Encoding="gzip, br")
    assert (headers["Content-Encoding"], headers["Vary"]) == ("gzip", "Accept-Encoding")
    assert gzip.decompress(body) == (FOLDER / "vendor.js").read_bytes()


def imported(name: str) -> set[str]:
    """A module, and all that it cannot begin without."""
    found, left = set(), [name]
    while left:
        module = left.pop()
        if module not in found:
            found.add(module)
            text = (FOLDER / module).read_text(encoding="utf-8")
            paths = re.findall(r'^(?:import|export)\b[^"]*"(\.[^"]+)"', text, re.MULTILINE)
            left += [os.path.normpath(Path(module).parent / path) for path in paths]
    return found


def test_the_first_view_is_light() -> None:
    """130 KB compressed, all that `index.html` leads to without a click."""
    first = {"index.html", "console.css", "icon.svg", *imported("console.js")}
    assert "vendor.js" in first
    assert not first & {"elements/usage.js", "vendor/plots.js", "vendor/highlight.js", "vendor/sign-in.js"}
    assert sum(len(gzip.compress((FOLDER / name).read_bytes())) for name in first) < 130_000


@pytest.mark.parametrize(
    "path",
    [
        "/packages/package.json",
        "/jsconfig.json",
        "/README.md",
        "/lib",
        "/../template.yaml",
        "/%2e%2e/template.yaml",
        "/nothing.js",
    ],
)
def test_nothing_else_is_served(path: str) -> None:
    assert get(path) is None


@given(path=st.text(alphabet=st.sampled_from("./%2eEfF\\ackgesjonmdvr"), max_size=30))
def test_no_path_leads_out_of_the_folder(path: str) -> None:
    answer = get(f"/{path}")
    assert answer is None or answer.body in {(FOLDER / name).read_bytes() for name in SERVED}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_files_are_only_read(method: str) -> None:
    assert SITE.answer(Request(method, "/index.html")) is None
