"""The list of what the emulator does otherwise is true: what it has learnt since fails here."""

import httpx
import pytest

from tests.deploy.deployment import Deployment
from tests.deploy.differences import DIFFERENCES
from tests.deploy.probes import TRIED


@pytest.mark.parametrize("difference", DIFFERENCES)
def test_the_emulator_is_still_different_in(difference: str, development: Deployment, ada: httpx.Client) -> None:
    assert TRIED[difference](development, ada)
