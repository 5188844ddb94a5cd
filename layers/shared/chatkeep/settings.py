"""The settings that every function reads from its environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache


def required(environment: Mapping[str, str], name: str) -> str:
    """The variable's value; raises KeyError with its name where it is missing or empty."""
    value = environment.get(name, "")
    if not value:
        raise KeyError(f"the environment variable {name} is not set")
    return value


@dataclass(frozen=True)
class Settings:
    """Shared by all functions; `dynamodb_endpoint` is None on AWS and a URL elsewhere, `allowed_origin` `*` is any.

    `traces_endpoint` is where spans go by OTLP over HTTP, or `xray`; None is nowhere, and none are made.
    `jobs_function` carries out jobs, and `turns_function` background turns; None is nobody, until the schedule comes
    for them.
    """

    sessions_table: str
    allowed_origin: str
    dynamodb_endpoint: str | None
    traces_endpoint: str | None = None
    jobs_function: str | None = None
    turns_function: str | None = None

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Settings":
        """Raises KeyError naming the missing variable."""
        return cls(
            sessions_table=required(environment, "SESSIONS_TABLE"),
            allowed_origin=environment.get("ALLOWED_ORIGIN") or "*",
            dynamodb_endpoint=environment.get("DYNAMODB_ENDPOINT") or None,
            traces_endpoint=environment.get("OTEL_EXPORTER_OTLP_ENDPOINT") or None,
            jobs_function=environment.get("JOBS_FUNCTION") or None,
            turns_function=environment.get("TURNS_FUNCTION") or None,
        )


@cache
def settings() -> Settings:
    """This process's settings, read once."""
    return Settings.read(os.environ)
