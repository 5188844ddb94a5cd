"""The prompt cache of the fake Bedrock: usage as it is reported for a request with cache points."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.provider.bedrock_replies import tokens

CHARACTERS = 4
"""Of a token."""
LEAST = (
    (re.compile(r"claude-(haiku-4-5|opus-4-[5-9]|[a-z]+-5)"), 4096),
    (re.compile(r"claude-3-5-haiku"), 2048),
    (re.compile(r"anthropic\."), 1024),
    (re.compile(r"amazon\.nova-"), 1000),
)
"""Tokens before a point that counts."""


@dataclass
class Cache:
    """Keeps prefixes without end. It looks them up at a request's points alone, though Claude's looks further back."""

    kept: set[str] = field(default_factory=set)

    def usage(self, model: str, body: dict[str, Any], written: int) -> dict[str, Any]:
        """The usage of a request that `written` tokens answer; what it has before its points is kept from now on."""
        least = next((least for of, least in LEAST if of.search(model)), 0)
        found, total = [], 0
        digest = hashlib.sha256(model.encode())
        for block in _blocks(body):
            if "cachePoint" in block:
                found += [(digest.hexdigest(), total)] if total >= least else []
                continue
            text = json.dumps(block, sort_keys=True)
            digest.update(text.encode())
            total += len(text) // CHARACTERS
        read = max((size for name, size in found if name in self.kept), default=0)
        end = max((size for _, size in found), default=0)
        self.kept |= {name for name, _ in found}
        return tokens(total - max(read, end), written, cached=read, cached_5m=max(end - read, 0))


def _blocks(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """In the order in which prefixes have them."""
    yield from body.get("toolConfig", {}).get("tools", [])
    yield from body.get("system", [])
    for message in body["messages"]:
        yield {"role": message["role"]}
        yield from message["content"]
