import time
from decimal import Decimal

import pytest
import requests

from tests.aimock import journal, serving
from tests.conftest import running_stack

pytestmark = pytest.mark.xdist_group("providers")


def _answers(model, text):
    usage = {"prompt_tokens": 1200, "completion_tokens": 340}
    usage |= {"input_tokens": 1200, "output_tokens": 340}
    return {"match": {"model": model}, "response": {"content": text, "usage": usage}}


def _refuses(match, status, error_type):
    error = {"message": "No.", "type": error_type}
    return {"match": match, "response": {"error": error, "status": status}}


FIXTURES = [
    _refuses({"userMessage": "everything fails"}, 500, "api_error"),
    _refuses({"userMessage": "nobody has time"}, 429, "rate_limit_error"),
    _refuses({"model": "gpt-4o"}, 500, "api_error"),
    _refuses({"model": "gpt-4o-mini"}, 429, "rate_limit_error"),
    _refuses({"model": "claude-haiku-4-5"}, 529, "overloaded_error"),
    _answers("gpt-6-luna", "luna speaks"),
    _answers("claude-haiku-5-5", "haiku speaks"),
    {"match": {}, "response": {"content": "some other model speaks"}},
]


@pytest.fixture(scope="module")
def aimock(tmp_path_factory):
    with serving(FIXTURES, tmp_path_factory.mktemp("aimock")) as url:
        yield url


@pytest.fixture(scope="module")
def stack(aimock):
    with running_stack(
        OPENAI_API_KEY="test-openai",
        OPENAI_BASE_URL=f"{aimock}/v1",
        ANTHROPIC_API_KEY="test-anthropic",
        ANTHROPIC_BASE_URL=aimock,
    ) as running:
        yield running


def _generate(stack, **body):
    return requests.post(
        f"{stack.base_url}/generate",
        json={"task": "chat"} | body,
        headers={"X-API-Key": stack.api_key},
        timeout=60,
    )


@pytest.mark.parametrize(
    ("model", "text"), [("gpt-6-luna", "luna speaks"), ("claude-haiku-5-5", "haiku speaks")]
)
def test_the_answer_is_the_providers_own_with_its_tokens_and_their_price(
    stack, aimock, model, text
):
    before = len(journal(aimock))
    answer = _generate(stack, model=model, text="Hello").json()
    assert (answer["result"], answer["mock"]) == (text, False)
    usage = answer["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (1200, 340)
    assert usage["usage_source"] == "provider"
    # Both models: 0.10 USD per million tokens in, 0.50 out.
    assert Decimal(str(usage["total_cost_usd"])) == Decimal("0.00029")
    assert len(journal(aimock)) == before + 1


@pytest.mark.parametrize(
    ("model", "error", "calls"),
    [
        ("gpt-4o", "ProviderUnavailable", 3),
        ("gpt-4o-mini", "ProviderThrottled", 2),
        ("claude-haiku-4-5", "ProviderOverloaded", 3),
    ],
)
def test_a_failing_provider_is_replaced_and_the_answer_says_why(stack, aimock, model, error, calls):
    before = len(journal(aimock))
    answer = _generate(stack, model=model, text="Hello").json()
    [fallback] = answer["routing"]["fallbacks"]
    assert (fallback["model"], fallback["error"]) == (model, error)
    assert answer["routing"]["selected_model"] != model
    assert answer["result"].endswith("speaks")
    assert len(journal(aimock)) == before + calls


@pytest.mark.parametrize(
    ("text", "error"),
    [("everything fails", "ProviderUnavailable"), ("nobody has time", "ProviderThrottled")],
)
def test_all_failing_is_a_bad_gateway_with_every_attempt(stack, text, error):
    response = _generate(stack, text=text)
    body = response.json()
    assert (response.status_code, body["error"]["code"]) == (502, "all_providers_failed")
    attempts = body["error"]["details"]
    assert {one["provider"] for one in attempts} == {"openai", "anthropic"}
    assert {one["error"] for one in attempts} == {error}


def test_a_job_is_answered_by_the_provider_too(stack):
    headers = {"X-API-Key": stack.api_key}
    body = {"model": "gpt-6-luna", "text": "Hello"}
    told = requests.post(f"{stack.base_url}/jobs", json=body, headers=headers, timeout=60).json()
    url = f"{stack.base_url}/jobs/{told['execution_id']}"
    ends = time.monotonic() + 60
    while (job := requests.get(url, headers=headers, timeout=30).json())["status"] == "RUNNING":
        assert time.monotonic() < ends
        time.sleep(0.2)
    assert (job["status"], job["result"]["result"]) == ("SUCCEEDED", "luna speaks")


def test_beside_real_providers_an_unconfigured_one_is_excluded_with_the_reason(stack):
    excluded = _generate(stack, model="gpt-6-luna", text="Hello").json()["routing"]["excluded"]
    reasons = {one["model"]: one["reason"] for one in excluded}
    assert reasons["azure-gpt-6-sol"] == "no credentials for its provider"
