"""Errors as OpenAI's Python client raises them, and whether it then tries again."""

from decimal import Decimal

import openai
import pytest
from openai import OpenAI

from local.faults.exchange import marked
from tests.support.api_calls import post
from tests.support.openai_clients import MODEL, user

pytestmark = pytest.mark.xdist_group("billed")

FAULTY = "azure-gpt-4o-mini"
"""Of which nobody else here asks: what befalls it is learnt of."""


@pytest.fixture
def client(door, billed):
    with OpenAI(base_url=door.base_url, api_key=billed.api_key) as made:
        yield made


def _chat(client, content="Hello", **more):
    return client.chat.completions.create(**{"model": MODEL, "messages": user(content)} | more)


def _refused(client, kind, **asked):
    """What `kind` is raised with, after one single call."""
    with pytest.raises(kind) as raised:
        _chat(client, **asked)
    assert type(raised.value) is kind
    return raised.value


def _only(fault, **more):
    """One model, which fails so."""
    return {"model": FAULTY, "content": marked("Hello", f"client.{fault}"),
            "extra_body": {"fallback": False, **more}}  # fmt: skip


def test_an_unknown_key_is_an_authentication_error(client, door):
    error = _refused(client.with_options(api_key="nobody's"), openai.AuthenticationError)
    assert error.code == "unauthorized"
    assert len(door.passed) == 1


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"n": 2}, "n"),
        ({"temperature": 9}, "temperature"),
        ({"messages": []}, "messages"),
        ({"model": "auto:dear"}, "model"),
        ({"tools": [{"type": "web_search"}]}, "tools.0.type"),
        ({"modalities": ["text", "audio"], "audio": {"voice": "ash", "format": "mp3"}}, "audio"),
        ({"extra_body": {"max_cost_usd": -1}}, "max_cost_usd"),
    ],
    ids=lambda told: str(told)[:30],
)
def test_what_is_wrong_is_a_bad_request_that_names_the_field(client, door, asked, param):
    error = _refused(client, openai.BadRequestError, **asked)
    assert (error.code, error.param) == ("invalid_request", param)
    [passed] = door.passed
    assert passed.headers["x-should-retry"] == "false"
    assert error.request_id == passed.headers["x-request-id"]


def test_a_prompt_that_is_too_long_has_openais_own_code(client):
    error = _refused(client, openai.BadRequestError, **_only("too_long"))
    assert error.code == "context_length_exceeded"


def test_an_unknown_model_is_not_found(client, door):
    error = _refused(client, openai.NotFoundError, model="gpt-99")
    assert (error.code, error.param) == ("model_not_found", "model")
    assert len(door.passed) == 1


def test_a_path_of_openais_that_is_not_here_is_not_found(client, door):
    with pytest.raises(openai.NotFoundError) as raised:
        client.files.list()
    assert raised.value.code == "not_found"
    assert len(door.passed) == 1


def test_a_caller_without_money_is_told_so_once(client, billed, door):
    _, key = billed.new_caller("client-poor", month_usd=Decimal("0.00000001"))
    error = _refused(client.with_options(api_key=key), openai.APIStatusError)
    assert (error.status_code, error.code) == (402, "budget_exceeded")
    assert error.type == "insufficient_quota"
    [passed] = door.passed
    assert passed.headers["x-should-retry"] == "false"


def test_limits_that_no_model_keeps_to_are_unprocessable(client):
    asked = {"model": "auto", "extra_body": {"max_cost_usd": 1e-9}}
    error = _refused(client, openai.UnprocessableEntityError, **asked)
    assert error.code == "no_eligible_model"
    assert error.body["details"]


def test_a_refusal_of_the_provider_is_unprocessable(client):
    error = _refused(client, openai.UnprocessableEntityError, **_only("filtered"))
    assert error.code == "content_filtered"


def test_a_model_that_is_not_the_callers_is_denied(client, billed, door):
    new = {"name": "client-of-one-model", "models": [FAULTY]}
    made = post(billed, "/admin/callers", new, key=billed.operator_api_key).json()
    error = _refused(client.with_options(api_key=made["key"]), openai.PermissionDeniedError)
    assert error.code == "forbidden"
    [passed] = door.passed
    assert passed.headers["x-should-retry"] == "false"


def test_a_prompt_over_the_machines_input_is_refused_by_its_size(client, door):
    error = _refused(client, openai.APIStatusError, content="a" * 300_000)
    assert (error.status_code, error.code) == (413, "payload_too_large")
    assert len(door.passed) == 1


def test_a_key_of_another_body_is_a_conflict(client, door):
    headers = {"Idempotency-Key": "client-7"}
    _chat(client, extra_headers=headers)
    again = _chat(client, extra_headers=headers)
    assert door.passed[-1].headers["x-idempotent-replay"] == "true"
    assert again.choices[0].message.content
    error = _refused(client, openai.ConflictError, content="Hi", extra_headers=headers)
    assert error.code == "idempotency_conflict"
    assert len(door.passed) == 3


def test_a_caller_over_its_tokens_is_told_when_to_come_again(client, billed, door):
    _, key = billed.new_caller("client-hasty", tokens_per_minute=600)
    hasty = client.with_options(api_key=key, max_retries=0)
    _chat(hasty)
    error = _refused(hasty, openai.RateLimitError)
    assert error.code == "rate_limited"
    passed = door.passed[-1]
    assert int(passed.headers["retry-after"]) > 0
    assert passed.headers["x-should-retry"] == "true"


def test_what_every_provider_fails_at_is_a_server_error_that_is_not_tried_again(client, door):
    error = _refused(client, openai.InternalServerError, **_only("html"))
    assert (error.status_code, error.code) == (502, "all_providers_failed")
    assert len(door.passed) == 1


def test_a_provider_that_never_answers_is_a_server_error_that_is_not_paid_twice(client, door):
    asked = _only("hang", max_latency_ms=3000) | {"max_completion_tokens": 50}
    error = _refused(client, openai.InternalServerError, **asked)
    assert error.status_code in {502, 504}
    [passed] = door.passed
    assert passed.headers["x-should-retry"] == "false"
