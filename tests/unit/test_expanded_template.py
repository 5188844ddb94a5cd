"""Rules about what CloudFormation gets of template.yaml, once SAM has expanded it."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from infra.expanded_stack import ExpandedStack
from infra.expansion import ROOT, TEMPLATE, configured, expand, nested, write
from infra.local.intrinsics import load
from infra.local.template import Route, load_api, load_routes
from tests.client import STACK
from tests.parameter_values import VALUES

EXPANDED = expand(load(TEMPLATE))


def deployment(**parameters: Any) -> ExpandedStack:
    return ExpandedStack(EXPANDED, parameters)


def the_only(kind: str, **parameters: Any) -> dict[str, Any]:
    (properties,) = deployment(**parameters).of_type(kind).values()
    return properties


DOCUMENT = the_only("AWS::ApiGateway::RestApi")["Body"]


def test_the_api_has_one_stage_and_no_deployment_makes_another() -> None:
    assert the_only("AWS::ApiGateway::Stage")["StageName"] == load_api(STACK).stage == "v1"
    assert "StageName" not in the_only("AWS::ApiGateway::Deployment")


def test_the_stage_throttles_every_route_and_pays_for_no_metrics_of_each() -> None:
    (settings,) = the_only("AWS::ApiGateway::Stage")["MethodSettings"]
    assert (settings["ResourcePath"], settings["HttpMethod"]) == ("/*", "*")
    assert (settings["ThrottlingRateLimit"], settings["ThrottlingBurstLimit"]) == (100, 200)
    assert not settings.get("MetricsEnabled")


def test_what_is_looked_at_of_the_api_is_sent_without_metrics_of_each_method() -> None:
    """API Gateway sends an API's and a stage's by itself, those with Method and Resource only where it is paid to."""
    monitoring = STACK.nested("Monitoring")
    ((_, dashboard),) = monitoring.of_type("AWS::CloudWatch::Dashboard")
    widgets = json.loads(dashboard["DashboardBody"])["widgets"]
    shown = [metric for widget in widgets for metric in widget["properties"].get("metrics", [])]
    of_the_api = [words[2::2] for words in shown if words[0] == "AWS/ApiGateway"]
    names = {name for words in of_the_api for name in words if isinstance(name, str)}
    for _, alarm in monitoring.of_type("AWS::CloudWatch::Alarm"):
        if alarm.get("Namespace") == "AWS/ApiGateway":
            names |= {one["Name"] for one in alarm["Dimensions"]}
    assert names == {"ApiName", "Stage"}


def test_every_deployment_reaches_the_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a changed parameter, such as AllowedOrigin, would change the API and not what the stage serves."""
    deployments = []
    for moment in (1_000_000, 1_000_060):
        monkeypatch.setattr(time, "time", lambda moment=moment: moment)
        later = ExpandedStack(expand(load(TEMPLATE)), {})
        (made,) = later.of_type("AWS::ApiGateway::Deployment")
        (stage,) = later.of_type("AWS::ApiGateway::Stage").values()
        assert stage["DeploymentId"] == f"{made}.Ref"
        deployments.append(made)
    assert len(set(deployments)) == 2


def test_every_route_asks_the_user_pool_and_no_preflight_does() -> None:
    operations = {
        (method.upper(), path): operation.get("security")
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
    }
    routes = {(route.method, route.path) for route in load_routes(STACK)}
    preflights = {("OPTIONS", path) for _, path in routes}
    assert operations == {route: [{"UserPool": []}] for route in routes} | dict.fromkeys(preflights)


def integration(method: str, path: str) -> dict[str, Any]:
    return dict(DOCUMENT["paths"][path][method.lower()]["x-amazon-apigateway-integration"])


@pytest.mark.parametrize("route", load_routes(STACK), ids=lambda route: f"{route.method} {route.path}")
def test_a_route_streams_for_fifteen_minutes_where_its_function_does_and_is_whole_else(route: Route) -> None:
    found = integration(route.method, route.path)
    way = "2021-11-15/functions" if route.is_streamed else "2015-03-31/functions"
    kind = "response-streaming-invocations" if route.is_streamed else "invocations"
    assert re.fullmatch(rf"arn:aws:apigateway:us-east-1:lambda:path/{way}/\w+\.Ref/{kind}", found["uri"]), found["uri"]
    expected = ("STREAM", 900_000) if route.is_streamed else (None, None)
    assert (found.get("responseTransferMode"), found.get("timeoutInMillis")) == expected


def test_these_routes_stream() -> None:
    assert {(route.method, route.path) for route in load_routes(STACK) if route.is_streamed} == {
        ("POST", "/sessions/{session_id}/messages/stream"),
        ("GET", "/sessions/{session_id}/turns/{turn_id}/stream"),
        ("POST", "/chat"),
        ("GET", "/chat/{session_id}/stream"),
        ("POST", "/ag-ui"),
    }


