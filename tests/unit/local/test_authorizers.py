import asyncio
import inspect

import pytest
from ministack.services import apigateway_v1 as gateway

from local.emulator import authorizers
from local.emulator.exchange import context_of, current

ARN = "arn:aws:execute-api:us-east-1:0:api/api/GET/v1/models"
EXCHANGE = {
    "request_id": "r",
    "extended_request_id": "e",
    "api_id": "api",
    "stage_name": "api",
    "resource_path": "/v1/models",
    "headers": {},
}


@pytest.fixture
def exchange():
    told = dict(EXCHANGE)
    token = current.set(told)
    yield told
    current.reset(token)


def verdict(effect, **told):
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": ARN}
    return {"principalId": "p", "policyDocument": {"Statement": [statement]}, **told}


def evaluated(monkeypatch, answer):
    async def invoked(*_):
        return {"body": answer}

    monkeypatch.setattr(authorizers, "_invoke", invoked)
    result = asyncio.run(authorizers._invoked({}, {}))
    return authorizers._evaluated(result["body"]["policyDocument"], ARN)


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_what_an_authorizer_says_reaches_context_whatever_its_verdict(
    monkeypatch, exchange, effect
):
    answer = verdict(effect, context={"reason": "late", "on": True}, usageIdentifierKey="k")
    assert evaluated(monkeypatch, answer) == effect
    assert context_of(exchange)["authorizer"] == {"reason": "late", "on": "true"}
    assert exchange["usage_key"] == "k"


@pytest.mark.usefixtures("exchange")
def test_a_line_end_in_a_path_keeps_no_verdict_from_it():
    everything = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "arn:aws:*/api/*"}
    policy = {"Statement": [everything]}
    assert authorizers._evaluated(policy, f"{ARN}/a\nb") == "Allow"


def test_without_a_usage_key_none_is_taken_from_the_request(monkeypatch, exchange):
    exchange["headers"] = {"x-api-key": "sent"}
    evaluated(monkeypatch, verdict("Allow"))
    assert exchange["usage_key"] == ""


def test_upstream_still_drops_the_usage_key_and_a_denials_context():
    source = inspect.getsource(gateway)
    assert "usageIdentifierKey" not in source
    assert 'return _deny_error(decision == "Deny"), None' in source


@pytest.fixture
def cache(monkeypatch):
    kept = {
        ("account", "region", api, "authorizer", stage, ("key",)): (0, {}, {})
        for api, stage in (("a1", "api"), ("a1", "other"), ("a2", "api"))
    }
    monkeypatch.setattr(gateway, "_authorizer_cache", kept)
    monkeypatch.setattr(gateway, "stages_for_api", {"a1": {"api": {}, "other": {}}}.get)
    return kept


def asked(method, path):
    return asyncio.run(authorizers._request(method, path, {}, b"", {}))


def test_a_stage_forgets_what_its_authorizers_answered_and_no_other_does(cache):
    status, *_ = asked("DELETE", "/restapis/a1/stages/api/cache/authorizers")
    assert status == 202
    assert {(key[2], key[4]) for key in cache} == {("a1", "other"), ("a2", "api")}


def test_a_stage_that_is_none_has_nothing_to_forget(cache):
    status, *_ = asked("DELETE", "/restapis/a1/stages/none/cache/authorizers")
    assert (status, len(cache)) == (404, 3)


def test_all_else_is_upstreams_to_answer():
    assert asked("GET", "/account") == asyncio.run(
        authorizers._handle_request("GET", "/account", {}, b"", {})
    )


def test_upstream_still_has_no_way_to_forget_what_authorizers_answered():
    assert '"cache"' not in inspect.getsource(authorizers._handle_request)
