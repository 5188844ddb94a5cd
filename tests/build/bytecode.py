"""Says what is wrong with the bytecode of a part: `python3.13 -m tests.build.bytecode FOLDER IN_LAMBDA`.

Runs on Lambda's Python, as only that can read it.
"""

import marshal
import sys
from collections.abc import Iterator
from importlib.util import MAGIC_NUMBER, cache_from_source, source_hash
from pathlib import Path

UNCHECKED_HASH = (1).to_bytes(4, "little")


def faults(source: Path, name: str) -> Iterator[str]:
    """Of one module, which Lambda has as `name`."""
    bytecode = Path(cache_from_source(str(source)))
    if not bytecode.exists():
        yield f"{name} has no bytecode"
        return
    content = bytecode.read_bytes()
    if content[:16] != MAGIC_NUMBER + UNCHECKED_HASH + source_hash(source.read_bytes()):
        yield f"{name} has bytecode of another Python, another source or another kind"
    elif (told := marshal.loads(content[16:]).co_filename) != name:
        yield f"{name} calls itself {told}"


def main(folder: Path, in_lambda: str) -> None:
    sources = sorted(folder.rglob("*.py"))
    for source in sources:
        for fault in faults(source, f"{in_lambda}/{source.relative_to(folder)}"):
            print(fault)
    bytecode = len(list(folder.rglob("*.pyc")))
    if not sources or bytecode != len(sources):
        print(f"{len(sources)} modules, {bytecode} files of bytecode")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
