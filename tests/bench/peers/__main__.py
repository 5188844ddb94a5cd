"""Measures one public saver with one graph, in the saver's environment: `python -m tests.bench.peers`.

Prints the result as the last line, in JSON. The environment names the engine as boto3 wants it.
"""

import argparse
import json
import logging
import os

from tests.bench.checkpoint_graphs import GRAPHS, PLAIN
from tests.bench.conversation import DELETED_TURNS, Row, Thread, compared, deletion, some
from tests.bench.peers.savers import SAVERS


def main(name: str, graph: str, turns: dict[str, int], endpoint: str) -> Row:
    saver, meter = SAVERS[name](endpoint)
    make = GRAPHS[graph]
    found: Row = {"turns": {}, "kept": None, "deletion": None}
    for durability, most in turns.items():
        thread = Thread(make(saver), meter, durability)
        rows = list(compared(name, thread, most, some))
        found["turns"][durability] = rows
        if "error" not in rows[-1]:
            found["kept"] = {"turns": thread.turns, "messages": thread.messages}
    if graph == PLAIN and turns["async"] >= DELETED_TURNS:  # a smoke run has no time for it
        found["deletion"] = deletion(saver, Thread(make(saver), meter, "async"))
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("saver", choices=SAVERS)
    parser.add_argument("graph", choices=GRAPHS)
    parser.add_argument("--turns", type=json.loads, required=True, help="most of each durability, as JSON")
    options = parser.parse_args()
    logging.disable(logging.ERROR)
    endpoint = os.environ["AWS_ENDPOINT_URL_DYNAMODB"]
    print(json.dumps(main(options.saver, options.graph, options.turns, endpoint)))
