"""What breaks first, second and third is what bench/scale says, in an account 1,000 times smaller than AWS's."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from functools import cache
from math import ceil
from typing import Any, NamedTuple

import pytest

from bench.scale.demand import Workload, durations
from bench.scale.limits import default_limits, in_the_way
from bench.scale.simulation import order
from tests.conftest import running_stack
from tests.support.api_calls import get, post

pytestmark = pytest.mark.xdist_group("small quotas")

SMALLER = 1_000
RAISED = 1_000_000
PARTITION, CONCURRENCY = "partition_writes", "concurrency"
BODY = {"task": "chat", "text": "Say hello.", "fallback": False}
SLOW, QUICK = BODY | {"model": "gpt-6-luna"}, BODY | {"model": "gpt-4o-mini"}
"""A simulated answer takes about 2.3 s, and 0.4 s."""
STEP_S = 4
THREADS = 64


def small(*keys):
    """Limits of that account, of these kinds alone."""
    return {key: default_limits()[key].times(1 / SMALLER) for key in keys}


class Quotas:
    """The file of them that the local AWS reads; what is raised stays so."""

    def __init__(self, path):
        self.path = path
        self.write({})

    def write(self, limits):
        self.limits = dict(limits)
        told: dict[str, Any] = {
            {"day": PARTITION}.get(key, key): [one.size, max(one.burst, 1)]
            for key, one in self.limits.items()
            if key != CONCURRENCY
        }
        if CONCURRENCY in self.limits:
            told[CONCURRENCY] = int(self.limits[CONCURRENCY].size)
        self.path.write_text(json.dumps(told), "utf-8")

    def lift(self, key):
        self.write(self.limits | {key: self.limits[key].times(RAISED)})


@pytest.fixture(scope="module")
def quotas(tmp_path_factory):
    return Quotas(tmp_path_factory.mktemp("quotas") / "quotas.json")


@pytest.fixture(scope="module")
def limited(quotas) -> Iterator:
    """Its simulator takes as long as the models do."""
    told = {"LOCAL_QUOTAS": str(quotas.path), "SIMULATOR_LATENCY": "1"}
    with running_stack(**told, LOCAL_WORKERS_PER_FUNCTION="8") as running:
        yield running


def ask(stack):
    post(stack, "/generate", SLOW)


def job(stack):
    """Submitted, looked at, and looked at again."""
    told = post(stack, "/jobs", QUICK).json()
    for pause_s in (0, 1):
        time.sleep(pause_s)
        get(stack, f"/jobs/{told.get('execution_id', 'req_0')}")


class Growth(NamedTuple):
    """What is called, at which rates, and which limits there are: the first to break first."""

    call: Any
    rates: tuple[float, ...]
    limits: tuple[str, ...]


SYNC = Growth(ask, (0.5, 2, 16), ("concurrency", "day", "gateway"))
JOBS = Growth(job, (0.5, 4), ("look_ups", "starts", "transitions"))


def answer_s(stack, body):
    """What the provider took of one; its functions have an environment by then."""
    for _ in range(2):
        told = post(stack, "/generate", body).json()
    return told["performance"]["inference_time_ms"] / 1000


@cache
def throttles(stack):
    """The metrics of what each quota refuses, as AWS names them: namespace, name and dimensions."""
    functions = stack.client("lambda").list_functions()["Functions"]
    of_functions = [{"FunctionName": one["FunctionName"]} for one in functions]
    of_day = {
        "TableName": stack.output("RequestsTableName"),
        "GlobalSecondaryIndexName": "by_day",
    }
    states = ("AWS/States", "ThrottledEvents")
    return {
        "concurrency": [("AWS/Lambda", "Throttles", one) for one in of_functions],
        "day": [("AWS/DynamoDB", "WriteThrottleEvents", of_day)],
        "starts": [(*states, {"APIName": "StartExecution"})],
        "look_ups": [(*states, {"APIName": "DescribeExecution"})],
        "transitions": [(*states, {"ServiceMetric": "StateTransition"})],
    }


def refusals(stack, keys):
    """How often each quota refused so far, as CloudWatch and the gateway's log tell it."""
    metrics = [(key, one) for key in keys for one in throttles(stack).get(key, ())]
    now = datetime.now(UTC)
    read = stack.client("cloudwatch").get_metric_data(
        MetricDataQueries=[
            {"Id": f"m{number}", "MetricStat": statistic(*metric)}
            for number, (_, metric) in enumerate(metrics)
        ],
        StartTime=now - timedelta(hours=2),
        EndTime=now + timedelta(minutes=1),
    )
    values = {one["Id"]: sum(one["Values"]) for one in read["MetricDataResults"]}
    told = {"gateway": turned_away(stack)} if "gateway" in keys else {}
    for number, (key, _) in enumerate(metrics):
        told[key] = told.get(key, 0) + values[f"m{number}"]
    return told


def statistic(namespace, name, dimensions):
    listed = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    metric = {"Namespace": namespace, "MetricName": name, "Dimensions": listed}
    return {"Metric": metric, "Period": 3600, "Stat": "Sum"}


def turned_away(stack):
    """By the gateway itself, and not by what is behind it."""
    logs = stack.client("logs")
    groups = [one["logGroupName"] for one in logs.describe_log_groups()["logGroups"]]
    return sum(
        json.loads(event["message"]).get("error_type") == "THROTTLED"
        for group in groups
        if "AccessLog" in group
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        for event in page["events"]
    )


def loaded(stack, pool, call, rate):
    """So many calls a second, whether or not the ones before have ended."""
    began, calls = time.monotonic(), []
    for number in range(ceil(rate * STEP_S)):
        time.sleep(max(0, began + number / rate - time.monotonic()))
        calls.append(pool.submit(call, stack))
    return calls


def measured_order(stack, quotas, limits, call, rates):
    """As `bench.scale.simulation.order`: what refuses is raised, and the same rate comes again."""
    quotas.write(limits)
    found, before = [], refusals(stack, limits)
    pool = ThreadPoolExecutor(THREADS)
    for rate in rates:
        while len(found) < len(limits):
            calls = loaded(stack, pool, call, rate)
            if not (new := refused_since(stack, before, limits)):
                wait(calls)
                new = refused_since(stack, before, limits)
            if not new:
                break
            found.append(max(new, key=lambda key: new[key]))
            quotas.lift(found[-1])
            if len(found) < len(limits):
                wait(calls)
            before = refusals(stack, limits)
    # Those that wait still are of no more interest.
    pool.shutdown(wait=False, cancel_futures=True)
    return found


def refused_since(stack, before, limits):
    now = refusals(stack, limits)
    return {key: now[key] - before[key] for key in limits if now[key] > before[key]}


def assert_same_order(stack, quotas, load, growth):
    limits = small(*growth.limits)
    in_full = in_the_way(load, RAISED, {key: default_limits()[key] for key in limits})
    simulated = order(load, limits, growth.rates, STEP_S)
    assert simulated == [one.key for one, _ in in_full] == list(growth.limits)
    measured = measured_order(stack, quotas, limits, growth.call, growth.rates)
    assert measured == simulated


def test_a_growing_load_of_jobs_breaks_what_the_simulation_says_in_that_order(limited, quotas):
    job(limited)
    load = Workload("jobs", answer_s(limited, QUICK), durations())
    assert_same_order(limited, quotas, load, JOBS)


def test_so_does_a_growing_load_of_callers_who_wait(limited, quotas):
    quotas.write({})
    load = Workload("sync", answer_s(limited, SLOW), durations())
    assert_same_order(limited, quotas, load, SYNC)
