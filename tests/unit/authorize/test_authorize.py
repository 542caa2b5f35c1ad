import json
import time
from io import StringIO

import pytest
from botocore.exceptions import ClientError

from functions.authorize.authorizing import Authorized
from functions.authorize.handler import Unauthorized, lambda_handler
from functions.authorize.verdicts import allowed
from functions.shared.caller import Caller, Limits
from functions.shared.callers.records import (
    CALLER,
    KEY,
    CallerRecord,
    KeyRecord,
    OwnLimits,
    item_of,
    key_hash,
)
from functions.shared.storage.tables import table
from functions.shared.telemetry.observability import logger
from tests.support.gateway_events import LambdaStub

ARN = "arn:aws:execute-api:us-east-1:123456789012:abc/api/POST/v1/generate"
PLANS = {"standard": Limits(month_nano_usd=5, tier_down_at=0.5), "operator": Limits()}


@pytest.fixture(autouse=True)
def callers(callers_table, environment):
    environment(
        CALLERS_TABLE="Callers",
        BEARER_ROUTES="GET /v1/caller",
        EITHER_ROUTES="GET /v1/models",
        POWERTOOLS_SERVICE_NAME="service",
        PLAN_LIMITS=json.dumps({name: one.model_dump() for name, one in PLANS.items()}),
    )
    return callers_table


def enter(callers, value="a-key", caller_id="abcdefghij", key=None, **record):
    known = CallerRecord.model_validate(
        {"caller_id": caller_id, "name": f"team-{caller_id[0]}", "created_at_s": 1, **record}
    )
    entry = KeyRecord.model_validate(
        {
            "key_hash": key_hash(value),
            "caller_id": caller_id,
            "hint": "",
            "created_at_s": 1,
            **(key or {}),
        }
    )
    callers.put_item(Item=item_of(CALLER, caller_id, known))
    callers.put_item(Item=item_of(KEY, entry.key_hash, entry))


def asked(headers, resource="/v1/generate", method="POST"):
    event = {"httpMethod": method, "resource": resource, "methodArn": ARN, "headers": headers}
    return lambda_handler(event, LambdaStub())


def caller_in(verdict):
    return Caller.model_validate_json(verdict["context"]["caller"])


def effect_of(verdict):
    (statement,) = verdict["policyDocument"]["Statement"]
    assert statement["Resource"] == "arn:aws:execute-api:us-east-1:123456789012:abc/api/*"
    return statement["Effect"]


@pytest.mark.parametrize("header", ["X-API-Key", "x-api-key"])
def test_a_known_key_is_its_callers(callers, header):
    enter(callers, limits=OwnLimits(day_nano_usd=7), models=["gpt-4o"], tasks=["chat"])
    told = asked({header: " a-key "})
    assert effect_of(told) == "Allow"
    assert told["usageIdentifierKey"] == "service-abcdefghij"
    assert {name: told["context"][name] for name in ("caller_id", "name", "plan")} == {
        "caller_id": "abcdefghij",
        "name": "team-a",
        "plan": "standard",
    }
    assert caller_in(told) == Caller(
        name="team-a",
        models=["gpt-4o"],
        tasks=["chat"],
        limits=Limits(day_nano_usd=7, month_nano_usd=5, tier_down_at=0.5),
    )


def test_a_name_adds_nothing_to_the_access_log_which_writes_it_as_it_is():
    named = Caller(name='ann", "caller_id": "boss\\')
    context = allowed(Authorized("abcdefghij", named, "key"), ARN)["context"]
    assert context["name"] == "ann, caller_id: boss"
    assert Caller.model_validate_json(context["caller"]).name == named.name


def test_without_any_limit_there_is_no_budget_to_ask_for(callers):
    enter(callers, plan="operator")
    assert caller_in(asked({"X-API-Key": "a-key"})).limits is None


def test_the_stages_limit_goes_with_every_caller(callers, environment):
    environment(STAGE_LIMITS=Limits(month_nano_usd=9).model_dump_json())
    enter(callers, plan="operator")
    caller = caller_in(asked({"X-API-Key": "a-key"}))
    assert (caller.limits, caller.stage_limits) == (None, Limits(month_nano_usd=9))


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-API-Key": ""}, {"X-API-Key": "wrong"}, {"Authorization": "Bearer a-key"}],
    ids=str,
)
def test_nobody_without_a_known_key_comes_in(callers, headers):
    enter(callers)
    with pytest.raises(Unauthorized, match=r"^Unauthorized$"):
        asked(headers)


