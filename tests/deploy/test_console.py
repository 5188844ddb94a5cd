"""The console's stack by itself: deployed, published, served by its distribution, and deleted with files in place."""

from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from infra.console_files import FIRST, FOLDER, SECURITY, SignIn, policy
from infra.expansion import ROOT
from infra.publish import contents, invalidate, publish
from tests.deploy.emulator import Emulator
from tests.waiting import wait_until

STACK = "console"


@dataclass(frozen=True)
class Site:
    emulator: Emulator
    outputs: dict[str, str]
    page: SignIn

    def get(self, path: str) -> httpx.Response:
        host = self.outputs["DistributionDomain"]
        return httpx.get(f"{self.emulator.url}{path}", headers={"Host": host, "X-Forwarded-Proto": "https"})


def stack(emulator: Emulator) -> dict[str, Any]:
    found: dict[str, Any] = emulator.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    return found


@pytest.fixture(scope="module")
def site(emulator: Emulator) -> Site:
    pool = emulator.client("cognito-idp").create_user_pool(PoolName="of-the-console")["UserPool"]["Id"]
    given = dict.fromkeys(("SignInHost", "DomainName", "CertificateArn", "WebAclArn"), "")
    given |= {"ApiHost": "api.example.com", "UserPoolId": pool, "SignInPrefix": "my-chat"}
    emulator.client("cloudformation").create_stack(
        StackName=STACK,
        TemplateBody=(ROOT / "infra" / "console.yaml").read_text(encoding="utf-8"),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
    )
    wait_until(lambda: not stack(emulator)["StackStatus"].endswith("_IN_PROGRESS"))
    made = stack(emulator)
    assert made["StackStatus"] == "CREATE_COMPLETE", made
    outputs = {one["OutputKey"]: one["OutputValue"] for one in made["Outputs"]}
    return Site(emulator, outputs, SignIn(outputs["SignInHost"], outputs["ClientId"], outputs["SignInIssuer"]))


def test_the_files_are_published_and_served_under_the_policy(site: Site) -> None:
    wanted = contents(FOLDER, site.page)
    publish(site.emulator.client("s3"), site.outputs["BucketName"], wanted)
    invalidate(site.emulator.client("cloudfront"), site.outputs["DistributionId"])
    for path, name in (("/", FIRST), *((f"/{name}", name) for name in wanted)):
        answer = site.get(path)
        assert (answer.status_code, answer.content) == (200, wanted[name])
        assert answer.headers["Cache-Control"] == "no-cache"
        assert answer.headers["Content-Security-Policy"] == policy(site.page)
        assert {name: answer.headers[name] for name, _ in SECURITY} == dict(SECURITY)


def test_what_is_not_there_is_refused_and_nothing_listed(site: Site) -> None:
    assert site.get("/nothing.js").status_code == 403
    assert site.get("/?list-type=2").headers["Content-Type"].startswith("text/html")


def test_users_sign_in_at_the_page_that_was_made_for_the_pool(site: Site) -> None:
    cognito = site.emulator.client("cognito-idp")
    pool = site.outputs["SignInIssuer"].rpartition("/")[2]
    assert cognito.describe_user_pool_domain(Domain="my-chat")["DomainDescription"]["UserPoolId"] == pool
    client = cognito.describe_user_pool_client(UserPoolId=pool, ClientId=site.page.client_id)["UserPoolClient"]
    assert client["CallbackURLs"] == client["LogoutURLs"] == [site.outputs["Url"]]
    assert "ClientSecret" not in client


def test_a_deletion_goes_through_and_leaves_the_files(site: Site) -> None:
    site.emulator.client("cloudformation").delete_stack(StackName=STACK)
    cloudformation = site.emulator.client("cloudformation")
    wait_until(lambda: STACK not in {one["StackName"] for one in cloudformation.describe_stacks()["Stacks"]})
    left = site.emulator.client("s3").list_objects_v2(Bucket=site.outputs["BucketName"])["Contents"]
    assert FIRST in {one["Key"] for one in left}
