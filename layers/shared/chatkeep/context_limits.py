"""The option by which a session, or the deployment for its endpoint, says how many tokens a model reads at most."""

OPTION = "context_limit"
LEAST, MOST = 512, 100_000_000
RULE = f"must be a whole number of tokens from {LEAST} to {MOST:,}"


def is_limit(value: object) -> bool:
    """Whether it can be the limit of a model that holds conversations."""
    return type(value) is int and LEAST <= value <= MOST
