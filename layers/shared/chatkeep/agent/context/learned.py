"""What providers say of their models' context when they refuse a prompt; a process knows it from then on."""

import re

from chatkeep import context_limits

NUMBER = r"\D{0,40}?(\d[\d,_]*)"
SAID = (
    re.compile(r"context limit: \d+ \+ \d+ > (\d+)", re.IGNORECASE),
    re.compile(r"max_new_tokens\W* must be <= (\d+)", re.IGNORECASE),
    re.compile(r"max\w*\.? context (?:length|window|size)" + NUMBER, re.IGNORECASE),
    re.compile(r"(?:context (?:length|window|size|limit)|max_model_len)" + NUMBER, re.IGNORECASE),
    re.compile(r"tokens?\s*>\s*(\d[\d,_]*)\s*maximum", re.IGNORECASE),
    re.compile(r"max\w* (?:number of (?:input )?tokens|input|prompt length|model length)" + NUMBER, re.IGNORECASE),
    re.compile(r"tokens?(?: \w+){0,4} (?:cannot exceed|must have less than)(?: \w+){0,4}? (\d[\d,]*)", re.IGNORECASE),
    re.compile(r"(?:while limit is|must have less than) (\d[\d,]*)", re.IGNORECASE),
)
"""As Anthropic, TGI, OpenAI and vLLM, llama.cpp, Anthropic, Google with xAI and Bedrock, Cohere with watsonx, and
Cerebras say it. The first that fits counts, as refusals have other numbers too."""

_limits: dict[str, int] = {}


def learn(model_name: str, refusal: str) -> int | None:
    """The limit that a provider names in its refusal, if it does."""
    for pattern in SAID:
        if (found := pattern.search(refusal)) is not None:
            limit = int(re.sub(r"\D", "", found[1])[:12] or 0)
            if context_limits.is_limit(limit):
                _limits[model_name] = limit
                return limit
    return None


def limit(model_name: str) -> int | None:
    """The limit that was learned; None while no provider has named it."""
    return _limits.get(model_name)


def forget() -> None:
    """Forget all limits."""
    _limits.clear()
