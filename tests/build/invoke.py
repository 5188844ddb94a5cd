"""Runs a handler with the folders on standard input as its only code besides Python's own; prints what came of it."""

import importlib
import json
import sys
import sysconfig
import time


class Context:
    """As much of the Lambda context as the functions use."""

    function_name = invoked_function_arn = aws_request_id = "built"
    memory_limit_in_mb = 1769
    deadline = time.monotonic() + 28

    def get_remaining_time_in_millis(self) -> int:
        return int((self.deadline - time.monotonic()) * 1000)


request = json.load(sys.stdin)
sys.path[:0] = request["folders"]
module, _, name = request["handler"].rpartition(".")
result = getattr(importlib.import_module(module), name)(request["event"], Context())

own = tuple(sysconfig.get_paths()[kind] for kind in ("stdlib", "platstdlib"))
files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
packages = tuple(f"{folder}/site-packages" for folder in own)
loaded = [
    file for file in files if file and file != __file__ and (not file.startswith(own) or file.startswith(packages))
]
print(json.dumps({"result": result, "loaded": loaded}))
