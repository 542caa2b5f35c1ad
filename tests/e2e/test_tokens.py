"""Tokens beside keys: those of the stage's own user pool, and those of any other issuer."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.api_calls import assert_error, call, post
from tests.support.token_server import AUDIENCE, FromNow, issuing

pytestmark = pytest.mark.xdist_group("local")

BODY = {"task": "chat", "text": "Say hello."}
PASSWORD = "Correct-Horse-9"


@pytest.fixture(scope="module")
def cognito_tokens(stack):
    """What a user of the pool gets who signs in."""
    users, pool = stack.client("cognito-idp"), stack.output("UserPoolId")
    users.admin_create_user(UserPoolId=pool, Username="ann", MessageAction="SUPPRESS")
    users.admin_set_user_password(
        UserPoolId=pool, Username="ann", Password=PASSWORD, Permanent=True
    )
    signed_in = users.admin_initiate_auth(
        UserPoolId=pool,
        ClientId=stack.output("UserPoolClientId"),
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ann", "PASSWORD": PASSWORD},
    )
    return signed_in["AuthenticationResult"]


@pytest.fixture(scope="module")
def issuer(stack):
    """Another issuer, which the same stage names for a while."""
    with issuing() as server:
        told = {"issuer": server.url, "audience": AUDIENCE}
        variables = {"JWT": json.dumps(told)}
        with stack.variables("Authorize", variables), stack.variables("Admin", variables):
            yield server


def row_of(stack, response):
    assert response.status_code == 200, response.text
    key = {"request_id": response.json()["request_id"]}
    return stack.requests_table().get_item(Key=key)["Item"]


def whoami(stack, token):
    return call(stack, "GET", "/caller", headers={"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize("kind", ["IdToken", "AccessToken"])
def test_who_signs_in_at_the_stages_pool_comes_in(stack, cognito_tokens, kind):
    token = cognito_tokens[kind]
    assert post(stack, "/route", BODY, key=token).status_code == 200
    assert whoami(stack, token).status_code == 200


def test_both_tokens_of_a_user_are_one_caller(stack, cognito_tokens):
    rows = [
        row_of(stack, post(stack, "/generate", BODY, key=cognito_tokens[kind]))
        for kind in ("IdToken", "AccessToken")
    ]
    assert rows[0]["caller_id"] == rows[1]["caller_id"]


def test_a_token_that_only_renews_others_is_401(stack, cognito_tokens):
    refused = post(stack, "/route", BODY, key=cognito_tokens["RefreshToken"])
    assert_error(refused, "unauthorized")


def test_a_token_of_another_issuer_is_a_caller_in_each_of_its_rows(stack, issuer):
    token = issuer.token(sub='Zoë "x" O\'Hara \\')
    rows = [row_of(stack, post(stack, "/generate", BODY, key=token)) for _ in range(2)]
    assert len(rows[0]["caller_id"]) == 10
    assert rows[0]["caller_id"] == rows[1]["caller_id"]
    other = row_of(stack, post(stack, "/generate", BODY, key=issuer.token(sub="bob")))
    assert other["caller_id"] != rows[0]["caller_id"]


def test_a_token_in_authorization_is_the_same_caller(stack, issuer):
    told = whoami(stack, issuer.token(sub="ann"))
    assert (told.status_code, told.json()["name"]) == (200, "ann")


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": FromNow(-120)},
        {"aud": "another"},
        {"iss": "https://another.example"},
        {"key": "other", "headers": {"kid": "first"}},
        {"algorithm": "none"},
        {"sub": None},
    ],
)
def test_a_token_that_is_not_good_is_401_on_every_road(stack, issuer, changes):
    token = issuer.token(**changes)
    for refused in (post(stack, "/route", BODY, key=token), whoami(stack, token)):
        error = assert_error(refused, "unauthorized")
        assert "X-API-Key" in error["message"]
        assert "Authorization" in error["message"]


def test_an_issuer_that_is_down_is_503(stack):
    told = {"issuer": "http://127.0.0.1:9", "audience": AUDIENCE}
    with issuing() as server, stack.variables("Authorize", {"JWT": json.dumps(told)}):
        refused = post(stack, "/route", BODY, key=server.token())
        by_key = post(stack, "/route", BODY, key=stack.other_api_key)
    assert_error(refused, "service_unavailable")
    assert refused.headers["Retry-After"] == "5"
    assert by_key.status_code == 200


def test_a_subject_that_was_entered_is_that_caller_with_its_limits(stack, issuer):
    entered = {
        name: enter(stack, {"name": name, "subject": f"subject of {name}", **terms})
        for name, terms in (("team-a", {}), ("team-b", {"models": ["gpt-4o"]}))
    }
    tokens = {name: issuer.token(sub=f"subject of {name}") for name in entered}
    rows = {
        name: row_of(stack, post(stack, "/generate", BODY, key=token))
        for name, token in tokens.items()
    }
    assert {name: row["caller_id"] for name, row in rows.items()} == entered
    assert rows["team-b"]["model"] == "gpt-4o"
    assert whoami(stack, tokens["team-a"]).json()["name"] == "team-a"


def enter(stack, body):
    """The caller's id: it signs in by its tokens, and has no key."""
    answer = post(stack, "/admin/callers", body, key=stack.operator_api_key)
    assert answer.status_code == 201, answer.text
    assert answer.json()["key"] is None
    return answer.json()["caller_id"]


def test_a_plans_rate_holds_for_all_tokens_that_share_it(stack, issuer):
    gateway, plan_id = stack.client("apigateway"), stack.output("StandardPlanId")
    throttle(gateway, plan_id, rate=1, burst=3)
    try:
        with ThreadPoolExecutor(12) as pool:
            tokens = [issuer.token(sub=f"caller-{number}") for number in range(12)]
            answers = list(pool.map(lambda one: post(stack, "/route", BODY, key=one), tokens))
    finally:
        throttle(gateway, plan_id, rate=1000, burst=1000)
    assert {one.status_code for one in answers} == {200, 429}
    for limited in (one for one in answers if one.status_code == 429):
        assert_error(limited, "rate_limited")


def throttle(gateway, plan_id, *, rate, burst):
    changes = {"/throttle/rateLimit": str(rate), "/throttle/burstLimit": str(burst)}
    gateway.update_usage_plan(
        usagePlanId=plan_id,
        patchOperations=[
            {"op": "replace", "path": path, "value": value} for path, value in changes.items()
        ],
    )
