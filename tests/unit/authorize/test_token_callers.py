import json
import logging

import pytest

from functions.authorize import handler
from functions.authorize.handler import Unauthorized, lambda_handler
from functions.authorize.tokens import keys_of
from functions.shared.callers.records import (
    CALLER,
    KEY,
    CallerRecord,
    KeyRecord,
    OwnLimits,
    item_of,
    key_hash,
    subject_hash,
)
from functions.shared.callers.usage_keys import plan_usage_key, usage_key
from functions.shared.errors import ServiceUnavailable
from tests.support.gateway_events import LambdaStub
from tests.support.token_server import AUDIENCE, issuing, published

SERVICE = "llm-orchestrator-test"
ARN = "arn:aws:execute-api:us-east-1:000000000000:api/stage/POST/v1/route"


class Items:
    """A table of callers as boto3 has it, in memory."""

    def __init__(self):
        self.items = {}

    def put(self, kind, item_id, record):
        self.items[kind, item_id] = item_of(kind, item_id, record)

    def get_item(self, Key, ConsistentRead):  # noqa: N803
        assert ConsistentRead
        item = self.items.get((Key["kind"], Key["item_id"]))
        return {} if item is None else {"Item": item}


@pytest.fixture
def items(monkeypatch):
    items = Items()
    monkeypatch.setattr(handler, "table", lambda _name: items)
    return items


@pytest.fixture
def server(environment):
    keys_of.cache_clear()
    with issuing() as server:
        environment(
            CALLERS_TABLE="Callers",
            POWERTOOLS_SERVICE_NAME=SERVICE,
            BEARER_ROUTES="GET /v1/caller",
            JWT=json.dumps({"issuer": server.url, "audience": AUDIENCE, "plan_claim": "plan"}),
            PLAN_LIMITS=json.dumps({"standard": {"month_nano_usd": 5}}),
        )
        yield server


def verdict(credential, header="X-API-Key", route="POST /v1/route"):
    method, _, resource = route.partition(" ")
    event = {
        "httpMethod": method,
        "resource": resource,
        "methodArn": ARN,
        "headers": {header: credential},
    }
    return lambda_handler(event, LambdaStub())


def enter(items, item_id, *, key_expires_at_s=None, **changes):
    told = {"caller_id": "abcdefghij", "name": "team-a", "created_at_s": 1, "plan": "standard"}
    record = CallerRecord.model_validate(told | changes)
    items.put(CALLER, record.caller_id, record)
    key = KeyRecord(
        key_hash=item_id,
        caller_id=record.caller_id,
        hint="…",
        created_at_s=1,
        expires_at_s=key_expires_at_s,
    )
    items.put(KEY, item_id, key)


def caller_in(verdict):
    return json.loads(verdict["context"]["caller"])


@pytest.mark.parametrize(
    ("header", "prefix", "route"),
    [
        ("X-API-Key", "", "POST /v1/route"),
        ("Authorization", "Bearer ", "GET /v1/caller"),
    ],
)
def test_a_subject_that_nobody_entered_comes_in_by_its_plan(server, items, header, prefix, route):
    told = verdict(prefix + server.token(exp=9_000_000_000), header, route)
    assert told["usageIdentifierKey"] == plan_usage_key(SERVICE, "standard")
    assert len(told["context"]["caller_id"]) == 10
    caller = caller_in(told)
    assert caller["name"] == "ann"
    assert caller["limits"]["month_nano_usd"] == 5
    assert caller["expires_at_s"] == 9_000_000_060


def test_two_subjects_are_two_callers_and_a_subject_is_one(server, items):
    ids = [verdict(server.token(sub=sub))["context"]["caller_id"] for sub in ("a", "b", "a")]
    assert ids[0] == ids[2] != ids[1]


def test_an_operators_token_is_counted_by_the_operators_plan(server, items):
    told = verdict(server.token(plan="operator"))
    assert told["usageIdentifierKey"] == plan_usage_key(SERVICE, "operator")
    assert told["context"]["plan"] == "operator"


def test_an_entered_subject_is_that_caller_with_its_limits_until_the_token_ends(server, items):
    own = OwnLimits(day_nano_usd=7)
    enter(items, subject_hash(server.url, "ann"), limits=own, expires_at_s=9_500_000_000)
    told = verdict(server.token(exp=9_000_000_000, plan="operator"))
    assert told["context"]["caller_id"] == "abcdefghij"
    assert told["context"]["plan"] == "standard"
    assert told["usageIdentifierKey"] == usage_key(SERVICE, "abcdefghij")
    caller = caller_in(told)
    assert (caller["name"], caller["expires_at_s"]) == ("team-a", 9_000_000_060)
    assert (caller["limits"]["day_nano_usd"], caller["limits"]["month_nano_usd"]) == (7, 5)


def test_an_entered_subject_can_be_shut_out(server, items):
    enter(items, subject_hash(server.url, "ann"), disabled=True)
    told = verdict(server.token())
    assert told["policyDocument"]["Statement"][0]["Effect"] == "Deny"
    assert told["context"]["reason"] == "X-API-Key: This caller is disabled."


def test_keys_open_as_they_do_without_an_issuer(server, items):
    enter(items, key_hash("lo_key"))
    assert verdict("lo_key")["context"]["caller_id"] == "abcdefghij"
    with pytest.raises(Unauthorized):
        verdict("lo_other")
    assert server.asked == []


def test_a_token_is_an_unknown_key_where_the_stage_has_no_issuer(
    server, items, environment, monkeypatch
):
    monkeypatch.delenv("JWT")
    environment()
    with pytest.raises(Unauthorized):
        verdict(server.token())
    assert server.asked == []


def test_a_refused_token_is_401_and_the_log_says_why_in_our_words(server, items, caplog):
    caplog.set_level(logging.INFO)
    token = server.token(sub="kanarienvogel", aud="another")
    with pytest.raises(Unauthorized):
        verdict(token)
    assert "it was made for somebody else" in [
        vars(one).get("reason") for one in caplog.records if one.msg == "token refused"
    ]
    logged = "".join(str(vars(one)) for one in caplog.records)
    assert not [part for part in ("kanarienvogel", *token.split(".")) if part in logged]


def test_an_issuer_that_is_down_fails_the_authorizer_which_the_gateway_answers_with_503(
    server, items
):
    server.keys = None
    with pytest.raises(ServiceUnavailable):
        verdict(server.token())
    server.keys = [published("first")]


@pytest.mark.parametrize(
    "forged", [{"key": "other", "headers": {"kid": "first"}}, {"algorithm": "none"}]
)
def test_a_forged_token_never_opens_a_callers_record(server, items, forged):
    enter(items, subject_hash(server.url, "ann"))
    with pytest.raises(Unauthorized):
        verdict(server.token(**forged))


def test_whoever_sends_a_subject_as_a_key_is_not_its_caller(server, items):
    enter(items, subject_hash(server.url, "ann"))
    with pytest.raises(Unauthorized):
        verdict(f"{server.url}\0ann")
