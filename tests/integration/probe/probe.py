"""The handler of template.yaml."""

import json
import os
import time
from pathlib import Path


def handle(event, context):
    path = event["path"]
    if path == "/die":
        os._exit(3)
    if path == "/raise":
        raise ValueError("on demand")
    if path == "/count":  # in a file, and fail
        with Path(event["body"]).open("a") as file:
            file.write("x")
        raise ValueError("not counted enough")
    if path == "/unspeakable":
        return {1, 2}
    if path == "/nonsense":
        return "not a response"
    if path.startswith("/wait"):
        seconds, *files = event["body"].split()  # to touch at its start and at its end
        for file in files[:1]:
            Path(file).touch()
        time.sleep(float(seconds))
        for file in files[1:]:
            Path(file).touch()
    seen = {
        "event": event,
        "environment": dict(os.environ),
        "pid": os.getpid(),
        "milliseconds": context.get_remaining_time_in_millis(),
        "request_id": context.aws_request_id,
    }
    return {"statusCode": 200, "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"]}, "body": json.dumps(seen)}
