"""The local runner in Lambda's place: workers that die, fail, dawdle, are too few."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.runner import PROBE, RUN, Runner, running

WORKERS = 2


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    caller = {"WORKERS": str(WORKERS)}
    with running(tmp_path_factory.mktemp("data"), command=[*RUN, PROBE], environment=caller) as runner:
        yield runner


@pytest.fixture
def alice(runner: Runner) -> Iterator[httpx.Client]:
    with runner.client("alice") as client:
        yield client


def test_a_worker_is_reused(alice: httpx.Client) -> None:
    assert len({alice.get("/show/x").json()["pid"] for _ in range(5)}) == 1


def test_a_worker_that_dies_is_answered_502_and_replaced(alice: httpx.Client) -> None:
    dead = alice.get("/show/x").json()["pid"]
    response = alice.post("/die")
    assert (response.status_code, response.json()) == (502, {"message": "Internal server error"})
    after = {alice.get("/show/x").json()["pid"] for _ in range(WORKERS + 1)}
    assert dead not in after


def test_as_many_deaths_as_workers_leave_the_function_alive(alice: httpx.Client) -> None:
    assert [alice.post("/die").status_code for _ in range(WORKERS + 1)] == [502] * (WORKERS + 1)
    assert alice.get("/show/x").status_code == 200


def test_an_error_is_answered_502_and_leaves_the_worker_alive(alice: httpx.Client) -> None:
    before = alice.get("/show/x").json()["pid"]
    assert alice.post("/raise").status_code == 502
    assert alice.get("/show/x").json()["pid"] == before


def test_a_result_that_is_no_response_is_answered_502(alice: httpx.Client) -> None:
    assert alice.post("/nonsense").status_code == 502


def test_a_result_over_six_megabytes_is_answered_502_and_leaves_the_worker_alive(alice: httpx.Client) -> None:
    before = alice.get("/show/x").json()["pid"]
    quotes = b'"' * 2 * 1024 * 1024  # two bytes each in the event, four in its copy
    response = alice.post("/show/x", content=quotes)
    assert (response.status_code, response.json()) == (502, {"message": "Internal server error"})
    assert alice.get("/show/x").json()["pid"] == before


def test_a_function_over_its_time_out_is_answered_504_and_ended(runner: Runner, alice: httpx.Client) -> None:
    before = alice.get("/neighbour").json()["pid"]
    response = alice.post("/wait-too-long", content="30")
    assert (response.status_code, response.json()) == (504, {"message": "Endpoint request timed out"})
    assert alice.get("/neighbour").json()["pid"] != before
    assert before not in runner.children()


def test_a_request_beyond_the_workers_waits(alice: httpx.Client) -> None:
    with ThreadPoolExecutor(6) as threads:
        responses = list(threads.map(lambda _: alice.post("/wait", content="0.3"), range(6)))
    assert [response.status_code for response in responses] == [200] * 6
    assert len({response.json()["pid"] for response in responses}) == WORKERS


def test_32_users_at_once_get_each_their_own_answer(runner: Runner) -> None:
    def answers(number: int) -> list[tuple[str, str]]:
        with runner.client(f"user-{number}") as client:
            events = [client.get(f"/show/{number}-{turn}").json()["event"] for turn in range(10)]
        return [(event["requestContext"]["authorizer"]["claims"]["sub"], event["path"]) for event in events]

    with ThreadPoolExecutor(32) as threads:
        for number, answered in enumerate(threads.map(answers, range(32))):
            assert answered == [(f"user-{number}", f"/show/{number}-{turn}") for turn in range(10)]
