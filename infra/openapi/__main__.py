"""Writes infra/openapi.json: `python -m infra.openapi`."""

import os
import sys

from infra.local.template import load_functions
from infra.openapi.stack import FILE, STACK


def _make_functions_importable() -> None:
    """Give this process what the template gives the functions: their variables and their layers."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    for function in load_functions(STACK).values():
        for name, value in function.environment.items():
            os.environ.setdefault(name, value)
        sys.path.extend(str(layer) for layer in function.layers)


if __name__ == "__main__":
    _make_functions_importable()
    from infra.openapi.document import text

    FILE.write_text(text(), encoding="utf-8")
