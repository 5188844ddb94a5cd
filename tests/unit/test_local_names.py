"""The names by which the local runner's Invoke knows a function are those of Lambda."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.names import find
from infra.local.template import load_functions
from tests.client import STACK

FUNCTIONS = load_functions(STACK)
PREFIXES = ["", "function:", "123456789012:function:", "arn:aws:lambda:us-east-1:123456789012:function:"]
KNOWN = {
    f"{prefix}{name}{qualifier}"
    for prefix, name, qualifier in product(
        PREFIXES, ["PurgeFunction", "chatkeep-PurgeFunction"], ["", ":live", ":$LATEST"]
    )
}


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_each_form_of_a_name_leads_to_its_function(name: str) -> None:
    assert find(FUNCTIONS, name) is FUNCTIONS["PurgeFunction"]


@pytest.mark.parametrize("reference", [{"Ref": "PurgeFunction.Alias"}, {"Ref": "PurgeFunction"}])
def test_what_the_template_calls_a_function_leads_to_it(reference: dict[str, str]) -> None:
    (named,) = (STACK.attribute(name, "Ref") for name in reference.values())
    assert find(FUNCTIONS, named) is FUNCTIONS["PurgeFunction"]


def test_the_jobs_function_of_the_template_is_there() -> None:
    names = {name for one in FUNCTIONS.values() if (name := one.environment.get("JOBS_FUNCTION"))}
    assert [find(FUNCTIONS, name) for name in names] == [FUNCTIONS["PurgeFunction"]]


@pytest.mark.parametrize("qualifier", ["live", "$LATEST", None])
def test_a_qualifier_may_stand_beside_the_name(qualifier: str | None) -> None:
    assert find(FUNCTIONS, "PurgeFunction", qualifier) is FUNCTIONS["PurgeFunction"]
    assert find(FUNCTIONS, "PurgeFunction", "7") is None


@given(st.sampled_from(sorted(KNOWN)), st.data())
def test_a_name_with_one_character_changed_leads_nowhere(name: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(name) - 1))
    other = data.draw(st.characters(exclude_characters=name[at]))
    changed = name[:at] + other + name[at + 1 :]
    if changed not in KNOWN:
        assert find(FUNCTIONS, changed) is None
