"""README.md and infra/README.md name what there is: parameters with defaults, alarms, targets, files and headings."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore import xform_name
from botocore.session import Session

from infra.expansion import ROOT, TEMPLATE
from infra.local.intrinsics import load
from infra.local.stack import Stack

MANUALS = [ROOT / "README.md", ROOT / "infra" / "README.md"]
OPERATING = MANUALS[1].read_text(encoding="utf-8")
PARAMETERS = load(TEMPLATE)["Parameters"]
IN_WORDS = {"": "none", "0": "0: none"}
CALLED_BY_THE_CLI = {"codedeploy": "deploy"}
"""Services whose command has another name than AWS's SDKs have: https://docs.aws.amazon.com/cli/latest/reference/deploy/"""
OF_EVERY_COMMAND = {"query", "output"}


def rows(text: str, heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without the table's own head."""
    lines = text.split(f"# {heading}\n", 1)[1].splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("|"))
    table = lines[start + 2 :]
    end = next(number for number, line in enumerate(table) if not line.startswith("|"))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[:end]]


def anchors(text: str) -> set[str]:
    """Of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_manual_has_each_parameter_of_the_template_once() -> None:
    named = [name for cells in rows(OPERATING, "Parameters") for name in re.findall(r"`(\w+)`", cells[0])]
    assert sorted(named) == sorted(PARAMETERS)


def test_a_default_that_the_manual_has_is_the_templates() -> None:
    for names, cell, *_ in rows(OPERATING, "Parameters"):
        if "`" in cell or cell[0].isdigit():
            said = cell.replace("`", "").split(", ")
            defaults = [str(PARAMETERS[name]["Default"]) for name in re.findall(r"`(\w+)`", names)]
            assert said in (defaults, [IN_WORDS.get(one, one) for one in defaults]), names


def test_the_manual_says_of_each_alarm_what_to_do() -> None:
    listed = [cells[0] for cells in rows(OPERATING, "Alarms and what to do")]
    alarms = Stack(TEMPLATE, {}).nested("Monitoring").of_type("AWS::CloudWatch::Alarm")
    assert sorted(listed) == sorted(name.removesuffix("Alarm") for name, _ in alarms)


@pytest.mark.parametrize("manual", MANUALS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_link_leads_to_a_file_and_a_heading_that_are_there(manual: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", manual.read_text(encoding="utf-8"))
    for path, anchor in links:
        target = manual.parent / path if path else manual
        assert target.exists(), path
        assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), anchor


@pytest.mark.parametrize("manual", MANUALS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_target_that_is_named_is_one_of_the_makefiles(manual: Path) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    named = re.findall(r"(?:`|^)make (?:-s )?([a-z-]+)", manual.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(named) <= set(targets)


def commands(text: str) -> Iterator[tuple[str, str, set[str]]]:
    """Service, operation and options of each call of AWS's CLI."""
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        for service, operation, rest in re.findall(r"(?<![\w-])aws ([a-z][a-z-]+) (?:wait )?([a-z-]+)([^`;|]*)", line):
            yield service, operation, set(re.findall(r"--([a-z-]+)", rest))


def offered(service: str) -> dict[str, set[str]]:
    """The options of each operation and waiter of a service."""
    session = Session()
    names = {CALLED_BY_THE_CLI.get(name, name): name for name in session.get_available_services()}
    model = session.get_service_model(names[service])
    shapes = {xform_name(name, "-"): model.operation_model(name).input_shape for name in model.operation_names}
    options = {
        name: {xform_name(one, "-") for one in shape.members} if shape else set() for name, shape in shapes.items()
    }
    return options | {"table-exists": options.get("describe-table", set())}


@pytest.mark.parametrize("manual", MANUALS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_command_of_awss_cli_is_one_that_it_has(manual: Path) -> None:
    found = list(commands(manual.read_text(encoding="utf-8")))
    assert len(found) > 2
    for service, operation, options in found:
        taken = offered(service)[operation] | OF_EVERY_COMMAND
        assert {one.removeprefix("no-") for one in options} - taken == set(), operation
