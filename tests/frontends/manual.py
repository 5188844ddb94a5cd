"""The code of functions/stream/README.md, as its readers take it."""

import re

from tests.runner import ROOT, Runner

README = ROOT / "functions" / "stream" / "README.md"
ADDRESS = "http://127.0.0.1:3000/v1"
CODE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def code(heading: str, runner: Runner) -> str:
    """The one block of code below a heading, for this runner."""
    text = README.read_text(encoding="utf-8")
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    ((_, found),) = CODE.findall(section)
    return found.replace(ADDRESS, runner.url)


def with_early_packages(script: str) -> str:
    """The same with the packages of the versions before."""
    older = {"ai": "ai-6", "@ai-sdk/react": "@ai-sdk/react-3", "@ag-ui/client": "@ag-ui/client-0"}
    for package, name in older.items():
        script = script.replace(f'from "{package}"', f'from "{name}"')
    return script
