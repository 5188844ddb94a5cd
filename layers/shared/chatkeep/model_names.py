"""Names of models, `provider:model`, and those that a deployment allows."""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from chatkeep.errors import ModelNotSupportedError

GEOGRAPHY = re.compile(r"bedrock:(au|apac|ca|eu|global|in|jp|us|us-gov)\.")
"""Of Bedrock's inference profiles: https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html"""
NARROWER = {
    "ap-northeast-1": "jp", "ap-northeast-3": "jp", "ap-south-1": "in", "ap-south-2": "in",
    "ap-southeast-2": "au", "ap-southeast-4": "au",
}  # fmt: skip
"""Regions of Asia that have profiles of their country too."""
DATE = r"-(?:\d{8}|\d{4}-\d{2}-\d{2}|\d{4})"
ENDING = {
    "bedrock": re.compile(rf"(?:{DATE})?(?:-v\d+|-v?\d+(?::\d+)+k?|:\d+)?\Z", re.ASCII),
    "openai": re.compile(rf"(?:{DATE}|-latest)?\Z", re.ASCII),
}
"""Dates and versions at the end: `-20251001-v1:0`, `-1:0`, `-2024-07-18`, `-0613`."""


def family(model_name: str) -> str:
    """The name without region, date and version: `bedrock:anthropic.claude-haiku-4-5` whichever of them it has."""
    provider, _, _ = model_name.partition(":")
    name = GEOGRAPHY.sub("bedrock:", model_name)
    return ENDING[provider].sub("", name, count=1) if provider in ENDING else name


def geographies(region: str) -> set[str]:
    """Those whose inference profiles can be called from an AWS region."""
    if region.startswith("us-gov-"):
        return {"us-gov"}
    area = region.partition("-")[0]
    return {"global", "apac" if area == "ap" else area} | ({NARROWER[region]} if region in NARROWER else set())


@dataclass(frozen=True)
class AllowedModels:
    """The names that match a pattern; without patterns, the family of the default model. That model itself always."""

    default_model: str
    patterns: tuple[str, ...]

    @classmethod
    def read(cls, patterns: str, default_model: str) -> "AllowedModels":
        """From patterns with commas between; `*` in one stands for any characters, `?` for any one."""
        return cls(default_model, tuple(filter(None, map(str.strip, patterns.split(",")))))

    def check(self, model_name: str, field: str = "model_name") -> None:
        """Raises ModelNotSupportedError naming `field` where the deployment does not allow the model."""
        if not self.allows(model_name):
            raise ModelNotSupportedError(f"{model_name!r} is not a model that this deployment allows", field)

    def allows(self, model_name: str) -> bool:
        if model_name == self.default_model:
            return True
        if not self.patterns:
            return family(model_name) == family(self.default_model)
        return any(fnmatchcase(model_name, pattern) for pattern in self.patterns)