@pytest.mark.parametrize(
    ("parameters", "arn"),
    [
        ({}, "arn:aws:lambda:us-east-1:753240598075:layer:LambdaAdapterLayerArm64:27"),
        ({"Architecture": "x86_64"}, "arn:aws:lambda:us-east-1:753240598075:layer:LambdaAdapterLayerX86:27"),
        ({"AdapterLayerArn": VALUES["AdapterLayerArn"]}, VALUES["AdapterLayerArn"]),
    ],
)
def test_the_adapter_is_the_layer_for_the_functions_processor(parameters: dict[str, str], arn: str) -> None:
    functions = deployment(**parameters).of_type("AWS::Lambda::Function")
    assert {name for name, one in functions.items() if arn in one["Layers"]} == {"StreamFunction"}
    (adapter,) = [one for one in functions["StreamFunction"]["Layers"] if one.startswith("arn:")]
    assert adapter == arn


@pytest.mark.parametrize(
    ("pool", "arn"),
    [
        ("", "Identity.Outputs.UserPoolArn"),
        ("eu-central-1_AbC", "arn:aws:cognito-idp:us-east-1:123456789012:userpool/eu-central-1_AbC"),
    ],
)
def test_the_authorizer_is_the_user_pool(pool: str, arn: str) -> None:
    template = load(TEMPLATE)
    template["Parameters"]["ExistingUserPoolId"]["Default"] = pool  # SAM writes parameters' values into the authorizer
    (api,) = ExpandedStack(expand(template), {}).of_type("AWS::ApiGateway::RestApi").values()
    (scheme,) = api["Body"]["components"]["securitySchemes"].values()
    assert (scheme["in"], scheme["name"]) == ("header", "Authorization")
    assert scheme["x-amazon-apigateway-authorizer"] == {"type": "cognito_user_pools", "providerARNs": [arn]}


@pytest.mark.parametrize("path", sorted({route.path for route in load_routes(STACK)}))
def test_a_preflight_answers_with_the_headers_of_the_template(path: str) -> None:
    integration = DOCUMENT["paths"][path]["options"]["x-amazon-apigateway-integration"]
    sent = integration["responses"]["default"]["responseParameters"]
    headers = {name.removeprefix("method.response.header."): value.strip("'") for name, value in sent.items()}
    assert headers == load_api(STACK).cors
    assert set(DOCUMENT["paths"][path]["options"]["responses"]["200"]["headers"]) == set(headers)


@pytest.mark.parametrize("kind", load_api(STACK).responses)
def test_an_answer_of_the_gateway_itself_is_the_templates(kind: str) -> None:
    declared = load_api(STACK).responses[kind]
    headers = declared["ResponseParameters"]["Headers"]
    assert DOCUMENT["x-amazon-apigateway-gateway-responses"][kind] == {
        "statusCode": str(declared["StatusCode"]),
        "responseParameters": {f"gatewayresponse.header.{name}": value for name, value in headers.items()},
        "responseTemplates": declared["ResponseTemplates"],
    }


@pytest.mark.parametrize("origin", ["*", "https://chat.example.com"])
def test_the_origin_that_may_call_is_in_preflights_and_errors(origin: str) -> None:
    text = json.dumps(the_only("AWS::ApiGateway::RestApi", AllowedOrigin=origin)["Body"])
    places = len(DOCUMENT["paths"]) + len(DOCUMENT["x-amazon-apigateway-gateway-responses"])
    assert text.count(f'Access-Control-Allow-Origin": "\'{origin}\'"') == places


def test_requests_are_logged_only_where_asked_and_no_role_is_replaced_unasked() -> None:
    def logs_to(kind: str) -> tuple[Any, set[str]]:
        there = deployment(ApiLogging=kind)
        setting = there.resources["Apiv1Stage"]["Properties"].get("AccessLogSetting", {})
        return setting.get("DestinationArn"), {"ApiLogGroup", "LogRole"} & set(there.resources)

    assert logs_to("off") == (None, set())
    assert logs_to("existing") == ("ApiLogGroup.Arn", {"ApiLogGroup"})
    assert logs_to("manage") == ("LogRole.Outputs.LogGroupArn", {"ApiLogGroup", "LogRole"})


def test_the_stage_waits_for_the_role_because_the_output_is_that_of_the_roles_stack() -> None:
    role = load(TEMPLATE.parent / "infra" / "logging.yaml")
    assert deployment(ApiLogging="manage").resources["LogRole"]["Properties"]["Parameters"] == {
        "LogGroupArn": "ApiLogGroup.Arn"
    }
    assert ExpandedStack(role, {"LogGroupArn": "an arn"}).outputs == {"LogGroupArn": "an arn"}


