"""The context limits of models: by the deployment's setting, by lists, and by what providers say when they refuse."""

import re

from chatkeep.agent import catalogue

LEAST, MOST = 256, 100_000_000
"""Limits that a model may have."""
SAID = (
    re.compile(r"(?:maximum|max\.?) context (?:length|window|size)\D{0,40}?(\d[\d,_]*)", re.IGNORECASE),
    re.compile(r"(?:context (?:length|window|size|limit)|max_model_len)\D{0,40}?(\d[\d,_]*)", re.IGNORECASE),
    re.compile(r"tokens?\s*>\s*(\d[\d,_]*)\s*maximum", re.IGNORECASE),
    re.compile(r"maximum (?:number of (?:input )?tokens|input)\D{0,40}?(\d[\d,_]*)", re.IGNORECASE),
)
"""As OpenAI and vLLM, llama.cpp, Anthropic and Google name it."""

_learned: dict[str, int] = {}


def context_limit(model_name: str) -> int | None:
    """Tokens that the model reads at most; None where nobody has told. Never raises."""
    known, learned = catalogue.context_limit(model_name), _learned.get(model_name)
    return min((one for one in (known, learned) if one is not None), default=None)


def learn(model_name: str, refusal: str) -> int | None:
    """The limit that a provider names in its refusal, if it does; this process knows it from then on."""
    for pattern in SAID:
        if (found := pattern.search(refusal)) is not None:
            limit = int(re.sub(r"\D", "", found[1])[:12] or 0)
            if LEAST <= limit <= MOST:
                _learned[model_name] = limit
                return limit
    return None


def forget() -> None:
    """Forget what providers have told."""
    _learned.clear()
