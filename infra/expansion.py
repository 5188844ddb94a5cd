"""The template as CloudFormation gets it, SAM's part expanded by SAM's own translator; needs no network.

    python -m infra.expansion FOLDER

writes it to FOLDER, beside the nested templates, for tools that check templates.
"""

import json
import logging
import shutil
import sys
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

logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it warns of a feature flag of AWS's own


def expand(template: dict[str, Any], parameters: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The template without SAM's types; parameters and conditions stay open, but for what SAM itself asks them.

    Folders count as uploaded, which is what `sam deploy` does with them first. Raises InvalidDocumentException.
    """
    sam = deepcopy(template)
    for resource in sam["Resources"].values():
        properties = resource.get("Properties", {})
        properties.update({name: _UPLOADED for name in _SOURCES if name in properties})
    session = boto3.Session(region_name="us-east-1")
    return dict(Translator({}, Parser(), boto_session=session).translate(sam, dict(parameters or {})))


def write(folder: Path) -> None:
    """Write the expansion of template.yaml and copies of the templates nested in it, where it looks for them."""
    folder.mkdir(parents=True, exist_ok=True)
    template = expand(load(TEMPLATE))
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
