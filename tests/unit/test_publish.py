"""The console's files come to a stack's bucket whole, in order, and again after any failure."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, NoCredentialsError
from moto import mock_aws

from infra import publish
from infra.console_files import CONFIGURATION, FIRST, FOLDER, TYPES, SignIn, files
from infra.local.events import Request
from infra.local.site import Site
from infra.publish import Changes, PublishError

PAGE = SignIn("my-chat.auth.us-east-1.amazoncognito.com", "7f3kq0c2", "https://cognito-idp.us-east-1.amazonaws.com/p")
SIGNED = {"ConsoleClientId": PAGE.client_id, "ConsoleSignInHost": PAGE.host, "ConsoleSignInIssuer": PAGE.issuer}


class Aws:
    """An account with a distribution, a bucket, and stacks whose outputs name them."""

    def __init__(self) -> None:
        self.s3, self.cloudfront = boto3.client("s3"), boto3.client("cloudfront")
        self.bucket = "files"
        self.s3.create_bucket(Bucket=self.bucket)
        origin = {"Id": "o", "DomainName": "files.s3.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}
        behaviour = {"TargetOriginId": "o", "ViewerProtocolPolicy": "https-only"}
        config = {"CallerReference": "1", "Comment": "", "Enabled": True, "DefaultCacheBehavior": behaviour}
        config["Origins"] = {"Quantity": 1, "Items": [origin]}
        made = self.cloudfront.create_distribution(DistributionConfig=config)
        self.distribution: str = made["Distribution"]["Id"]

    def stack(self, name: str, **more: str) -> None:
        outputs = {"ConsoleUrl": "https://chat.example.com/", "ConsoleBucket": self.bucket} | more
        outputs["ConsoleDistribution"] = self.distribution
        self.stack_of(name, outputs)

    def stack_of(self, name: str, outputs: dict[str, str]) -> None:
        topic = {"Topic": {"Type": "AWS::SNS::Topic"}}
        said = {key: {"Value": value} for key, value in outputs.items()}
        body = json.dumps({"Resources": topic, "Outputs": said})
        boto3.client("cloudformation").create_stack(StackName=name, TemplateBody=body)

    def names(self) -> set[str]:
        return {one["Key"] for one in self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])}

    def invalidations(self) -> int:
        found = self.cloudfront.list_invalidations(DistributionId=self.distribution)
        return int(found["InvalidationList"].get("Quantity", 0))


@pytest.fixture
def aws() -> Iterator[Aws]:
    with mock_aws():
        yield Aws()


def test_what_is_published_is_what_the_local_runner_serves(aws: Aws) -> None:
    aws.stack("chat", **SIGNED)
    publish.run("chat")
    local = Site(FOLDER, "/v1", PAGE)
    assert aws.names() == {*files(FOLDER), CONFIGURATION}
    for name in aws.names():
        served, stored = local.answer(Request("GET", f"/{name}")), aws.s3.get_object(Bucket=aws.bucket, Key=name)
        assert served is not None
        headers = dict(served.headers)
        assert stored["Body"].read() == served.body
        assert (stored["ContentType"], stored["CacheControl"]) == (headers["Content-Type"], headers["Cache-Control"])


def test_a_console_without_a_sign_in_page_is_told_of_none(aws: Aws) -> None:
    aws.stack("chat")
    publish.run("chat")
    assert json.loads(aws.s3.get_object(Bucket=aws.bucket, Key=CONFIGURATION)["Body"].read()) == {"api": "/v1"}


def test_publishing_again_changes_nothing_and_invalidates_nothing(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.stack("chat")
    publish.run("chat")
    publish.run("chat")
    assert aws.invalidations() == 1
    assert capsys.readouterr().out.splitlines()[-1] == (
        "0 files put, 0 removed; the console is at https://chat.example.com/"
    )


def test_only_what_differs_is_put_and_what_is_no_longer_there_removed(aws: Aws) -> None:
    wanted = publish.contents(FOLDER, None)
    publish.publish(aws.s3, aws.bucket, wanted)
    aws.s3.put_object(Bucket=aws.bucket, Key="lib/of-old.js", Body=b"")
    aws.s3.put_object(Bucket=aws.bucket, Key="console.js", Body=b"of old", ContentType=TYPES[".js"])
    aws.s3.put_object(Bucket=aws.bucket, Key="icon.svg", Body=wanted["icon.svg"], ContentType="text/plain")
    assert publish.publish(aws.s3, aws.bucket, wanted) == Changes(["console.js", "icon.svg"], ["lib/of-old.js"])
    assert publish.publish(aws.s3, aws.bucket, wanted) == Changes([], [])


def test_a_file_goes_up_after_what_it_imports_and_the_first_page_last() -> None:
    order = list(publish.contents(FOLDER, None))
    assert order[-1] == FIRST
    assert sorted(order) == sorted({*files(FOLDER), CONFIGURATION})
    for importing, imported in (
        ("console.js", "elements/chat.js"),
        ("console.js", "elements/usage.js"),
        ("elements/usage.js", "vendor/plots.js"),
        ("elements.js", "elements/chat.js"),
        ("elements/chat.js", "lib/conversation.js"),
        ("lib/sign-in.js", "vendor/sign-in.js"),
        ("elements/chat.js", "vendor.js"),
    ):
        assert order.index(imported) < order.index(importing)


def test_modules_that_import_each_other_are_each_put_once(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text('import { b } from "./b.js";')
    (tmp_path / "b.js").write_text("export * from './a.js'; await import(\"./gone.js\");")
    (tmp_path / FIRST).write_text("")
    assert list(publish.contents(tmp_path, None)) == ["b.js", "a.js", CONFIGURATION, FIRST]


def refuse_after(client: Any, operation: str, count: int) -> list[str]:
    """Have that many requests succeed and the later ones fail; the names that went through."""
    seen: list[str] = []

    def fail(params: dict[str, Any], **_: object) -> None:
        if len(seen) == count:
            raise ClientError({"Error": {"Code": "SlowDown", "Message": "Reduce your request rate."}}, operation)
        seen.append(params["url_path"])

    client.meta.events.register(f"before-call.s3.{operation}", fail)
    return seen


@pytest.mark.parametrize("operation", ["PutObject", "DeleteObject"])
@pytest.mark.parametrize("count", [0, 1, 5])
def test_what_failed_midway_goes_on_where_it_stopped(aws: Aws, operation: str, count: int) -> None:
    wanted = publish.contents(FOLDER, None)
    for number in range(6):
        aws.s3.put_object(Bucket=aws.bucket, Key=f"old/{number}.js", Body=b"")
    failing = boto3.client("s3")
    refuse_after(failing, operation, count)
    with pytest.raises(ClientError):
        publish.publish(failing, aws.bucket, wanted)
    if operation == "PutObject":
        assert aws.names() == {f"old/{number}.js" for number in range(6)} | set(list(wanted)[:count])
    publish.publish(aws.s3, aws.bucket, wanted)
    assert aws.names() == set(wanted)


@pytest.mark.parametrize(
    ("outputs", "said"),
    [(None, r"there is no stack chat in us-east-1"), ({"ApiUrl": "x"}, r"has no console; deploy it with .*Console=on")],
)
def test_a_stack_that_has_no_console_is_told(aws: Aws, outputs: dict[str, str] | None, said: str) -> None:
    if outputs:
        aws.stack_of("chat", outputs)
    with pytest.raises(PublishError, match=said):
        publish.run("chat")


def test_missing_credentials_are_told_with_what_to_do_then(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise NoCredentialsError

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", none)
    with pytest.raises(PublishError, match=r"Unable to locate credentials\nRepeat the command"):
        publish.run("chat")


def test_a_lost_invalidation_is_told_as_an_error_though_the_files_are_there(aws: Aws) -> None:
    aws.stack_of("chat", {"ConsoleUrl": "u", "ConsoleBucket": aws.bucket, "ConsoleDistribution": "GONE"})
    with pytest.raises(PublishError, match="NoSuchDistribution"):
        publish.run("chat")
    assert FIRST in aws.names()
