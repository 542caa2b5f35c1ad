from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest

from functions.invoke_provider.providers.refusals import cleaned
from functions.invoke_provider.providers.retry_after import retry_after_seconds
from functions.shared import errors
from tests.support.exchange import ADAPTERS, KEY, Exchange, raised_by

OPENAI = "openai"
AZURE = "azure_openai"
ANTHROPIC = "anthropic"


def refusal(status, code=None, message="No.", error_type=None, details=None, **headers):
    error = {"message": message, "type": error_type, "code": code, "details": details}
    body = {"type": "error", "error": error}
    return httpx2.Response(status, json=body, headers=headers)


def told(status, message, code=None):
    return refusal(status, code, message)


def limited(code):
    return refusal(429, error_type="rate_limit_error", details={"error_code": code})


@pytest.mark.parametrize(
    ("provider", "reply", "error"),
    [
        (OPENAI, refusal(429, "insufficient_quota"), errors.ProviderQuotaExhausted),
        (OPENAI, refusal(429, "credit_balance_exhausted"), errors.ProviderQuotaExhausted),
        (OPENAI, refusal(429, "slow_down"), errors.ProviderThrottled),
        (OPENAI, refusal(429), errors.ProviderThrottled),
        (OPENAI, refusal(503, "server_is_overloaded"), errors.ProviderOverloaded),
        (OPENAI, refusal(400, "context_length_exceeded"), errors.ContextWindowExceeded),
        (OPENAI, refusal(400, "content_filter"), errors.ContentFiltered),
        (OPENAI, refusal(404, "model_not_found"), errors.ModelNotFound),
        (OPENAI, refusal(404), errors.ModelNotFound),
        (OPENAI, refusal(401, "invalid_api_key"), errors.ProviderAuthFailed),
        (OPENAI, refusal(403), errors.ProviderAuthFailed),
        (OPENAI, refusal(422), errors.InvalidRequest),
        (OPENAI, refusal(502), errors.ProviderUnavailable),
        (OPENAI, refusal(410), errors.ModelNotFound),
        (OPENAI, refusal(400, "invalid_prompt"), errors.ContentFiltered),
        (OPENAI, refusal(429, error_type="insufficient_quota"), errors.ProviderQuotaExhausted),
        (
            "responses",
            told(400, "Your input exceeds the context window of this model."),
            errors.ContextWindowExceeded,
        ),
        ("responses", refusal(503, "server_is_overloaded"), errors.ProviderOverloaded),
        (AZURE, refusal(404, "DeploymentNotFound"), errors.ModelNotFound),
        (AZURE, refusal(400, "OperationNotSupported"), errors.ModelNotFound),
        (AZURE, refusal(400, "content_filter"), errors.ContentFiltered),
        (
            AZURE,
            told(400, "... triggering Azure OpenAI's content management policy."),
            errors.ContentFiltered,
        ),
        (AZURE, refusal(401, "401"), errors.ProviderAuthFailed),
        (
            AZURE,
            told(403, "Out of call volume quota. Quota will be replenished.", "403"),
            errors.ProviderQuotaExhausted,
        ),
        (AZURE, refusal(403, "AccessDenied"), errors.ProviderAuthFailed),
        (AZURE, refusal(429, "429"), errors.ProviderThrottled),
        (AZURE, refusal(429, "RateLimitReached"), errors.ProviderThrottled),
        (AZURE, refusal(429, "insufficient_quota"), errors.ProviderQuotaExhausted),
        (AZURE, refusal(400, "context_length_exceeded"), errors.ContextWindowExceeded),
        (AZURE, refusal(408, "Timeout"), errors.ProviderTimeout),
        (AZURE, refusal(503, "ServiceUnavailable"), errors.ProviderOverloaded),
        (AZURE, refusal(500, "InternalServerError"), errors.ProviderUnavailable),
        (
            ANTHROPIC,
            told(400, "prompt is too long: 2 tokens > 1 maximum"),
            errors.ContextWindowExceeded,
        ),
        (ANTHROPIC, told(400, "The spend limit you set is reached"), errors.ProviderQuotaExhausted),
        (ANTHROPIC, limited("enforced_spend_limit_reached"), errors.ProviderQuotaExhausted),
        (ANTHROPIC, refusal(429, error_type="rate_limit_error"), errors.ProviderThrottled),
        (ANTHROPIC, refusal(402, error_type="billing_error"), errors.ProviderQuotaExhausted),
        (ANTHROPIC, refusal(529, error_type="overloaded_error"), errors.ProviderOverloaded),
        (ANTHROPIC, refusal(503), errors.ProviderOverloaded),
        (ANTHROPIC, refusal(408, error_type="timeout_error"), errors.ProviderTimeout),
        (ANTHROPIC, refusal(504, error_type="timeout_error"), errors.ProviderTimeout),
        (ANTHROPIC, refusal(401, error_type="authentication_error"), errors.ProviderAuthFailed),
        (ANTHROPIC, refusal(403, error_type="permission_error"), errors.ProviderAuthFailed),
        (ANTHROPIC, refusal(404, error_type="not_found_error"), errors.ModelNotFound),
        (ANTHROPIC, refusal(500, error_type="api_error"), errors.ProviderUnavailable),
        (ANTHROPIC, refusal(413, error_type="request_too_large"), errors.ContextWindowExceeded),
        (ANTHROPIC, limited("ramp_limit_exceeded"), errors.ProviderThrottled),
        (
            ANTHROPIC,
            told(400, "Your credit balance is too low to access the Anthropic API."),
            errors.ProviderQuotaExhausted,
        ),
        (ANTHROPIC, refusal(413), errors.ContextWindowExceeded),
        (ANTHROPIC, refusal(400, error_type="invalid_request_error"), errors.InvalidRequest),
    ],
)
def test_every_known_refusal_has_its_class(provider, reply, error):
    assert type(raised_by(Exchange(provider, reply))) is error


