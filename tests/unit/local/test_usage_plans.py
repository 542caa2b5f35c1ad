import inspect
import json

import pytest
from ministack.services import apigateway_v1 as gateway
from ministack.services.cloudformation import provisioners

from local.emulator import cloudformation, usage_plans

STAGES = [{"ApiId": "a1", "Stage": "api"}]


@pytest.fixture(autouse=True)
def empty(monkeypatch):
    for name in ("_usage_plans", "_usage_plan_keys", "_api_keys"):
        monkeypatch.setattr(gateway, name, type(gateway._usage_plans)())
    for name in ("_throttle_state", "_quota_state"):
        monkeypatch.setattr(gateway, name, {})


def plan_with(*keys, rate=1, burst=1):
    plan_id, _ = provisioners._apigw_usage_plan_create("Plan", plan(rate, burst), "stack")
    for key in keys:
        gateway._create_usage_plan_key(plan_id, {"keyId": key, "keyType": "API_KEY"})
    return plan_id


def plan(rate, burst):
    throttle = {"RateLimit": rate, "BurstLimit": burst}
    return {"UsagePlanName": "p", "ApiStages": STAGES, "Throttle": throttle}


def listed(query):
    return [one["id"] for one in json.loads(usage_plans._plans(query)[2])["item"]]


def passed(key, times):
    """How many of so many requests at once the limits let through."""
    refusals = [
        gateway._check_throttle({}, "a1", "api", "/v1/generate", "POST", {"id": key})
        for _ in range(times)
    ]
    return refusals.count(None)


def test_only_the_plans_of_the_key_are_listed():
    first, second = plan_with("k1", "k2"), plan_with("k2")
    assert listed({"keyId": ["k1"]}) == [first]
    assert listed({"keyId": "k2"}) == [first, second]
    assert listed({"keyId": ["none"]}) == []
    assert listed({}) == [first, second]


def test_plans_of_one_stage_limit_their_own_keys(monkeypatch):
    monkeypatch.setattr(gateway.time, "time", lambda: 1000.0)
    plan_with("slow", "slow-too", rate=1, burst=2)
    plan_with("fast", rate=10, burst=20)
    assert (passed("slow", 30), passed("fast", 30), passed("slow-too", 30)) == (2, 20, 2)


def test_a_plan_that_a_template_changes_limits_anew(monkeypatch):
    now = 1000.0
    monkeypatch.setattr(gateway.time, "time", lambda: now)
    plan_id = plan_with("k1", rate=1, burst=2)
    assert passed("k1", 30) == 2
    provisioners._apigw_usage_plan_update(plan_id, plan(1, 2), plan(10, 20), "stack")
    now += 60
    assert passed("k1", 30) == 20


def test_a_templates_limit_of_one_method_is_kept_for_callers_without_a_key(monkeypatch):
    monkeypatch.setattr(gateway, "_rest_apis", {"a1": {}})
    monkeypatch.setattr(gateway, "_stages_v1", {})
    limit = {"HttpMethod": "GET", "ThrottlingRateLimit": 1, "ThrottlingBurstLimit": 3}
    settings = [{"ResourcePath": path, **limit} for path in ("/~1v1~1health", "/~1c~1{file}")]
    everything = {"ResourcePath": "/*", "HttpMethod": "*", "LoggingLevel": "ERROR"}
    props = {"RestApiId": "a1", "StageName": "api", "MethodSettings": [everything, *settings]}
    changed = {**props, "MethodSettings": [everything, {**settings[0], "ThrottlingBurstLimit": 5}]}

    def let_through(path, verb="GET"):
        stage = gateway._stages_v1["a1"]["api"]
        asked = [gateway._check_throttle(stage, "a1", "api", path, verb, None) for _ in range(10)]
        return asked.count(None)

    cloudformation._create_stage("Stage", props, "stack")
    assert (let_through("/v1/health"), let_through("/c/{file}")) == (3, 3)
    assert (let_through("/v1/models"), let_through("/v1/health", "POST")) == (10, 10)
    cloudformation._update_stage("api", props, changed, "stack")
    gateway._throttle_state.clear()
    assert (let_through("/v1/health"), let_through("/c/{file}")) == (5, 10)


def test_upstream_still_lists_all_plans():
    assert "keyId" not in inspect.getsource(gateway._get_usage_plans)
