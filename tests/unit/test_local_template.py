"""The local runner's reading of a template: intrinsic functions, conditions, nested stacks, events."""

from pathlib import Path
from typing import Any

import pytest

from infra.local.intrinsics import TemplateError, load
from infra.local.stack import Stack
from infra.local.template import Api, load_api, load_functions, load_routes, load_schedules

HEAD = """
Parameters:
  Stage: {Type: String, Default: dev}
Conditions:
  IsDev: !Equals [!Ref Stage, dev]
  IsNotDev: !Not [!Condition IsDev]
  IsEither: !Or [!Condition IsDev, !Condition IsNotDev]
Mappings:
  Sizes: {dev: {memory: 256}}
Globals:
  Function: {Timeout: 7, Layers: [!Ref Common], Environment: {Variables: {OUTER: o}}}
Resources:
  Common: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: common/}}
  Own: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: own/}}
  Nested:
    Type: AWS::CloudFormation::Stack
    Properties: {TemplateURL: nested.yaml, Parameters: {Suffix: !Sub "of-${Stage}"}}
  Gone: {Type: AWS::Serverless::Function, Condition: IsNotDev, Properties: {Handler: gone.handle}}
"""
NESTED = """
Parameters: {Suffix: {Type: String}}
Resources:
  Named: {Type: AWS::DynamoDB::Table, Properties: {TableName: !Sub "table-${Suffix}"}}
  Unnamed: {Type: AWS::DynamoDB::Table, Properties: {BillingMode: PAY_PER_REQUEST}}
Outputs: {Name: {Value: !Ref Named}}
"""


def stack(folder: Path, *, value: str = "x", properties: str = "", resources: str = "") -> Stack:
    """A template with one function, whose variable VALUE is `value`."""
    function = f"  One: {{Type: AWS::Serverless::Function, Properties: {{Handler: one.handle, {properties}"
    function += f" Environment: {{Variables: {{VALUE: {value}}}}}}}}}\n"
    (folder / "nested.yaml").write_text(NESTED)
    (folder / "template.yaml").write_text(HEAD + function + resources)
    return Stack(folder / "template.yaml", {})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("!Ref Stage", "dev"),
        ("!If [IsDev, 1, 2]", "1"),
        ("!If [IsNotDev, 1, 2]", "2"),
        ("!If [IsEither, true, false]", "true"),
        ("!Join ['-', [a, !Ref Stage]]", "a-dev"),
        ("!Select [1, !Split [',', 'a,b']]", "b"),
        ("!FindInMap [Sizes, !Ref Stage, memory]", "256"),
        ("!GetAtt Nested.Outputs.Name", "table-of-dev"),
        ("!GetAtt One.Arn", "arn:aws:lambda:us-east-1:123456789012:function:One"),
        ("!Ref One.Alias", "arn:aws:lambda:us-east-1:123456789012:function:One:live"),
        ("!Sub '${Nested.Outputs.Name}/${!Stage}/${AWS::Region}'", "table-of-dev/${Stage}/us-east-1"),
        ("!Sub ['${a}-${Stage}', {a: !Ref Stage}]", "dev-dev"),
    ],
)
def test_an_intrinsic_function_has_its_value(tmp_path: Path, value: str, expected: str) -> None:
    assert load_functions(stack(tmp_path, value=value))["One"].environment["VALUE"] == expected


@pytest.mark.parametrize("value", ["!Ref Nowhere", "!GetAtt Nowhere.Arn", "!ImportValue x"])
def test_what_cannot_be_evaluated_is_named(tmp_path: Path, value: str) -> None:
    with pytest.raises(TemplateError, match=r"Nowhere|ImportValue"):
        load_functions(stack(tmp_path, value=value))


def test_a_variable_that_is_no_value_is_left_out(tmp_path: Path) -> None:
    environment = load_functions(stack(tmp_path, value="!Ref AWS::NoValue"))["One"].environment
    assert environment == {"OUTER": "o"}


def test_a_resource_whose_condition_is_false_is_not_there(tmp_path: Path) -> None:
    assert list(load_functions(stack(tmp_path))) == ["One"]


def test_globals_are_merged_as_sam_does(tmp_path: Path) -> None:
    one = load_functions(stack(tmp_path, properties="Layers: [!Ref Own],"))["One"]
    assert one.environment == {"OUTER": "o", "VALUE": "x"}
    assert one.layers == (tmp_path / "common", tmp_path / "own")
    assert one.timeout_seconds == 7


def test_tables_of_nested_stacks_have_names(tmp_path: Path) -> None:
    assert [name for name, _ in stack(tmp_path).tables()] == ["table-of-dev", "chatkeep-Unnamed"]


