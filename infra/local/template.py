"""The parts of template.yaml that the local runner uses: functions, routes, schedules, the gateway's own behaviour."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from infra.local import limits
from infra.local.intrinsics import TemplateError
from infra.local.stack import Stack


@dataclass(frozen=True)
class Function:
    """One Lambda function; `folder` has its source, `layers` are the folders of its layers' sources."""

    name: str
    folder: str
    handler: str
    environment: Mapping[str, str]
    layers: tuple[Path, ...]
    timeout_seconds: float
    memory_mb: int
    alias: str | None
    retries: int
    """How often Lambda tries again after an asynchronous invocation that failed."""

    @property
    def is_web(self) -> bool:
        """Whether it serves HTTP behind the Lambda Web Adapter; its handler is the script that the adapter runs."""
        return self.handler.endswith(".sh")

    @property
    def module(self) -> str:
        """The module of its handler, or of the app that its script serves."""
        return ".".join([*Path(self.handler).parent.parts, "app"]) if self.is_web else self.handler.rpartition(".")[0]


@dataclass(frozen=True)
class Route:
    """A method and a path of the API; an open one asks for no token. `seconds` is API Gateway's time-out."""

    method: str
    path: str
    function: str
    is_open: bool
    is_streamed: bool = False
    seconds: float = limits.INTEGRATION_SECONDS

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(self.path)))


def load_functions(stack: Stack) -> dict[str, Function]:
    """The template's functions by logical id. Raises TemplateError."""
    shared = stack.globals_of("Function")
    layers = {
        stack.attribute(logical_id, "Ref"): stack.path.parent / properties["ContentUri"]
        for logical_id, properties in stack.of_type("AWS::Serverless::LayerVersion")
    }
    return {
        logical_id: _function(logical_id, _merged(shared, properties), layers)
        for logical_id, properties in stack.of_type("AWS::Serverless::Function")
    }


def _function(logical_id: str, properties: dict[str, Any], layers: Mapping[str, Path]) -> Function:
    variables = properties.get("Environment", {}).get("Variables", {})
    return Function(
        name=logical_id,
        folder=properties.get("CodeUri", ""),
        handler=properties["Handler"],
        environment={name: _variable(value) for name, value in variables.items()},
        layers=tuple(layers[layer] for layer in properties.get("Layers", []) if layer in layers),
        timeout_seconds=float(properties.get("Timeout", 3)),
        memory_mb=int(properties.get("MemorySize", 128)),
        alias=properties.get("AutoPublishAlias"),
        retries=int(properties.get("EventInvokeConfig", {}).get("MaximumRetryAttempts", 2)),
    )


def _variable(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _merged(outer: Any, inner: Any) -> Any:
    """SAM's rule for Globals: mappings are merged, lists joined, anything else of the resource wins."""
    if isinstance(outer, dict) and isinstance(inner, dict):
        return outer | {key: _merged(outer[key], value) if key in outer else value for key, value in inner.items()}
    if isinstance(outer, list) and isinstance(inner, list):
        return outer + inner
    return inner


def load_routes(stack: Stack) -> list[Route]:
    """Every `Api` event of the template's functions, fixed paths before those with parameters."""
    default = _api_properties(stack).get("Auth", {}).get("DefaultAuthorizer")
    routes = [
        _route(logical_id, event["Properties"], default)
        for logical_id, properties in stack.of_type("AWS::Serverless::Function")
        for event in properties.get("Events", {}).values()
        if event["Type"] == "Api"
    ]
    return sorted(routes, key=lambda route: [part.startswith("{") for part in route.path.split("/")])


def _route(function: str, settings: Mapping[str, Any], default: str | None) -> Route:
    return Route(
        method=settings["Method"].upper(),
        path=settings["Path"],
        function=function,
        is_open=settings.get("Auth", {}).get("Authorizer", default) in (None, "NONE"),
        is_streamed=settings.get("ResponseTransferMode") == "RESPONSE_STREAM",
        seconds=settings.get("TimeoutInMillis", limits.INTEGRATION_SECONDS * 1000) / 1000,
    )


def find_route(routes: list[Route], method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The route of a request and its path parameters, still percent-encoded."""
    for route in routes:
        match = route.pattern.fullmatch(path)
        if match and route.method in (method, "ANY"):
            return route, match.groupdict()
    return None


def _api_properties(stack: Stack) -> dict[str, Any]:
    properties = [properties for _, properties in stack.of_type("AWS::Serverless::Api")]
    if len(properties) != 1:
        raise TemplateError(f"{stack.path.name} declares {len(properties)} APIs; the local runner serves one")
    return dict(_merged(stack.globals_of("Api"), properties[0]))


@dataclass(frozen=True)
class Schedule:
    """A function that gets `event` every `seconds`."""

    function: str
    name: str
    seconds: float
    event: Any


_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}


def load_schedules(stack: Stack) -> list[Schedule]:
    """Every `Schedule` event with a rate. Raises TemplateError for another expression."""
    schedules = []
    for logical_id, properties in stack.of_type("AWS::Serverless::Function"):
        for name, event in properties.get("Events", {}).items():
            if event["Type"] == "Schedule":
                rate = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", event["Properties"]["Schedule"])
                if rate is None:
                    raise TemplateError(f"the schedule {name} of {logical_id} is not a rate")
                seconds = int(rate[1]) * _SECONDS[rate[2]]
                schedules.append(Schedule(logical_id, name, seconds, _scheduled(name, event["Properties"])))
    return schedules


def _scheduled(name: str, properties: Mapping[str, Any]) -> Any:
    """What EventBridge sends: the schedule's Input, else an event of its own."""
    if "Input" not in properties:
        return {"source": "aws.events", "detail-type": "Scheduled Event", "resources": [name]}
    try:
        return json.loads(properties["Input"])
    except (TypeError, ValueError) as error:
        raise TemplateError(f"the Input of the schedule {name} is no JSON text: {error}") from error


@dataclass(frozen=True)
class Api:
    """API Gateway's own part: its stage, its CORS headers, the answers it gives in a function's place."""

    stage: str
    cors: Mapping[str, str]
    responses: Mapping[str, Mapping[str, Any]]


def load_api(stack: Stack) -> Api:
    """The template's one API. Raises TemplateError when there is none, or more."""
    properties = _api_properties(stack)
    cors = properties.get("Cors", {})
    if isinstance(cors, str):
        cors = {"AllowOrigin": cors}
    return Api(
        stage=properties["StageName"],
        cors={
            f"Access-Control-{re.sub(r'(?<=[a-z])(?=[A-Z])', '-', name)}": _unquoted(value)
            for name, value in cors.items()
        },
        responses=properties.get("GatewayResponses", {}),
    )


def _unquoted(value: Any) -> str:
    """API Gateway writes a constant between single quotes."""
    return _variable(value).strip("'")
