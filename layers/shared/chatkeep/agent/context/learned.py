"""What providers say of their models' context when they refuse a prompt; a process knows it from then on."""

import re

from chatkeep import context_limits

SAID = tuple(
    re.compile(pattern.replace("N", r"(\d[\d,_]*)"), re.IGNORECASE)
    for pattern in (
        r"context limit: \d+ \+ \d+ > N",  # Anthropic
        r"tokens?\s*>\s*N\s*maximum",
        r"max_new_tokens\W* must be <= N",  # TGI
        r"inputs\W* must have less than N tokens",
        r"max\w*\.? context (?:length|window|size)(?: is| of|:) (?:only )?N",  # OpenAI and those that speak as it does
        r"context (?:length|window|size)(?: is| of|:)? (?:only )?\(?N tokens",  # vLLM, SGLang, llama.cpp, LM Studio
        r"max_model_len\W{1,3}N",
        r"maximum model length of N",
        r"maximum number of (?:input )?tokens allowed \(N\)",  # Google
        r"maximum prompt length is N",  # xAI
        r"max input tokens: N",  # Bedrock
        r"prompt cannot exceed N tokens",  # Cohere
        r"tokens limit N for this model",  # watsonx
        r"while limit is N",  # Cerebras
        r"model token limit: N",  # Kimi
        r"model max length exceeded, max length:\s?N",
        r"prompt token count of \d+ exceeds the limit of N",  # GitHub Copilot
        r"input length should be \[1, N\]",  # DashScope
        r"input length \d+ exceeds the maximum length N",  # Volcano Engine
    )
)
"""The number is a limit in these words alone: refusals name other numbers too, and repeat what users have written."""

_limits: dict[str, int] = {}


def learn(model_name: str, refusal: str, read: int = 0) -> int | None:
    """The limit that a provider names in its refusal, if it does, and one over what the model has `read` already."""
    for pattern in SAID:
        if (found := pattern.search(refusal)) is not None:
            limit = int(re.sub(r"\D", "", found[1])[:12] or 0)
            if context_limits.is_limit(limit) and limit > read:
                _limits[model_name] = limit
                return limit
    return None


def limit(model_name: str) -> int | None:
    """The limit that was learned; None while no provider has named it."""
    return _limits.get(model_name)


def forget() -> None:
    """Forget all limits."""
    _limits.clear()