def test_tables_of_a_nested_stack_whose_condition_is_false_are_not_there(tmp_path: Path) -> None:
    nested = (
        "  GoneToo: {Type: AWS::CloudFormation::Stack, Condition: IsNotDev, Properties: {TemplateURL: nested.yaml}}\n"
    )
    assert len(list(stack(tmp_path, resources=nested).tables())) == 2


@pytest.mark.parametrize(("rate", "seconds"), [("1 minute", 60), ("5 minutes", 300), ("2 hours", 7200)])
def test_a_schedule_is_its_seconds(tmp_path: Path, rate: str, seconds: int) -> None:
    events = f"Events: {{Sweep: {{Type: Schedule, Properties: {{Schedule: rate({rate})}}}}}},"
    (schedule,) = load_schedules(stack(tmp_path, properties=events))
    assert (schedule.function, schedule.name, schedule.seconds) == ("One", "Sweep", seconds)


def test_a_schedule_that_is_no_rate_is_refused(tmp_path: Path) -> None:
    events = "Events: {Sweep: {Type: Schedule, Properties: {Schedule: 'cron(0 12 * * ? *)'}}},"
    with pytest.raises(TemplateError, match="Sweep of One"):
        load_schedules(stack(tmp_path, properties=events))


def scheduled(folder: Path, given: str) -> Any:
    events = f"Events: {{Sweep: {{Type: Schedule, Properties: {{Schedule: rate(1 hour), {given}}}}}}},"
    (schedule,) = load_schedules(stack(folder, properties=events))
    return schedule.event


def test_a_schedule_sends_its_input_in_place_of_an_event_of_eventbridge(tmp_path: Path) -> None:
    assert scheduled(tmp_path, "Input: '{\"jobs\": []}'") == {"jobs": []}
    assert scheduled(tmp_path, "")["source"] == "aws.events"


@pytest.mark.parametrize("given", ["Input: '{jobs'", "Input: {jobs: []}"])
def test_an_input_that_is_no_json_text_is_refused(tmp_path: Path, given: str) -> None:
    with pytest.raises(TemplateError, match="Input of the schedule Sweep"):
        scheduled(tmp_path, given)


@pytest.mark.parametrize(
    ("given", "retries"), [("", 2), ("EventInvokeConfig: {MaximumRetryAttempts: 0},", 0), ("EventInvokeConfig: {},", 2)]
)
def test_an_event_is_tried_again_as_often_as_the_template_says(tmp_path: Path, given: str, retries: int) -> None:
    assert load_functions(stack(tmp_path, properties=given))["One"].retries == retries


@pytest.mark.parametrize(
    ("given", "streams", "seconds"),
    [("", False, 29), (", ResponseTransferMode: RESPONSE_STREAM, TimeoutInMillis: 900000", True, 900)],
)
def test_a_route_has_the_way_and_the_time_of_its_event(
    tmp_path: Path, given: str, streams: bool, seconds: float
) -> None:
    api = "  Api: {Type: AWS::Serverless::Api, Properties: {StageName: v1}}\n"
    events = f"Events: {{Ask: {{Type: Api, Properties: {{Method: post, Path: /ask{given}}}}}}},"
    (route,) = load_routes(stack(tmp_path, properties=events, resources=api))
    assert (route.method, route.path, route.is_streamed, route.seconds) == ("POST", "/ask", streams, seconds)


@pytest.mark.parametrize(
    ("handler", "is_web", "module"),
    [
        ("functions.chat.app.lambda_handler", False, "functions.chat.app"),
        ("functions/a/run.sh", True, "functions.a.app"),
    ],
)
def test_a_function_serves_http_where_its_handler_is_a_script(
    tmp_path: Path, handler: str, is_web: bool, module: str
) -> None:
    web = f"  Web: {{Type: AWS::Serverless::Function, Properties: {{Handler: {handler}}}}}\n"
    function = load_functions(stack(tmp_path, resources=web))["Web"]
    assert (function.is_web, function.module) == (is_web, module)


def test_the_api_is_read_with_its_headers(tmp_path: Path) -> None:
    api = "  Api: {Type: AWS::Serverless::Api, Properties: {StageName: v1, Cors: \"'*'\"}}\n"
    assert load_api(stack(tmp_path, resources=api)) == Api("v1", {"Access-Control-Allow-Origin": "*"}, {})


def test_a_template_without_an_api_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="declares 0 APIs"):
        load_routes(stack(tmp_path))


@pytest.mark.parametrize("content", ["- a list", "a: [", None])
def test_a_file_that_is_no_template_is_refused(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "template.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(TemplateError, match=r"template\.yaml"):
        load(path)
