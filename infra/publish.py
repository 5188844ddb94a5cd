"""Puts the console's files where a stack's distribution serves them: `python -m infra.publish STACK`.

It changes only what differs, so that it can be repeated after any failure. A file goes up after those that it imports,
and `index.html` last: whoever loads the page meanwhile may get old parts with new ones below, never the reverse.
"""

import argparse
import hashlib
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import uuid4

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.console_files import API, CACHING, CONFIGURATION, FIRST, FOLDER, TYPES, SignIn, configuration, files

_IMPORT = re.compile(r"""(?:from|import)\s*\(?\s*["'](\.{1,2}/[^"']+)["']""")


class PublishError(Exception):
    """The console could not be published, or not wholly; the message names the fault and the remedy."""


@dataclass(frozen=True)
class Place:
    """What a stack's outputs say of its console."""

    url: str
    bucket: str
    distribution: str
    sign_in: SignIn | None


@dataclass(frozen=True)
class Changes:
    """The names of the files that were put and removed, in this order."""

    put: list[str]
    removed: list[str]


def place(cloudformation: Any, stack: str) -> Place:
    """Where the console of a stack is. Raises PublishError where there is no such stack, or no console in it."""
    try:
        (found,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            region = cloudformation.meta.region_name
            raise PublishError(f"there is no stack {stack} in {region}; AWS_REGION names another region") from error
        raise
    outputs = {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])}
    if "ConsoleBucket" not in outputs:
        raise PublishError(f"the stack {stack} has no console; deploy it with the parameter Console=on")
    sign_in = None
    if "ConsoleClientId" in outputs:
        host, client, issuer = (outputs[f"Console{name}"] for name in ("SignInHost", "ClientId", "SignInIssuer"))
        sign_in = SignIn(host, client, issuer)
    return Place(outputs["ConsoleUrl"], outputs["ConsoleBucket"], outputs["ConsoleDistribution"], sign_in)


def contents(folder: Path, sign_in: SignIn | None) -> dict[str, bytes]:
    """All that is to be in the bucket, in the order in which it may be put there."""
    found = {name: file.read_bytes() for name, file in files(folder).items()}
    found[CONFIGURATION] = configuration(API, sign_in)
    return {name: found[name] for name in _ordered(found)}


def _ordered(found: Mapping[str, bytes]) -> Iterator[str]:
    """The names of the files, each after those that it imports, and the first page last."""
    done = {FIRST}

    def those_before(name: str) -> Iterator[str]:
        if name in found and name not in done:
            done.add(name)  # before its imports, so that modules that import each other come to an end
            for imported in _imports(name, found[name]):
                yield from those_before(imported)
            yield name

    for name in sorted(found):
        yield from those_before(name)
    yield FIRST


def _imports(name: str, content: bytes) -> Iterator[str]:
    """The modules that one imports, by their paths below the folder."""
    if name.endswith(".js"):
        for path in _IMPORT.findall(content.decode()):
            parts: list[str] = []
            for part in PurePosixPath(name).parent.joinpath(path).parts:
                if part == "..":
                    parts.pop()
                else:
                    parts.append(part)
            yield "/".join(parts)


def publish(s3: Any, bucket: str, wanted: Mapping[str, bytes]) -> Changes:
    """Make the bucket hold these files in their order and no others; those that are up to date are left alone."""
    there = _listed(s3, bucket)
    put = [name for name, content in wanted.items() if not _is_current(s3, bucket, name, content, there.get(name))]
    for name in put:
        s3.put_object(Bucket=bucket, Key=name, Body=wanted[name], **_headers(name))
    removed = sorted(there.keys() - wanted.keys())
    for name in removed:  # last, as an old page may still ask for them
        s3.delete_object(Bucket=bucket, Key=name)
    return Changes(put, removed)


def _listed(s3: Any, bucket: str) -> dict[str, str]:
    """The tags of what is in the bucket, by name."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return {one["Key"]: one["ETag"] for page in pages for one in page.get("Contents", [])}


def _is_current(s3: Any, bucket: str, name: str, content: bytes, tag: str | None) -> bool:
    """Whether it is there with this content, which its tag is the MD5 of, and with the headers of today."""
    if tag != f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"':
        return False
    head = s3.head_object(Bucket=bucket, Key=name)
    return all(head.get(header) == value for header, value in _headers(name).items())


def _headers(name: str) -> dict[str, str]:
    return {"ContentType": TYPES[PurePosixPath(name).suffix], "CacheControl": CACHING}


def invalidate(cloudfront: Any, distribution: str) -> None:
    """Have each edge ask for everything anew; else it does so a second after it last asked."""
    batch = {"Paths": {"Quantity": 1, "Items": ["/*"]}, "CallerReference": str(uuid4())}
    cloudfront.create_invalidation(DistributionId=distribution, InvalidationBatch=batch)


def run(stack: str) -> None:
    """Publish the console of a stack and say what was done. Raises PublishError."""
    try:
        session = boto3.Session()
        console = place(session.client("cloudformation"), stack)
        changes = publish(session.client("s3"), console.bucket, contents(FOLDER, console.sign_in))
        if changes.put or changes.removed:
            invalidate(session.client("cloudfront"), console.distribution)
    except (BotoCoreError, ClientError) as error:
        raise PublishError(f"{error}\nRepeat the command once that is mended: it goes on where it stopped.") from error
    print(f"{len(changes.put)} files put, {len(changes.removed)} removed; the console is at {console.url}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m infra.publish", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("stack", help="name of the stack, deployed with Console=on")
    try:
        run(parser.parse_args().stack)
    except PublishError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
