"""The environment variables of a function's worker: the template's, the local values, the caller's own."""

from collections.abc import Mapping

from infra.local.events import ACCOUNT_ID
from infra.local.template import Function

# The variables by which a process runs, finds its files and reaches a model provider from the caller's machine.
_PASSED = (
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "LANG",
    "LC_ALL",
    "PATH",
    "PYTHONDONTWRITEBYTECODE",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TMPDIR",
)
_IGNORE = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"
_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI")


def aws_variables(caller: Mapping[str, str]) -> dict[str, str]:
    """The caller's AWS settings; without credentials, dummy ones, which satisfy a local engine."""
    given = {name: value for name, value in caller.items() if name.startswith("AWS_")}
    region = given.get("AWS_REGION") or given.get("AWS_DEFAULT_REGION") or "us-east-1"
    given |= {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
    if not any(caller.get(name) for name in _CREDENTIALS):
        given |= {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_EC2_METADATA_DISABLED": "true"}
    return given


def proxy_exceptions(caller: Mapping[str, str]) -> dict[str, str]:
    """The hosts that no proxy leads to, this machine among them: what runs here finds the rest by HTTP too."""
    given = caller.get("no_proxy") or caller.get("NO_PROXY") or ""
    hosts = given if given == "*" else ",".join([*filter(None, [given]), "127.0.0.1"])
    return {"NO_PROXY": hosts, "no_proxy": hosts}


def _endpoints(caller: Mapping[str, str], invoke_url: str) -> dict[str, str]:
    """The caller's AWS settings, with the runner as Lambda.

    The names of the template's functions mean nothing elsewhere, and an event for them must not leave this machine. So
    the runner's address comes before the caller's own, and is in effect even where the caller asked for none to be.
    """
    given = aws_variables(caller)
    if given.get(_IGNORE, "").lower() == "true":
        given = {name: value for name, value in given.items() if not name.startswith("AWS_ENDPOINT_URL")}
    return {**given, "AWS_ENDPOINT_URL_LAMBDA": invoke_url, _IGNORE: "false"}


def worker_environment(
    function: Function, local: Mapping[str, str], caller: Mapping[str, str], invoke_url: str
) -> dict[str, str]:
    """The complete environment of the function's worker, which finds Lambda's Invoke at `invoke_url`.

    For a variable that the template declares for the function, the caller's own value comes before the local one, and
    that before the template's.
    """
    declared = dict(function.environment)
    for values in (local, caller):
        declared |= {name: values[name] for name in declared if values.get(name)}
    return {
        **{name: caller[name] for name in _PASSED if name in caller},
        **proxy_exceptions(caller),
        **_endpoints(caller, invoke_url),
        "AWS_ACCOUNT_ID": ACCOUNT_ID,
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "PYTHONUNBUFFERED": "1",
        "TZ": "UTC",
        **declared,
    }
