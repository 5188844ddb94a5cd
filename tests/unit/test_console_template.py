"""Rules about infra/console.yaml: who reads the files, what reaches the API; the page is the local runner's."""

from typing import Any

import pytest

from functions.stream.looking import QUIET_SECONDS
from infra.console_files import API, FIRST, SECURITY, SignIn, policy
from infra.expanded_stack import ExpandedStack, stacks
from infra.expansion import ROOT, TEMPLATE, expand
from infra.idle_cost import bill, total
from infra.local.intrinsics import load
from infra.local.template import load_api
from tests.client import STACK
from tests.parameter_values import VALUES

CONSOLE = ROOT / "infra" / "console.yaml"
EXPANDED = expand(load(TEMPLATE))
OWN = {"ConsoleDomainName": "chat.example.com", "ConsoleCertificateArn": VALUES["ConsoleCertificateArn"]}
PAGES = [
    ({}, None),
    ({"SignInPrefix": "my-chat"}, "my-chat.auth.us-east-1.amazoncognito.com"),
    ({"SignInHost": "login.example.com"}, "login.example.com"),
]
"""Parameters, and the hosts of the sign-in pages."""


def whole(**parameters: str) -> ExpandedStack:
    return ExpandedStack(EXPANDED, {"Console": "on", **parameters})


def site(**parameters: str) -> ExpandedStack:
    """The console's stack in a deployment with these parameters."""
    given = whole(**parameters).resources["Site"]["Properties"]["Parameters"]
    return ExpandedStack(load(CONSOLE), given)


def the_only(kind: str, **parameters: str) -> dict[str, Any]:
    (properties,) = site(**parameters).of_type(kind).values()
    return properties


def distribution(**parameters: str) -> dict[str, Any]:
    return dict(the_only("AWS::CloudFront::Distribution", **parameters)["DistributionConfig"])


def behaviour(path: str) -> dict[str, Any]:
    (found,) = [one for one in distribution()["CacheBehaviors"] if one["PathPattern"] == path]
    return dict(found)


def test_a_stack_has_a_console_only_where_it_is_asked_for() -> None:
    without = ExpandedStack(EXPANDED, {})
    assert "Site" not in without.resources
    assert not [name for name in without.outputs if name.startswith("Console")]
    assert set(whole().resources) - set(without.resources) == {"Site"}


def test_nobody_but_the_distribution_reads_the_bucket() -> None:
    bucket = the_only("AWS::S3::Bucket")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    allow, deny = the_only("AWS::S3::BucketPolicy")["PolicyDocument"]["Statement"]
    assert (allow["Principal"], allow["Action"]) == ({"Service": "cloudfront.amazonaws.com"}, "s3:GetObject")
    arn = "arn:aws:cloudfront::123456789012:distribution/Distribution.Ref"
    assert allow["Condition"] == {"StringEquals": {"AWS:SourceArn": arn}}
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    files = next(one for one in distribution()["Origins"] if one["Id"] == "files")
    assert (files["OriginAccessControlId"], files["S3OriginConfig"]) == (
        "AccessControl.Id",
        {"OriginAccessIdentity": ""},
    )


def test_a_deletion_of_the_stack_does_not_fail_at_a_bucket_with_files_in_it() -> None:
    bucket = load(CONSOLE)["Resources"]["Bucket"]
    assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")


@pytest.mark.parametrize(("given", "host"), PAGES)
def test_the_policy_is_the_local_runners_with_the_sign_in_page_of_the_stack(
    given: dict[str, str], host: str | None
) -> None:
    config = the_only("AWS::CloudFront::ResponseHeadersPolicy", **given)["ResponseHeadersPolicyConfig"]
    security = config["SecurityHeadersConfig"]
    expected = policy(SignIn(host, "client", "issuer") if host else None)
    assert security["ContentSecurityPolicy"]["ContentSecurityPolicy"] == expected
    assert expected.count("https://") == (1 if host else 0)


def test_the_other_headers_are_the_local_runners_and_https_for_a_year() -> None:
    given = the_only("AWS::CloudFront::ResponseHeadersPolicy")["ResponseHeadersPolicyConfig"]
    security = given["SecurityHeadersConfig"]
    (opener,) = given["CustomHeadersConfig"]["Items"]
    assert dict(SECURITY) == {
        opener["Header"]: opener["Value"],
        "Referrer-Policy": security["ReferrerPolicy"]["ReferrerPolicy"],
        "X-Content-Type-Options": "nosniff" if security["ContentTypeOptions"] else None,
        "X-Frame-Options": security["FrameOptions"]["FrameOption"],
    }
    assert security["StrictTransportSecurity"]["AccessControlMaxAgeSec"] == 365 * 24 * 60 * 60
    assert all(one["Override"] for one in [*security.values(), opener])
    shown = distribution()
    used = {one["ResponseHeadersPolicyId"] for one in [shown["DefaultCacheBehavior"], *shown["CacheBehaviors"]]}
    assert used == {"Headers.Ref"}


def test_the_api_is_below_its_stage_on_the_same_origin_uncached_and_as_it_comes() -> None:
    assert load_api(STACK).stage == API.strip("/")
    api = behaviour(f"{API}/*")
    assert sorted(api["AllowedMethods"]) == ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
    assert api["Compress"] is False
    assert (api["CachePolicyId"], api["OriginRequestPolicyId"]) == (  # CloudFront's own, with the same ids everywhere
        "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
        "b689b0a8-53d0-40ab-baf2-68738e2966ac",
    )
    origin = next(one for one in distribution()["Origins"] if one["Id"] == api["TargetOriginId"])
    assert origin["DomainName"] == "Api.Ref.execute-api.us-east-1.amazonaws.com"
    assert "OriginPath" not in origin
    assert origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"


