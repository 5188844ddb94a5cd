"""The manuals name what there is: parameters with defaults, alarms, targets, packages, files and headings."""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore import xform_name
from botocore.session import Session
from packaging.requirements import Requirement

from chatkeep.streams.event import Name
from infra.expansion import ROOT, TEMPLATE
from infra.local.intrinsics import load
from infra.local.stack import Stack

TRACKED = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
MANUALS = [ROOT / name for name in TRACKED.splitlines() if (ROOT / name).exists()]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DEPLOYING = (ROOT / "infra" / "README.md").read_text(encoding="utf-8")
OPERATING = (ROOT / "infra" / "docs" / "operating.md").read_text(encoding="utf-8")
STREAMS = (ROOT / "functions" / "stream" / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
MOST_WORDS, MOST_WORDS_OF_PROSE = 2_400, 1_200
PARAMETERS = load(TEMPLATE)["Parameters"]
IN_WORDS = {"": "none", "0": "0: none"}
CALLED_BY_THE_CLI = {"codedeploy": "deploy"}
"""Services whose command has another name than AWS's SDKs have: https://docs.aws.amazon.com/cli/latest/reference/deploy/"""
MADE_BY_THE_CLI = {"s3": {"rb": {"force"}}}
"""Commands of the CLI that are no operation of a service's, with their options."""
OF_EVERY_COMMAND = {"query", "output", "cli-binary-format"}
CODE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)

each_manual = pytest.mark.parametrize("manual", MANUALS, ids=lambda path: str(path.relative_to(ROOT)))


def rows(text: str, heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without the table's own head."""
    lines = text.split(f"# {heading}\n", 1)[1].splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("|"))
    table = lines[start + 2 :]
    end = next(number for number, line in enumerate(table) if not line.startswith("|"))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[:end]]


def anchors(text: str) -> set[str]:
    """The anchors that GitHub makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", CODE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def prose(text: str) -> str:
    """The text outside of code blocks and tables."""
    return "\n".join(line for line in CODE.sub("", text).splitlines() if not line.startswith("|"))


def test_the_readme_is_read_in_five_minutes() -> None:
    assert len(README.split()) <= MOST_WORDS  # as `wc -w` counts
    assert len(prose(README).split()) <= MOST_WORDS_OF_PROSE


def test_every_manual_can_be_reached_from_the_readme() -> None:
    found, unread = set[Path](), [ROOT / "README.md"]
    while unread:
        manual = unread.pop()
        found.add(manual)
        unread += {path for path, _ in links(manual) if path.suffix == ".md"} - found
    assert {one for one in MANUALS if one.name != "CHANGELOG.md"} <= found


def test_the_manual_has_each_parameter_of_the_template_once() -> None:
    named = [name for cells in rows(DEPLOYING, "Parameters") for name in re.findall(r"`(\w+)`", cells[0])]
    assert sorted(named) == sorted(PARAMETERS)


def test_a_default_that_the_manual_has_is_the_templates() -> None:
    for names, cell, *_ in rows(DEPLOYING, "Parameters"):
        if "`" in cell or cell[0].isdigit():
            said = cell.replace("`", "").split(", ")
            defaults = [str(PARAMETERS[name]["Default"]) for name in re.findall(r"`(\w+)`", names)]
            assert said in (defaults, [IN_WORDS.get(one, one) for one in defaults]), names


def test_the_manual_says_of_each_alarm_what_to_do() -> None:
    listed = [cells[0] for cells in rows(OPERATING, "Alarms and what to do")]
    alarms = Stack(TEMPLATE, {}).nested("Monitoring").of_type("AWS::CloudWatch::Alarm")
    assert sorted(listed) == sorted(name.removesuffix("Alarm") for name, _ in alarms)


def test_the_manual_of_streams_has_each_event_once() -> None:
    named = [name for cells in rows(STREAMS, "Events") for name in re.findall(r"`(\w+)`", cells[0])]
    assert sorted(named) == sorted(Name)


def test_each_package_has_its_reason_and_no_other_has_one() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project, groups = pyproject["project"], pyproject["dependency-groups"]
    lists = [project["dependencies"], *project["optional-dependencies"].values(), *groups.values()]
    used = {Requirement(one).name.partition("[")[0] for some in lists for one in some if isinstance(one, str)}
    tables = CONTRIBUTING.split("### Packages\n")[1].split("\n### ")[0].splitlines()
    reasons = [name for line in tables if line.startswith("| `") for name in re.findall(r"`(.+?)`", line.split("|")[1])]
    assert sorted(reasons) == sorted(used)


def links(manual: Path) -> Iterator[tuple[Path, str]]:
    """The files and anchors of this repository that a manual leads to."""
    text = CODE.sub("", manual.read_text(encoding="utf-8"))
    for path, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", text):
        yield (manual.parent / path).resolve() if path else manual, anchor


@each_manual
def test_a_link_leads_to_a_file_and_a_heading_that_are_there(manual: Path) -> None:
    for target, anchor in links(manual):
        assert target.exists(), target
        assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), anchor


@each_manual
def test_a_file_that_a_manual_names_is_there(manual: Path) -> None:
    top = "functions|infra|layers|tests"
    named = re.findall(rf"`((?:{top})/[\w./-]+)`", manual.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


@each_manual
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
    return options | {"table-exists": options.get("describe-table", set())} | MADE_BY_THE_CLI.get(service, {})


@pytest.mark.parametrize("name", ["infra/README.md", "infra/docs/operating.md", "infra/docs/tracing.md"])
def test_the_commands_of_awss_cli_are_found_in(name: str) -> None:
    assert len(list(commands((ROOT / name).read_text(encoding="utf-8")))) > 2


@each_manual
def test_a_command_of_awss_cli_is_one_that_it_has(manual: Path) -> None:
    for service, operation, options in commands(manual.read_text(encoding="utf-8")):
        taken = offered(service)[operation] | OF_EVERY_COMMAND
        assert {one.removeprefix("no-") for one in options} - taken == set(), operation


CHANGES = rows(CONTRIBUTING, "The ten changes a newcomer will make")
"""Change, places before and now, the places, the tests."""


@pytest.mark.parametrize("row", CHANGES, ids=lambda row: row[0])
def test_the_places_and_tests_of_a_change_are_there(row: list[str]) -> None:
    layer = ROOT / "layers" / "shared" / "chatkeep"
    homes = [ROOT, layer, layer / "checkpointer", *(ROOT / "functions").iterdir()]
    places = re.findall(r"`([\w./]+(?:\.(?:py|yaml|md)|/\w+))`", row[3])
    assert places
    assert [place for place in places if not any((home / place).exists() for home in homes)] == []
    tests = {file.stem for file in (ROOT / "tests").rglob("test_*.py")}
    assert set(re.findall(r"`(test_\w+)`", row[4])) <= tests


def test_nine_of_the_ten_changes_take_at_most_four_places() -> None:
    assert sorted(int(row[2]) for row in CHANGES)[-2:] == [4, 7]
    assert len(CHANGES) == 10
