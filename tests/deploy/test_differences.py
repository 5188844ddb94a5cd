"""The list of the emulator's differences is true: one that a new version has mended fails here."""

import httpx
import pytest

from tests.deploy.deployment import Deployment
from tests.deploy.differences import DIFFERENCES
from tests.deploy.probes import TRIED


@pytest.mark.parametrize("difference", DIFFERENCES)
def test_the_emulator_is_still_different_in(difference: str, development: Deployment, ada: httpx.Client) -> None:
    assert TRIED[difference](development, ada)
