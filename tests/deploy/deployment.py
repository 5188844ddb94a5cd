"""The build for this machine, deployed to the emulator by SAM, and a user's requests through its gateway."""

import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from infra.build import HOST_BUILT, ROOT, SAM
from infra.local.intrinsics import load
from tests.deploy.differences import without_metric_math
from tests.deploy.emulator import SECONDS_TO_ANSWER, Emulator
from tests.deploy.patience import Patient

PASSWORD = "Correct-horse-7-battery"
FUNCTIONS = (
    "SessionsFunction",
    "ChatFunction",
    "StreamFunction",
    "WorkerFunction",
    "StatsFunction",
    "SweepFunction",
    "PurgeFunction",
)
REQUESTS: Counter[str] = Counter()
"""Requests through deployed gateways, by their status."""


@dataclass(frozen=True)
class Package:
    """The build as `sam package` uploads it: once, for all stacks of this run."""

    emulator: Emulator
    template: Path

    def failing_after(self, *resources: str) -> "Package":
        """The same with a condition that nobody fulfils, once these are there: an update that fails at its end."""
        template = load(self.template)
        template["Resources"] |= {
            "Nobody": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
            "Unfulfilled": {
                "Type": "AWS::CloudFormation::WaitCondition",
                "DependsOn": [*resources],
                "Properties": {"Handle": {"Ref": "Nobody"}, "Timeout": "1"},
            },
        }
        failing = self.template.with_name("failing.yaml")
        failing.write_text(yaml.safe_dump(template, sort_keys=False), encoding="utf-8")
        return Package(self.emulator, failing)

    def deploy(self, config: str, **parameters: str) -> "Deployment":
        """`sam deploy` with one of samconfig.toml's configurations. `parameters` take the place of its list, so that a
        new stack needs them all and an existing one keeps what it is not told. Raises AssertionError."""
        overrides = [f"{name}={value}" for name, value in parameters.items()]
        options = ["--config-file", str(ROOT / "samconfig.toml"), "--config-env", config, "--no-confirm-changeset"]
        options += ["--parameter-overrides", *overrides] if overrides else []
        said = _sam(self.emulator, "deploy", "--template-file", str(self.template), *options)
        name = said.rpartition("Successfully created/updated stack - ")[2].split()[0]
        return Deployment(self.emulator, name)


def package(emulator: Emulator, folder: Path) -> Package:
    """Upload functions and layers. The templates are copies: the emulator cannot take all that they say."""
    copies = folder / "templates_without_what_the_emulator_lacks"
    copies.mkdir()
    for part in HOST_BUILT.iterdir():
        if (part / "template.yaml").exists():
            shutil.copytree(part, copies / part.name)
        elif part.is_dir():
            (copies / part.name).symlink_to(part)
    shutil.copy(HOST_BUILT / "template.yaml", copies)
    without_metric_math(copies)
    packaged = copies / "packaged.yaml"
    source = ["--template-file", str(copies / "template.yaml"), "--resolve-s3"]
    _sam(emulator, "package", *source, "--output-template-file", str(packaged))
    template = load(packaged)
    for name, resource in template["Resources"].items():
        if "TemplateURL" in resource.get("Properties", {}):  # SAM knows its own uploads again by amazonaws.com only
            resource["Properties"]["TemplateURL"] = f"{name}/template.yaml"
    packaged.write_text(yaml.safe_dump(template, sort_keys=False), encoding="utf-8")
    return Package(emulator, packaged)


