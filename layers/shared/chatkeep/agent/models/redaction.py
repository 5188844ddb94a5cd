"""A provider's words without those that belong to the operator alone."""

import re
from urllib.parse import urlsplit

from chatkeep.agent.settings import settings
from chatkeep.text import valid

LONGEST = 300
HIDDEN = "[hidden]"
SECRETS = re.compile(
    r"""
    \b\w+://\S+                                             # addresses
    | \barn:[\w-]+:\S+
    | \b(?:sk|pk|rk|gsk|key|org|proj|api|bearer|token|AKIA|ASIA)[-_:=\s]*[\w*./+=-]{6,}
    | \b[\w.+-]+@[\w-]+\.[\w.-]+                            # mail
    | \b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b                  # IPv4
    | \b(?:[\w-]+\.)+(?:com|net|org|io|ai|dev|cloud|internal|local|lan|corp|azure)\b(?::\d+)?(?:/\S*)?
    | \blocalhost(?::\d+)?(?:/\S*)?
    | \b\d{12}\b                                            # AWS accounts
    | [*]{3,}\S*
    | \b(?=[\w+/=-]*\d)(?=[\w+/=-]*[A-Za-z])[\w+/=-]{20,}   # keys, digests, tokens
    """,
    re.IGNORECASE | re.VERBOSE,
)


def redacted(words: str) -> str:
    """`words` as one line of at most `LONGEST` characters, with keys, addresses and accounts hidden."""
    line = " ".join(valid(words)[: LONGEST * 4].split())
    at = urlsplit(settings().openai_base_url or "")
    key = settings().openai_api_key
    for secret in (*(key.known() if key else ()), settings().openai_base_url, at.netloc, at.hostname):
        if secret:
            line = line.replace(secret, HIDDEN)
    line = SECRETS.sub(HIDDEN, line)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
