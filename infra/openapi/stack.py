"""Where the document lies, and the template that it is made from."""

from pathlib import Path

from infra.local.stack import Stack

ROOT = Path(__file__).parents[2]
FILE = ROOT / "infra" / "openapi.json"
STACK = Stack(ROOT / "template.yaml", {})