def test_a_stream_outlives_the_silence_between_two_heartbeats() -> None:
    (seconds,) = [
        one["CustomOriginConfig"]["OriginReadTimeout"] for one in distribution()["Origins"] if one["Id"] == "api"
    ]
    assert 2 * QUIET_SECONDS < seconds <= 60  # more takes a raised quota in some accounts


def test_no_error_of_one_user_is_kept_for_another_and_none_becomes_a_page() -> None:
    """CloudFront takes a time for these, and keeps no others: it would keep them for ten seconds."""
    given = distribution()["CustomErrorResponses"]
    assert [one["ErrorCode"] for one in given] == [400, 403, 404, 405, 414, 500, 501, 502, 503, 504]
    assert {one["ErrorCachingMinTTL"] for one in given} == {0}
    assert not [one for one in given if "ResponsePagePath" in one]


def test_the_root_is_the_page_and_plain_http_leads_to_https() -> None:
    given = distribution()
    assert (given["DefaultRootObject"], given["HttpVersion"]) == (FIRST, "http2and3")
    files = given["DefaultCacheBehavior"]
    assert (files["ViewerProtocolPolicy"], files["Compress"]) == ("redirect-to-https", True)
    assert "AllowedMethods" not in files  # GET and HEAD


def test_a_domain_of_ones_own_comes_with_its_certificate_and_tls_1_2() -> None:
    assert distribution()["ViewerCertificate"] == {"CloudFrontDefaultCertificate": True}
    given = distribution(**OWN)
    assert given["Aliases"] == ["chat.example.com"]
    assert given["ViewerCertificate"] == {
        "AcmCertificateArn": OWN["ConsoleCertificateArn"],
        "MinimumProtocolVersion": "TLSv1.2_2021",
        "SslSupportMethod": "sni-only",
    }


def test_a_web_acl_is_put_before_the_distribution_where_one_is_named() -> None:
    assert "WebACLId" not in distribution()
    acl = VALUES["ConsoleWebAclArn"]
    assert distribution(ConsoleWebAclArn=acl)["WebACLId"] == acl


@pytest.mark.parametrize(
    ("parameters", "url"), [({}, "https://Distribution.DomainName/"), (OWN, "https://chat.example.com/")]
)
def test_the_client_signs_in_by_code_alone_and_comes_back_to_the_console(parameters: dict[str, str], url: str) -> None:
    client = the_only("AWS::Cognito::UserPoolClient", SignInPrefix="my-chat", **parameters)
    assert (client["AllowedOAuthFlows"], client["AllowedOAuthScopes"]) == (["code"], ["openid", "email"])
    assert client["CallbackURLs"] == client["LogoutURLs"] == [url]
    assert site(**parameters).outputs["Url"] == url
    assert client["ExplicitAuthFlows"] == ["ALLOW_REFRESH_TOKEN_AUTH"]
    assert not client["GenerateSecret"]
    assert client["PreventUserExistenceErrors"] == "ENABLED"
    assert client["EnableTokenRevocation"]


@pytest.mark.parametrize(("given", "host"), PAGES)
def test_a_page_is_made_for_a_prefix_and_a_host_is_taken_as_it_is(given: dict[str, str], host: str | None) -> None:
    there = site(**given)
    made = there.of_type("AWS::Cognito::UserPoolDomain")
    assert [one["Domain"] for one in made.values()] == list(filter(None, [given.get("SignInPrefix")]))
    assert there.outputs.get("SignInHost") == host
    assert bool(there.of_type("AWS::Cognito::UserPoolClient")) is bool(host)


@pytest.mark.parametrize(
    ("parameters", "pool"),
    [
        ({}, "Identity.Outputs.UserPoolId"),
        ({"ExistingUserPoolId": "eu-central-1_AbC", "ExistingUserPoolClientId": "7f3k"}, "eu-central-1_AbC"),
    ],
)
def test_users_sign_in_to_the_pool_whose_tokens_the_api_takes(parameters: dict[str, str], pool: str) -> None:
    there = site(SignInPrefix="my-chat", **parameters)
    for kind in ("AWS::Cognito::UserPoolDomain", "AWS::Cognito::UserPoolClient"):
        assert [one["UserPoolId"] for one in there.of_type(kind).values()] == [pool]
    assert there.outputs["SignInIssuer"] == f"https://cognito-idp.us-east-1.amazonaws.com/{pool}"


def test_the_stack_tells_what_publishing_needs() -> None:
    named = {name for name in whole().outputs if name.startswith("Console")}
    assert named == {"ConsoleBucket", "ConsoleDistribution", "ConsoleDomainTarget", "ConsoleUrl"}
    more = {name for name in whole(SignInPrefix="my-chat").outputs if name.startswith("Console")}
    assert more - named == {"ConsoleClientId", "ConsoleSignInHost", "ConsoleSignInIssuer"}


def test_a_console_that_nobody_opens_costs_nothing() -> None:
    costs = [total(bill(stacks({"Environment": "production", "Console": one}))) for one in ("off", "on")]
    assert costs[0] == costs[1]