def test_a_key_whose_caller_is_gone_is_unknown(callers):
    enter(callers)
    callers.delete_item(Key={"kind": CALLER, "item_id": "abcdefghij"})
    with pytest.raises(Unauthorized):
        asked({"X-API-Key": "a-key"})


def test_a_hash_opens_nothing(callers):
    enter(callers)
    with pytest.raises(Unauthorized):
        asked({"X-API-Key": key_hash("a-key")})


@pytest.mark.parametrize(
    ("record", "key", "reason"),
    [
        ({"disabled": True}, {}, "disabled"),
        ({"expires_at_s": 5}, {}, "expired"),
        ({}, {"expires_at_s": 5}, "replaced"),
    ],
    ids=str,
)
def test_who_is_known_and_may_not_come_in_is_told_why(callers, record, key, reason):
    enter(callers, key=key, **record)
    told = asked({"X-API-Key": "a-key"})
    assert effect_of(told) == "Deny"
    assert told["context"]["reason"].startswith("X-API-Key: ")
    assert reason in told["context"]["reason"]
    assert "usageIdentifierKey" not in told


def test_the_sooner_of_two_ends_goes_with_the_caller(callers):
    soon = int(time.time()) + 60
    enter(callers, key={"expires_at_s": soon}, expires_at_s=soon + 60)
    assert caller_in(asked({"X-API-Key": "a-key"})).expires_at_s == soon


@pytest.mark.parametrize("sent", ["Bearer a-key", "bearer  a-key "])
def test_a_bearer_route_takes_a_key_in_authorization(callers, sent):
    enter(callers)
    told = asked({"Authorization": sent}, "/v1/caller", "GET")
    assert told["context"]["caller_id"] == "abcdefghij"


@pytest.mark.parametrize("sent", ["a-key", "Basic a-key", "Bearer", ""])
def test_a_bearer_route_takes_nothing_else(callers, sent):
    enter(callers)
    with pytest.raises(Unauthorized):
        asked({"Authorization": sent}, "/v1/caller", "GET")


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer a-key"},
        {"X-API-Key": "a-key"},
        {"X-API-Key": " ", "Authorization": "Bearer a-key"},
        {"X-API-Key": "a-key", "Authorization": "Bearer wrong"},
    ],
    ids=str,
)
def test_a_route_that_takes_either_header_takes_the_one_that_is_there(callers, headers):
    enter(callers)
    told = asked(headers, "/v1/models", "GET")
    assert told["context"]["caller_id"] == "abcdefghij"


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-API-Key": "wrong", "Authorization": "Bearer a-key"}, {"Authorization": "Basic a-key"}],
    ids=str,
)
def test_a_route_that_takes_either_header_asks_the_second_only_without_the_first(callers, headers):
    enter(callers)
    with pytest.raises(Unauthorized):
        asked(headers, "/v1/models", "GET")


@pytest.mark.parametrize(
    ("route", "owner"),
    [(("/v1/generate", "POST"), "abcdefghij"), (("/v1/caller", "GET"), "klmnopqrst")],
    ids=str,
)
def test_only_the_header_that_the_gateway_keeps_the_verdict_under_counts(callers, route, owner):
    enter(callers)
    enter(callers, "other-key", "klmnopqrst")
    told = asked({"X-API-Key": "a-key", "Authorization": "Bearer other-key"}, *route)
    assert told["context"]["caller_id"] == owner


def test_a_table_that_does_not_answer_is_no_verdict(monkeypatch):
    error = ClientError({"Error": {"Code": "InternalServerError", "Message": ""}}, "GetItem")

    def refuse(**_):
        raise error

    monkeypatch.setattr(table("Callers"), "get_item", refuse)
    with pytest.raises(ClientError):
        asked({"X-API-Key": "a-key"})


def test_no_log_line_has_a_key_in_it(callers, monkeypatch):
    written = StringIO()
    (handler,) = logger.handlers
    monkeypatch.setattr(handler, "stream", written)
    enter(callers)
    asked({"X-API-Key": "a-key"})
    with pytest.raises(Unauthorized):
        asked({"X-API-Key": "another-secret"})
    told = written.getvalue()
    assert "unknown credential" in told
    assert "another-secret" not in told
    assert "a-key" not in told