@pytest.mark.parametrize("provider", ADAPTERS)
@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (httpx2.Response(502, content=b"<html>Bad Gateway"), errors.ProviderUnavailable),
        (httpx2.ReadTimeout("x"), errors.ProviderTimeout),
        (httpx2.ConnectTimeout("x"), errors.ProviderUnavailable),
        (httpx2.ReadError("x"), errors.ProviderUnavailable),
    ],
)
def test_what_is_no_answer_of_the_provider_has_its_class(provider, reply, error):
    assert type(raised_by(Exchange(provider, reply))) is error


@pytest.mark.parametrize("provider", ADAPTERS)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
def test_no_failure_repeats_the_key_or_a_long_quote(provider, status):
    prompt = "my secret diary " * 20
    told = f"Incorrect API key provided: {KEY} (Bearer {KEY}). Value '{prompt}' is bad"
    error = raised_by(Exchange(provider, refusal(status, message=told)))
    assert KEY not in str(error)
    assert "diary" not in str(error)


def test_a_code_that_is_no_word_is_not_repeated():
    error = raised_by(Exchange("openai", refusal(500, "the prompt: Hello?")))
    assert "Hello" not in error.message


def test_a_reason_is_cut_to_one_short_line():
    assert cleaned("a\n b " * 500) == ("a b " * 500)[:300]
    assert cleaned("") == "no reason given"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"retry-after": "7"}, 7),
        ({"retry-after": "1.2"}, 2),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 2),
        ({"retry-after": "-5"}, 0),
        ({"retry-after": "1e308"}, 86_400),
        ({"retry-after-ms": "99999999999999"}, 86_400),
        ({"retry-after": "soon"}, 0),
        ({"retry-after": "nan"}, 0),
        ({"retry-after": "inf"}, 0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00"}, 0),
    ],
)
def test_the_wait_is_whole_seconds_and_never_a_guess(headers, seconds):
    assert retry_after_seconds(headers) == seconds


def test_the_wait_may_be_a_date():
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 28 <= retry_after_seconds({"retry-after": moment}) <= 30


@pytest.mark.parametrize(
    ("wire", "billed"), [("azure_openai", "assumed"), ("openai", "none"), ("responses", "none")]
)
@pytest.mark.parametrize("code", ["content_filter", "context_length_exceeded"])
def test_what_azure_refuses_after_it_has_read_the_prompt_may_be_charged(wire, billed, code):
    body = {"error": {"code": code, "message": "No.", "type": "invalid_request_error"}}
    error = raised_by(Exchange(wire, httpx2.Response(400, json=body)))
    assert (error.billed, error.repeatable) == (billed, False)
