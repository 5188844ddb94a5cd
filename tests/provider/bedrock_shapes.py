"""The shapes of requests and answers of Bedrock's runtime, by the service model that botocore ships."""

import base64
import binascii
import json
import re
import struct
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from botocore.model import OperationModel, ServiceModel, Shape
from botocore.session import get_session
from botocore.validate import ParamValidator


@cache
def service() -> ServiceModel:
    return get_session().get_service_model("bedrock-runtime")


def operation(name: str) -> OperationModel:
    return service().operation_model(name)


def problems(value: Any, shape: Shape) -> list[str]:
    """The violations of a shape by the value: botocore's own report, and limits that botocore does not check."""
    report = ParamValidator().validate(value, shape)
    return report.generate_report().splitlines() if report.has_errors() else list(_beyond_limits(value, shape, ""))


def checked(value: Any, shape: Shape) -> bytes:
    """The value's JSON. Raises ValueError if Bedrock would not send it."""
    if found := problems(value, shape):
        raise ValueError(f"{shape.name}: {'; '.join(found)}")
    return json.dumps(value, allow_nan=False, default=_encoded_blob).encode()


def _encoded_blob(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _beyond_limits(value: Any, shape: Shape, name: str) -> Iterator[str]:
    for inner in _members(value, shape, name):
        yield from _beyond_limits(*inner)
    limits = shape.metadata
    if "max" in limits and (value if isinstance(value, int | float) else len(value)) > limits["max"]:
        yield f"{name} is beyond {limits['max']}"
    if shape.type_name == "string" and value not in limits.get("enum", [value]):
        yield f"{name}: {value!r} is not one of {', '.join(limits['enum'])}"
    if shape.type_name == "string" and not re.fullmatch(limits.get("pattern", r"[\s\S]*"), value):
        yield f"{name}: {value!r} does not match {limits['pattern']}"


def _members(value: Any, shape: Shape, name: str) -> Iterator[tuple[Any, Shape, str]]:
    match shape.type_name:
        case "structure" if not shape.is_document_type:
            yield from ((inner, shape.members[key], f"{name}.{key}") for key, inner in value.items())
        case "list":
            yield from ((inner, shape.member, f"{name}[{at}]") for at, inner in enumerate(value))
        case "map":
            yield from ((inner, shape.value, f"{name}.{key}") for key, inner in value.items())


STREAM_TYPE = "application/vnd.amazon.eventstream"


def stream_message(kind: str, body: Mapping[str, Any]) -> bytes:
    """An event or an exception of ConverseStream, encoded for the wire. Raises ValueError for an unknown one.

    The encoding: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html.
    """
    stream = operation("ConverseStream").output_shape.members["stream"]
    if kind not in stream.members:
        raise ValueError(f"{kind!r} is not one of {', '.join(stream.members)}")
    payload = checked(body, stream.members[kind])
    sort = "exception" if stream.members[kind].metadata.get("exception") else "event"
    return encoded({f":{sort}-type": kind, ":content-type": "application/json", ":message-type": sort}, payload)


def encoded(named: Mapping[str, str], payload: bytes) -> bytes:
    headers = b"".join(
        struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", 7, len(value)) + value.encode()
        for name, value in named.items()
    )
    prelude = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack("!I", binascii.crc32(prelude)) + headers + payload
    return message + struct.pack("!I", binascii.crc32(message))