def _sam(emulator: Emulator, command: str, *options: str) -> str:
    environment = emulator.environment() | {"SAM_CLI_TELEMETRY": "0"}
    ran = subprocess.run(
        [SAM, command, *options], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout[-5000:] + ran.stderr
    return ran.stdout


@dataclass(frozen=True)
class Deployment:
    """A stack that is there. Nothing of it is remembered, so that a test sees what an update made of it."""

    emulator: Emulator
    name: str

    @property
    def outputs(self) -> dict[str, str]:
        return self._outputs(self.name)

    def nested(self, resource: str) -> dict[str, str]:
        """The outputs of a nested stack."""
        return self._outputs(self.physical(resource))

    def physical(self, resource: str) -> str:
        """CloudFormation's name of a resource of the stack."""
        cloudformation = self.emulator.client("cloudformation")
        found = cloudformation.describe_stack_resource(StackName=self.name, LogicalResourceId=resource)
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def _outputs(self, stack: str) -> dict[str, str]:
        described = self.emulator.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        return {one["OutputKey"]: one["OutputValue"] for one in described["Outputs"]}

    @property
    def functions(self) -> dict[str, dict[str, Any]]:
        """The configuration of the version that answers, of each function by its name in the template."""
        client = self.emulator.client("lambda")
        return {
            name: client.get_function_configuration(FunctionName=self.physical(name), Qualifier="live")
            for name in FUNCTIONS
        }

    @property
    def versions(self) -> dict[str, list[str]]:
        """The numbers of the published versions that there are of each function."""
        client, found = self.emulator.client("lambda"), {}
        for name in FUNCTIONS:
            listed = client.list_versions_by_function(FunctionName=self.physical(name))["Versions"]
            found[name] = [one["Version"] for one in listed if one["Version"] != "$LATEST"]
        return found

    def invite(self, email: str) -> str:
        """A user, made as infra/README.md makes one; the id token."""
        pool, client = self.outputs["UserPoolId"], self.outputs["UserPoolClientId"]
        cognito = self.emulator.client("cognito-idp")
        verified = [{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}]
        cognito.admin_create_user(UserPoolId=pool, Username=email, MessageAction="SUPPRESS", UserAttributes=verified)
        cognito.admin_set_user_password(UserPoolId=pool, Username=email, Password=PASSWORD, Permanent=True)
        signed_in = cognito.admin_initiate_auth(
            UserPoolId=pool,
            ClientId=client,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": email, "PASSWORD": PASSWORD},
        )
        return str(signed_in["AuthenticationResult"]["IdToken"])

    def client(self, token: str | None, stage: str = "v1") -> httpx.Client:
        """Requests through the gateway."""
        api = httpx.URL(self.outputs["ApiUrl"]).host.split(".")[0]
        headers = {"Host": f"{api}.execute-api.localhost:{self.emulator.port}"}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        hooks = {"response": [lambda response: REQUESTS.update([str(response.status_code)])]}
        url = f"{self.emulator.url}/{stage}"
        made = httpx.Client(
            base_url=url, headers=headers, event_hooks=hooks, timeout=SECONDS_TO_ANSWER, transport=Patient()
        )
        self.emulator.closing.callback(made.close)
        return made

    def statements(self, function: str) -> Iterator[dict[str, Any]]:
        """The template's policy statements for a function."""
        iam, role = self.emulator.client("iam"), self.physical(f"{function}Role")
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            yield from iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]["Statement"]

    @property
    def cursor_secret(self) -> str:
        return self.secrets[0]

    @property
    def secrets(self) -> list[str]:
        """The ARNs of the secrets, of cursors and of erasures, in the sessions function's environment."""
        variables = self.functions["SessionsFunction"]["Environment"]["Variables"]
        return [str(variables[f"{name}_SECRET_ARN"]) for name in ("CURSOR", "ERASURE")]

    def grant(self) -> None:
        """Let the functions do under the emulator's names what the template lets them do under AWS's."""
        for function in ("ChatFunction", "WorkerFunction"):
            self._grant_converse(function)
        secrets = self.emulator.client("secretsmanager")
        arns = [secrets.describe_secret(SecretId=one)["ARN"] for one in self.secrets]
        statement = {"Effect": "Allow", "Action": ["secretsmanager:GetSecretValue"], "Resource": arns}
        self._put_policy("SessionsFunction", "the-secrets-arns", [statement])

    def _put_policy(self, function: str, name: str, statements: list[dict[str, Any]]) -> None:
        self.emulator.client("iam").put_role_policy(
            RoleName=self.physical(f"{function}Role"),
            PolicyName=name,
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}),
        )

    def _grant_converse(self, function: str) -> None:
        """Let it do under the emulator's names for it what the template lets it do under AWS's.

        The emulator takes an inference profile for a foundation model of that name.
        """
        allowed = [one for one in self.statements(function) if "bedrock:InvokeModelWithResponseStream" in one["Action"]]
        statements = [
            one | {"Action": ["bedrock:ConverseStream"], "Resource": [*one["Resource"], *_profiles(one["Resource"])]}
            for one in allowed
        ]
        self._put_policy(function, "the-emulators-action", statements)


def _profiles(resources: list[str]) -> list[str]:
    """The inference profiles among `resources`, as foundation models."""
    return [
        re.sub(":[^:]*:inference-profile/", "::foundation-model/", one)
        for one in resources
        if "inference-profile" in one
    ]
