"""`make run`: the API of template.yaml on this machine, with its tables and a small model.

    python -m infra.local [TEMPLATE]

Reads PORT, CHATKEEP_DATA, WORKERS (processes a function), DYNAMODB_ENDPOINT, SIGN_IN_HOST and any variable of the
functions.
"""

import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from infra.console_files import FOLDER, SignIn
from infra.local import engine, model
from infra.local.app import App
from infra.local.environment import aws_variables, proxy_exceptions, worker_environment
from infra.local.errors import LocalError
from infra.local.folder import ROOT, data_folder, locked, secret
from infra.local.functions import Functions
from infra.local.gateway import Gateway
from infra.local.invoking import invoke_server
from infra.local.server import Server, address, listen
from infra.local.service import Service, end_quietly, serve
from infra.local.site import Site
from infra.local.stack import Stack
from infra.local.tables import create_missing_tables, table_client
from infra.local.template import load_api, load_functions, load_routes, load_schedules
from infra.local.tokens import ALGORITHM, CLIENT, ISSUER, KEY, authorize, issue

_WORKERS = 4
USER = os.environ.get("USER", "") or "me"
"""Whom the printed address signs in."""


def _local_values(folder: Path, cleanup: ExitStack, caller: Mapping[str, str]) -> dict[str, str]:
    """The variables that differ from a deployment's, and the processes that they point to."""
    values = {
        "ALLOWED_MODELS": "*",
        "ALLOW_SCRIPTED_MODELS": "true",
        "CURSOR_SECRET": secret(folder, "cursor-secret"),
        "DEFAULT_MAX_TOKENS": "200",  # what the embedded model says well within a turn's time
        "DEFAULT_MODEL": f"local:{model.NAME}",
        "ERASURE_SECRET": secret(folder, "erasure-secret"),
        "USAGE_GROUP": "reporters",
    }
    if not caller.get("DYNAMODB_ENDPOINT"):
        port = engine.free_port()
        cleanup.callback(engine.stop, engine.start_dynoxide(folder, port))
        values["DYNAMODB_ENDPOINT"] = f"http://127.0.0.1:{port}"
    if not caller.get("LOCAL_MODEL_URL"):
        port = engine.free_port()
        cleanup.callback(engine.stop, model.start(port))
        values["LOCAL_MODEL_URL"] = f"http://127.0.0.1:{port}/v1"
    return values


def _site(api: str, caller: Mapping[str, str]) -> Site:
    """The console; its users sign in at SIGN_IN_HOST, whose tokens are as this runner's own."""
    host = caller.get("SIGN_IN_HOST")
    return Site(FOLDER, api, SignIn(host, CLIENT, ISSUER, ALGORITHM) if host else None)


def run(template: Path, port: int, workers: int) -> None:
    """Serve the template's API until asked to end. Raises LocalError."""
    stack = Stack(template.resolve(), {})
    declared, api, routes, scheduled = load_functions(stack), load_api(stack), load_routes(stack), load_schedules(stack)
    os.environ |= aws_variables(os.environ) | proxy_exceptions(os.environ)
    caller = dict(os.environ)
    with ExitStack() as cleanup:
        listener, invoking = cleanup.enter_context(listen(port)), cleanup.enter_context(listen(0))
        folder = data_folder()
        cleanup.enter_context(locked(folder))
        local = _local_values(folder, cleanup, caller)
        create_missing_tables(stack, table_client(caller.get("DYNAMODB_ENDPOINT") or local["DYNAMODB_ENDPOINT"]))
        environments = {
            name: worker_environment(one, local, caller, address(invoking)) for name, one in declared.items()
        }
        functions = Functions(declared, environments, stack.path.parent, workers)
        key = secret(folder, KEY)
        site = _site(f"/{api.stage}", caller) if template == ROOT / "template.yaml" else None
        app = App(Gateway(api, routes, partial(authorize, key)), functions, site)
        service = Service(Server(app, listener), invoke_server(functions, invoking), functions, scheduled)
        print(f"Lambda's Invoke is at {address(invoking)}", file=sys.stderr)
        if site:
            print(f"The console is at {address(listener)}/#token={issue(key, USER)}", file=sys.stderr)
        serve(service, f"Chatkeep is ready at {address(listener)}/{api.stage}")


def main() -> None:
    end_quietly()
    template = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "template.yaml"
    try:
        run(template, int(os.environ.get("PORT") or 3000), int(os.environ.get("WORKERS") or _WORKERS))
    except LocalError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
