"""A usage plan that grants two requests a second, and five at once."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from ops.stage import local_stage
from ops.temporary import narrow_key
from tests.support.api_calls import assert_error, post

pytestmark = pytest.mark.xdist_group("local")

RATE, BURST, CALLS = 2, 5, 20
BODY = {"task": "chat", "text": "Say hello."}


@pytest.fixture(scope="module")
def key(stack):
    with narrow_key(local_stage(urlsplit(stack.base_url).port), RATE, BURST) as made:
        yield made.value


def _generate(stack, key):
    return post(stack, "/generate", BODY, key=key)


@pytest.fixture(scope="module")
def counted_before(stack):
    return _counted(stack)


@pytest.fixture(scope="module")
def burst(stack, key, counted_before):
    """The answers, and the seconds that they took."""
    began = time.monotonic()
    with ThreadPoolExecutor(CALLS) as pool:
        answers = list(pool.map(lambda _: _generate(stack, key), range(CALLS)))
    return answers, time.monotonic() - began


@pytest.fixture(scope="module")
def answers(burst):
    return burst[0]


@pytest.fixture(scope="module")
def limited(answers):
    return [one for one in answers if one.status_code == 429]


def test_more_calls_than_the_plan_grants_are_told_when_to_come_again(burst, limited):
    answers, took_s = burst
    granted = [one for one in answers if one.status_code == 200]
    assert len(granted) + len(limited) == CALLS
    assert BURST <= len(granted) <= BURST + RATE * took_s
    assert limited
    for answer in limited:
        error = assert_error(answer, "rate_limited")
        assert answer.json()["request_id"] == f"req_{answer.headers['x-amz-apigw-id']}"
        assert int(answer.headers["Retry-After"]) == error["retry_after_seconds"] >= 1


def test_calls_that_are_granted_are_answered_and_the_others_leave_no_row(stack, answers, limited):
    granted = {one.json()["request_id"] for one in answers if one.status_code == 200}
    rows = stack.requests_table().scan()["Items"]
    logged = {row["request_id"] for row in rows}
    assert granted <= logged
    assert not {one.json()["request_id"] for one in limited} & logged


def _counted(stack):
    now = datetime.now(UTC)
    read = stack.client("cloudwatch").get_metric_statistics(
        Namespace="LlmOrchestrator",
        MetricName="RateLimited",
        Dimensions=[],
        StartTime=now - timedelta(hours=3),
        EndTime=now + timedelta(minutes=1),
        Period=3600,
        Statistics=["Sum"],
    )
    return sum(point["Sum"] for point in read["Datapoints"])


def test_the_metric_counts_exactly_the_refused_calls(stack, counted_before, limited):
    assert _counted(stack) == counted_before + len(limited)


def test_another_key_is_not_held_up_and_the_first_is_good_again_after_the_wait(stack, key, limited):
    with ThreadPoolExecutor(CALLS) as pool:
        flood = [pool.submit(_generate, stack, key) for _ in range(CALLS)]
        others = [_generate(stack, stack.other_api_key) for _ in range(3)]
    assert 429 in {one.result().status_code for one in flood}
    assert [one.status_code for one in others] == [200] * 3, json.dumps(others[-1].json())
    time.sleep(int(limited[0].headers["Retry-After"]))
    assert _generate(stack, key).status_code == 200
