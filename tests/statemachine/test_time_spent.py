"""Where the time of a request went: the real definition with the real handlers, by a clock that pauses and slow
providers put forward."""

import json
import random
import time
from datetime import UTC, datetime

import pytest

from functions.claim.handler import lambda_handler as claim
from functions.invoke_provider.providers.simulator import Simulator
from functions.invoke_provider.spending import Spending
from functions.record_metrics.finished_request import FinishedRequest
from functions.record_metrics.handler import lambda_handler as record
from functions.shared.contracts.states import RecordInput
from functions.shared.simulation import FAULTS, FAULTS_VARIABLE
from functions.shared.storage.request_log import RequestLog
from functions.shared.telemetry.series import STEPS
from tests.support.claimed_runs import MODEL, crash, new_machine, run_request
from tests.support.gateway_events import LambdaStub

pytestmark = pytest.mark.usefixtures("functions")

OTHER = "gpt-4o-mini"
MODELS = [MODEL, OTHER]


class Clock:
    def __init__(self, monkeypatch):
        self._ahead_s = 0.0
        for name in ("time", "perf_counter"):
            monkeypatch.setattr(time, name, self._shifted(getattr(time, name)))
        monkeypatch.setattr(time, "sleep", self.put_forward)

    def _shifted(self, read):
        return lambda: read() + self._ahead_s

    def put_forward(self, seconds):
        self._ahead_s += seconds


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


@pytest.fixture
def machine(clock):
    def made(**functions):
        machine = new_machine(**functions)
        machine.wait = clock.put_forward
        return machine

    return made


@pytest.fixture
def slow(clock, monkeypatch):
    """Every call of a provider takes so many seconds."""

    def takes(seconds):
        complete = Simulator.complete

        def late(*told):
            clock.put_forward(seconds)
            return complete(*told)

        monkeypatch.setattr(Simulator, "complete", late)

    return takes


@pytest.fixture
def fail(monkeypatch):
    def faults(**by_model):
        told = {name.replace("_", "-"): fault for name, fault in by_model.items()}
        monkeypatch.setenv(FAULTS_VARIABLE, json.dumps(told))

    return faults


def _row(request_id="req_1"):
    row = RequestLog("Requests").get(request_id)
    assert row is not None
    total = row.get("latency_ms", row.get("performance", {}).get("total_time_ms"))
    waited = row.get("waited_ms", 0)
    assert row["provider_ms"] == sum(one["elapsed_ms"] for one in row["attempts"])
    assert row["provider_ms"] + waited + row["overhead_ms"] == total
    assert sum(row["steps_ms"].values()) == pytest.approx(row["overhead_ms"])
    assert all(ms >= 0 for ms in (waited, row["overhead_ms"], *row["steps_ms"].values()))
    assert row["steps_ms"].keys() <= STEPS.keys()
    return row


def test_an_answer_tells_its_providers_time_from_ours(machine, slow):
    slow(2)
    run_request("req_1", machine=machine())
    row = _row()
    assert row["steps_ms"].keys() == {"classify", "score", "invoke", "transit"}
    assert 2_000 <= row["provider_ms"] <= row["latency_ms"]
    assert "waited_ms" not in row
    assert row["steps_ms"]["invoke"] < 2_000


def test_all_calls_and_the_pause_between_them_are_told_apart(machine, slow, fail):
    slow(3)
    fail(gpt_4o={"fault": "throttled", "wait_seconds": 4})
    run_request("req_1", machine=machine())
    row = _row()
    assert row["status"] == "FAILED"
    waits = [one.get("waited_ms", 0) for one in row["attempts"]]
    assert len(waits) >= 2
    assert row["waited_ms"] == sum(waits) >= 4_000
    assert row["provider_ms"] >= 3_000 * len(waits)


def test_what_settles_a_call_is_ours_and_in_the_total(machine, clock, monkeypatch):
    close = Spending.close

    def late(self, attempt):
        clock.put_forward(1)
        close(self, attempt)

    monkeypatch.setattr(Spending, "close", late)
    run_request("req_1", machine=machine())
    row = _row()
    assert row["steps_ms"]["invoke"] >= 1_000
    assert row["overhead_ms"] >= 1_000 > row["provider_ms"]


