"""What a job's call took is kept before its function answers or raises."""

import json

import pytest

from functions.invoke_provider import handler
from functions.invoke_provider.providers.registry import load_provider
from functions.shared.errors import EngineError
from functions.shared.money.job_calls import calls_id, kept_call
from functions.shared.simulation import FAULTS_VARIABLE
from functions.shared.storage.state_table import StateTable
from tests.support.builders import caught, profile
from tests.support.gateway_events import LambdaStub
from tests.unit.invoke_provider.test_handler import event


@pytest.fixture(autouse=True)
def _simulator(environment, state_table):
    environment(PROVIDER="simulator", STATE_TABLE="State")
    load_provider.cache_clear()
    yield
    load_provider.cache_clear()


def _event(mode="async", **changes):
    told = event(**changes)
    started_at_ms = told["profile"]["started_at_ms"]
    return told | {
        "profile": profile("summarize", started_at_ms, mode=mode).model_dump(mode="json")
    }


def _item():
    item = calls_id("req_1")
    return StateTable("State").read([item]).get(item, {})


def test_an_answered_call_of_a_job_is_kept_as_it_is_told():
    output = handler.lambda_handler(_event(), LambdaStub())
    kept = kept_call(_item(), 1)
    told = output["attempt"]
    # To keep it took its time, too.
    assert told.pop("own_ms") > 0
    assert kept.model_dump(mode="json", by_alias=True, exclude_none=True) == told
    assert kept.simulated_cost_nano_usd > 0


def test_a_failed_call_is_kept_with_its_class_under_its_number(environment):
    environment(**{FAULTS_VARIABLE: json.dumps({"gpt-4o": "ProviderOverloaded"})})
    before = {"candidate": event()["candidate"], "error": caught(EngineError("x"))}
    with pytest.raises(EngineError):
        handler.lambda_handler(_event(failures=[before]), LambdaStub())
    assert kept_call(_item(), 1) is None
    assert kept_call(_item(), 2).outcome == "ProviderOverloaded"


def test_nothing_is_kept_of_a_request_that_somebody_waits_for():
    handler.lambda_handler(_event("sync"), LambdaStub())
    assert _item() == {}


def test_a_table_that_refuses_costs_nobody_the_answer(environment):
    environment(STATE_TABLE="missing")
    assert handler.lambda_handler(_event(), LambdaStub())["answer"]["result"]