def test_a_domain_is_mapped_whole_and_its_outputs_say_where_it_has_to_point() -> None:
    without, given = deployment(), deployment(DomainName="chat.example.com", CertificateArn=VALUES["CertificateArn"])
    assert not {"Domain", "DomainMapping"} & set(without.resources)
    assert without.outputs["ApiUrl"] == "https://Api.Ref.execute-api.us-east-1.amazonaws.com/Apiv1Stage.Ref"
    assert given.resources["Domain"]["Properties"]["RegionalCertificateArn"] == VALUES["CertificateArn"]
    mapping = given.resources["DomainMapping"]["Properties"]
    assert mapping == {"DomainName": "Domain.Ref", "RestApiId": "Api.Ref", "Stage": "Apiv1Stage.Ref"}
    added = {"DomainTarget": "Domain.RegionalDomainName", "DomainTargetZoneId": "Domain.RegionalHostedZoneId"}
    assert given.outputs == without.outputs | added | {"ApiUrl": "https://chat.example.com"}


def test_a_web_acl_is_put_before_the_stage_where_one_is_named() -> None:
    assert "WebAclAssociation" not in deployment().resources
    assert the_only("AWS::WAFv2::WebACLAssociation", WebAclArn=VALUES["WebAclArn"]) == {
        "ResourceArn": "arn:aws:apigateway:us-east-1::/restapis/Api.Ref/stages/Apiv1Stage.Ref",
        "WebACLArn": VALUES["WebAclArn"],
    }


@pytest.mark.parametrize("service", ["Chat", "Stream", "Worker"])
def test_no_function_has_concurrency_reserved_unless_it_is_given_some(service: str) -> None:
    def reserved(**parameters: Any) -> dict[str, Any]:
        functions = deployment(**parameters).of_type("AWS::Lambda::Function")
        return {name: one.get("ReservedConcurrentExecutions") for name, one in functions.items()}

    assert set(reserved().values()) == {None}
    assert reserved(**{f"{service}Concurrency": "20"}) == reserved() | {f"{service}Function": "20"}


def test_an_existing_user_pool_takes_the_place_of_one_of_the_stacks_own() -> None:
    given = deployment(ExistingUserPoolId="eu-central-1_AbC", ExistingUserPoolClientId="7f3k")
    assert "Identity" in deployment().resources
    assert "Identity" not in given.resources
    assert (given.outputs["UserPoolId"], given.outputs["UserPoolClientId"]) == ("eu-central-1_AbC", "7f3k")


def test_a_key_encrypts_what_the_stack_keeps_in_logs_and_variables_and_reaches_the_storage() -> None:
    given = deployment(KmsKeyArn="a key", ApiLogging="existing")
    for kind, name in (("AWS::Logs::LogGroup", "KmsKeyId"), ("AWS::Lambda::Function", "KmsKeyArn")):
        assert {one.get(name) for one in given.of_type(kind).values()} == {"a key"}
        assert {one.get(name) for one in deployment().of_type(kind).values()} == {None}
    assert given.resources["Storage"]["Properties"]["Parameters"]["KmsKeyArn"] == "a key"
    assert given.resources["SettingsProfile"]["Properties"]["KmsKeyIdentifier"] == "a key"  # a copy of the variables


def test_the_expansion_is_written_with_the_templates_nested_in_it_where_it_names_them(tmp_path: Path) -> None:
    write(tmp_path)
    written = load(tmp_path / "template.json")
    production = expand(load(TEMPLATE), configured("production"))
    kinds = [sorted(one["Type"] for one in template["Resources"].values()) for template in (written, production)]
    assert kinds[0] == kinds[1]
    assert len(nested(written)) == len(list(tmp_path.rglob("*.yaml"))) > 0
    for path in nested(written):
        assert (tmp_path / path).read_bytes() == (TEMPLATE.parent / path).read_bytes()


def test_a_nested_template_with_a_transform_is_given_nothing_that_only_the_deployment_finds_out() -> None:
    # The transform refuses GetAtt: https://github.com/aws-cloudformation/cfn-language-discussion/issues/152
    stacks = deployment(ApiLogging="manage").of_type("AWS::CloudFormation::Stack")
    transformed = [name for name, one in stacks.items() if "Transform" in load(ROOT / one["TemplateURL"])]
    assert sorted(transformed) == ["Identity", "Storage"]
    for name in transformed:
        given = EXPANDED["Resources"][name]["Properties"]["Parameters"].values()
        assert all(isinstance(value, str) or value.get("Ref") in EXPANDED["Parameters"] for value in given)
