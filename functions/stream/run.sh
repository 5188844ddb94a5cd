#!/bin/sh
# Starts the app that the Lambda Web Adapter passes requests to; the adapter's wrapper runs this in the runtime's place.
# The managed runtime would have put code and layers on Python's path. A connection outlasts the adapter's, which it keeps
# for 4 seconds. Where the runner ends, what a stream still sends has 5 seconds.
set -eu
export PYTHONPATH="$LAMBDA_TASK_ROOT:/opt/python${PYTHONPATH:+:$PYTHONPATH}"
exec python -m uvicorn functions.stream.app:app --host 127.0.0.1 --port "$AWS_LWA_PORT" \
    --http h11 --loop asyncio --ws none --no-access-log --no-server-header --no-date-header --no-proxy-headers \
    --log-level warning --timeout-keep-alive 10 --timeout-graceful-shutdown 5
