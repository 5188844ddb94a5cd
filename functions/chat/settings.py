"""What the chat function reads from its environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from chatkeep.settings import required


@dataclass(frozen=True)
class ChatSettings:
    """The providers' endpoints are None where this deployment has none; `graph` names a factory as `module:factory`."""

    checkpoints_table: str
    graph: str
    allow_scripted_models: bool
    openai_base_url: str | None
    openai_api_key: str | None
    local_model_url: str | None

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "ChatSettings":
        """Raises KeyError naming the missing variable."""
        return cls(
            checkpoints_table=required(environment, "CHECKPOINTS_TABLE"),
            graph=required(environment, "GRAPH"),
            allow_scripted_models=environment.get("ALLOW_SCRIPTED_MODELS") == "true",
            openai_base_url=environment.get("OPENAI_BASE_URL") or None,
            openai_api_key=environment.get("OPENAI_API_KEY") or None,
            local_model_url=environment.get("LOCAL_MODEL_URL") or None,
        )


@cache
def settings() -> ChatSettings:
    """This process's settings, read once."""
    return ChatSettings.read(os.environ)