def test_a_kept_answer_has_no_providers_time(machine, slow):
    slow(2)
    first = run_request("req_1", machine=machine(), cache_ttl_seconds=60)
    again = run_request("req_2", machine=machine(), cache_ttl_seconds=60)
    assert (first.output["cached"], again.output["cached"]) == (False, True)
    assert "claim" in _row()["steps_ms"]
    row = _row("req_2")
    assert (row["provider_ms"], row["steps_ms"].keys()) == (0, {"classify", "claim", "transit"})


def test_a_wait_for_anothers_answer_is_neither_a_providers_nor_ours(machine, clock):
    looks = []

    def looking(event, context):
        found = claim(event, context)
        looks.append(found["outcome"])
        return found if len(looks) > 2 else {**found, "outcome": "wait", "wait_seconds": 3}

    run_request("req_1", machine=machine(Claim=looking), cache_ttl_seconds=60)
    row = _row()
    assert len(looks) == 3
    assert row["waited_ms"] == 6_000
    assert row["latency_ms"] >= 6_000 > row["overhead_ms"]


def test_a_crash_that_nobody_lived_to_tell_of_is_ours(machine, clock):
    def late_crash(event, context):
        clock.put_forward(5)
        crash(event, context)

    run_request("req_1", machine=machine(invoke=late_crash))
    row = _row()
    assert (row["provider_ms"], row["steps_ms"]["invoke"]) == (0, 0)
    assert row["steps_ms"]["transit"] >= 5_000


@pytest.mark.parametrize(
    ("request_", "steps"),
    [({"task": "none"}, {"transit"}), ({"model": "gpt-4o", "max_cost_usd": 1e-9}, {"classify", "transit"})],
)  # fmt: skip
def test_a_request_that_nobody_was_asked_for_has_the_steps_that_it_came_through(
    machine, request_, steps
):
    run_request("req_1", machine=machine(), **request_)
    assert _row()["steps_ms"].keys() == steps


def test_a_failure_that_is_recorded_late_took_no_longer(machine, clock, fail):
    kept = []

    def unrecorded(event, context):
        kept.append(event)
        return {"code": "internal_error", "body": {}}

    fail(gpt_4o="unavailable")
    run_request("req_1", machine=machine(RecordMetrics=unrecorded))
    clock.put_forward(3_600)
    record(kept[0], LambdaStub())
    row = _row()
    assert row["latency_ms"] < 3_600_000
    assert row["overhead_ms"] < 3_600_000


def test_an_event_of_an_earlier_version_has_its_overhead_without_steps(machine):
    kept = []

    def unrecorded(event, context):
        kept.append(event)
        return {}

    run_request("req_1", machine=machine(RecordMetrics=unrecorded))
    old = {name: one for name, one in kept[0].items() if name not in {"times", "ended_at"}}
    record(old, LambdaStub())
    row = RequestLog("Requests").get("req_1")
    assert row["provider_ms"] + row["overhead_ms"] == row["latency_ms"]
    assert "steps_ms" not in row
    event = RecordInput.model_validate(old)
    assert FinishedRequest(event, datetime.now(UTC), "").time_spent.steps_ms is None


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_every_part_of_a_rows_time_is_told_once(machine, slow, fail, seed):
    chance = random.Random(seed)
    slow(chance.uniform(0, 4))
    told = [chance.choice([*FAULTS, "", ""]) for _ in MODELS]
    named = zip(("gpt_4o", "gpt_4o_mini"), told, strict=True)
    fail(**{name: _fault(fault, chance) for name, fault in named if fault})
    crashing = {"invoke": crash} if chance.random() < 0.1 else {}
    for number in range(3):
        run_request(
            f"req_{number}",
            machine=machine(**crashing),
            mode=chance.choice(["sync", "async"]),
            model=None,
            models=MODELS,
            fallback=chance.choice([False, True]),
            cache_ttl_seconds=chance.choice([0, 60]),
            max_latency_ms=chance.choice([None, 9_000]),
        )
        _row(f"req_{number}")


def _fault(name, chance):
    return {"fault": name, "wait_seconds": chance.choice([None, 2.0])}
