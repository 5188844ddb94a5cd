"""A session's settings for its model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chatkeep.agent.context.policy import Policy
from chatkeep.deadline import Deadline
from chatkeep.turns.model_calls import MODEL_NAME


@dataclass(frozen=True)
class ModelSettings:
    """The settings of the session, `model_name` as `provider:model`, and the deadline of the turn; without a `context`
    the model is given each prompt as it is."""

    model_name: str
    temperature: float
    max_tokens: int
    options: Mapping[str, Any]
    deadline: Deadline
    context: Policy | None = None

    @property
    def model(self) -> str:
        """The provider's own name of the model."""
        return self.model_name.partition(":")[2]

    def fields(self) -> dict[str, Any]:
        """The fields that every class of a model has."""
        return {
            "answer_by": self.deadline.answer_by,
            "context": self.context,
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "metadata": {MODEL_NAME: self.model_name},
        }
