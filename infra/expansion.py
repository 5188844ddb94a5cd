"""The template as CloudFormation gets it, expanded by SAM's own translator; needs no network.

    python -m infra.expansion FOLDER

writes production's to FOLDER, beside the nested templates, for tools that check templates.
"""

import json
import logging
import shutil
import sys
import tomllib
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from infra.local.intrinsics import load

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = ROOT / "template.yaml"
_SOURCES = ("CodeUri", "ContentUri")
_UPLOADED = "s3://bucket/key"

logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it warns of an internal feature flag of AWS


def expand(template: dict[str, Any], parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The template without SAM's types; parameters and conditions stay open.

    SAM itself heeds few parameters; `Rollout` decides about the resources of CodeDeploy. A folder counts as uploaded,
    as `sam deploy` uploads it first. Raises InvalidDocumentException.
    """
    sam = deepcopy(template)
    for resource in sam["Resources"].values():
        properties = resource.get("Properties", {})
        folders = [name for name in _SOURCES if not str(properties.get(name, _UPLOADED)).startswith("s3://")]
        properties.update(dict.fromkeys(folders, _UPLOADED))
    session = boto3.Session(region_name="us-east-1")
    return dict(Translator({}, Parser(), boto_session=session).translate(sam, dict(parameters or {})))


def configured(environment: str) -> dict[str, str]:
    """The parameters that a configuration of samconfig.toml gives."""
    config = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    given = config[environment]["deploy"]["parameters"]["parameter_overrides"].split()
    return dict(one.split("=", 1) for one in given)


def write(folder: Path) -> None:
    """Write the expansion for production, which has all parts, and copies of its nested templates where it refers to
    them."""
    folder.mkdir(parents=True, exist_ok=True)
    template = expand(load(TEMPLATE), configured("production"))
    (folder / "template.json").write_text(json.dumps(template, indent=2), encoding="utf-8")
    for path in nested(template):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, folder / path)


def nested(template: dict[str, Any]) -> list[str]:
    """The files of the nested stacks, relative to the template."""
    stacks = [one for one in template["Resources"].values() if one["Type"] == "AWS::CloudFormation::Stack"]
    return [one["Properties"]["TemplateURL"] for one in stacks]


if __name__ == "__main__":
    write(Path(sys.argv[1]))
