import httpx2
import openai
import pytest

from functions.invoke_provider.providers import azure_openai_errors, openai_errors
from functions.invoke_provider.providers.openai import engine_error
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


def azure_filter():
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {}}
    error = {"message": "No.", "code": None, "type": None, "innererror": inner}
    return httpx2.Response(400, json={"error": error})


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
        (OPENAI, refusal(422), errors.RequestDoubted),
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
        (ANTHROPIC, refusal(400, error_type="invalid_request_error"), errors.RequestDoubted),
        (OPENAI, refusal(400, error_type="invalid_request_error"), errors.RequestDoubted),
        (OPENAI, refusal(405), errors.ModelNotFound),
        (OPENAI, told(404, "It is not found, or not supported here."), errors.ModelNotFound),
        (OPENAI, refusal(451), errors.ModelNotFound),
        (OPENAI, refusal(400, "a_policy_of_tomorrow"), errors.ContentFiltered),
        (OPENAI, refusal(429, "a_policy_of_tomorrow"), errors.ProviderThrottled),
        (OPENAI, refusal(500, "a_policy_of_tomorrow"), errors.ProviderUnavailable),
        (OPENAI, refusal(400, "broken_image_header"), errors.InvalidRequest),
        (OPENAI, refusal(403, "workspace_suspended"), errors.ProviderAuthFailed),
        (OPENAI, refusal(400, "residency_required"), errors.ModelNotFound),
        (OPENAI, refusal(403, "model_permission_blocked_project"), errors.ModelNotFound),
        (OPENAI, refusal(429, "rate_limit_exceeded"), errors.ProviderThrottled),
        (AZURE, azure_filter(), errors.ContentFiltered),
    ],
)
def test_every_known_refusal_has_its_class(provider, reply, error):
    assert type(raised_by(Exchange(provider, reply))) is error


ACCOUNTS: dict[tuple[str, type], list[tuple]] = {
    (OPENAI, errors.ProviderAuthFailed): [
        (
            403,
            "unsupported_country_region_territory",
            "Country, region, or territory not supported",
        ),
        (401, "account_deactivated", "The OpenAI account associated with this API key is gone."),
        (401, "not_authorized_invalid_project", "The project you are requesting has been archived"),
        (400, None, "This organization has been disabled."),
        (400, None, "Your access was terminated due to violation of our policies."),
        (400, None, "User location is not supported for the API use."),
        (400, None, "API key not valid. Please pass a valid API key."),
        (400, None, "Your workspace has been suspended."),
    ],
    (OPENAI, errors.ModelNotFound): [
        (403, None, "Your organization must be verified to use the model `gpt-6`. Please go on."),
        (400, "data_residency_mismatch", "No."),
        (400, None, "This model is not available for organizations with zero data retention."),
        (400, None, "Project `proj_1` does not have access to model `gpt-6`"),
        (400, None, "The requested service tier is not allowed for this project."),
        (400, None, "This model is not available in your region."),
        (400, None, "The model `gpt-4` model has been deprecated, learn more here"),
    ],
    (OPENAI, errors.ProviderQuotaExhausted): [
        (429, "organization_spend_limit_exceeded", "No."),
        (429, "organization_usage_limit_exceeded", "No."),
        (429, "project_spend_limit_exceeded", "No."),
        (429, None, "Your prepayment credits are depleted."),
        (400, None, "Billing hard limit has been reached"),
        (402, None, "Insufficient Balance"),
    ],
    (AZURE, errors.ProviderAuthFailed): [
        (403, "AccessDenied", "Access denied due to Virtual Network/Firewall rules."),
        (403, None, "Public access is disabled. Please configure private endpoint."),
        (
            400,
            None,
            "Your resource has been temporarily blocked because we detected behavior that may "
            "violate our content policy.",
        ),
        (400, "SubscriptionDisabled", "No."),
    ],
    (AZURE, errors.ModelNotFound): [
        (400, None, "The API deployment for this resource does not exist."),
        (400, "unsupported_model", "No."),
        (400, None, "The model is not available in this region."),
    ],
    (AZURE, errors.ProviderThrottled): [
        (
            429,
            "429",
            "Requests to the ChatCompletions_Create Operation under Azure OpenAI API have exceeded "
            "call rate limit of your current OpenAI S0 pricing tier. Please retry after 26 seconds. "
            "Please go here: https://aka.ms/oai/quotaincrease to increase the default rate limit.",
        ),
    ],
    (OPENAI, errors.ProviderThrottled): [
        (
            429,
            "rate_limit_exceeded",
            "Rate limit reached for gpt-4o in organization org-1 on requests per min (RPM): Limit "
            "3, Used 3. Please try again in 20s. You can increase your rate limit by adding a "
            "payment method to your account at https://platform.openai.com/account/billing.",
        ),
    ],
    (ANTHROPIC, errors.ProviderThrottled): [
        (
            429,
            None,
            "This request would exceed your organization's rate limit of 50,000 input tokens per "
            "minute. For details, refer to the documentation. You can contact sales.",
        ),
        (429, None, "This request would exceed your account's rate limit. Please try again later."),
    ],
    (ANTHROPIC, errors.ProviderQuotaExhausted): [
        (400, None, "You have reached your specified API usage limits. You will regain access."),
        (400, None, "Your credit balance is too low to access the Anthropic API."),
        (400, None, "You have reached your specified workspace spend limit."),
    ],
    (ANTHROPIC, errors.ProviderAuthFailed): [
        (400, None, "Access to Anthropic models is not allowed for this account"),
        (400, None, "This organization has been disabled."),
        (400, None, "This credential is only authorized for use with Claude Code."),
        (403, None, "OAuth authentication is currently not allowed for this organization."),
    ],
    (ANTHROPIC, errors.ModelNotFound): [
        (400, None, "This model requires data retention, which your organization has turned off."),
        (400, None, "inference_geo: 'global' is not among the workspace's allowed ones"),
        (403, None, "Your account does not have access to Claude Opus."),
    ],
}
"""What is told of the account, the organisation, the region, the plan, the deployment or the retention."""
EVERY_ACCOUNT = [(*meant, *words) for meant, told_so in ACCOUNTS.items() for words in told_so]


@pytest.mark.parametrize(("provider", "error", "status", "code", "message"), EVERY_ACCOUNT)
def test_an_accounts_trouble_is_not_the_requests(provider, error, status, code, message):
    assert type(raised_by(Exchange(provider, told(status, message, code)))) is error


UNSUPPORTED: dict[str, list[tuple]] = {
    OPENAI: [
        ("unsupported_parameter", "Unsupported parameter: 'max_tokens' is not supported here."),
        ("unsupported_value", "Unsupported value: 'temperature' does not support 0.16."),
        ("string_above_max_length", "Invalid 'messages[1].tool_calls[0].id': string too long."),
        ("array_above_max_length", "Invalid 'messages[2].tool_calls': array too long."),
        ("invalid_function_parameters", "Invalid schema for function 'f'."),
        ("invalid_json_schema", "Invalid schema for response_format 'x'."),
        (None, "max_tokens is too large: 9. This model supports at most 5 completion tokens."),
        (None, "'messages' must contain the word 'json' in some form, to use it."),
    ],
    ANTHROPIC: [
        (None, "This model does not support assistant message prefill."),
        (None, "input_schema does not support oneOf, allOf, or anyOf at the top level"),
        (None, "output_config.format.schema: The compiled grammar is too large."),
        (None, "messages.1.content.0.tool_use.id: String should match pattern '^[a-z]+$'"),
        (None, "messages: at least one message is required"),
        (None, "`temperature` is deprecated for this model."),
        (None, "max_tokens: 9 > 5, which is the maximum allowed number of output tokens for it"),
        (None, "For 'object' type, 'additionalProperties' must be explicitly set to false"),
    ],
}


@pytest.mark.parametrize(
    ("provider", "code", "message"),
    [(provider, *words) for provider, told_so in UNSUPPORTED.items() for words in told_so],
)
def test_what_another_may_take_is_refused_with_the_reason(provider, code, message):
    error = raised_by(Exchange(provider, told(400, message, code)))
    assert type(error) is errors.RequestUnsupported
    assert error.reason == message
    assert message not in str(error)


@pytest.mark.parametrize(
    ("provider", "message"),
    [
        (ANTHROPIC, "Output blocked by content filtering policy"),
        (OPENAI, "Your request was rejected as a result of our safety system."),
        (OPENAI, "Invalid prompt: it was flagged as potentially violating our usage policy."),
        (OPENAI, "This content was flagged for possible cybersecurity risk."),
    ],
)
def test_a_refusal_on_policy_may_be_told_in_prose_alone(provider, message):
    assert type(raised_by(Exchange(provider, told(400, message)))) is errors.ContentFiltered


def test_a_broken_image_is_the_callers():
    error = raised_by(Exchange(ANTHROPIC, told(400, "messages.0: Could not process image")))
    assert (type(error), error.reason) == (
        errors.InvalidRequest, "messages.0: Could not process image"
    )  # fmt: skip


@pytest.mark.parametrize("provider", ADAPTERS)
@pytest.mark.parametrize("mark", ['"', "'", "`"])
def test_what_a_caller_is_quoted_with_tells_nothing_of_the_account(provider, mark):
    message = f"Invalid value: {mark}Your credit balance is too low{mark} at enum"
    error = raised_by(Exchange(provider, told(400, message)))
    assert type(error) is errors.RequestDoubted
    assert error.reason == message


@pytest.mark.parametrize("code", [429, "429"])
def test_inside_an_answer_the_code_may_be_the_status(code):
    assert type(in_a_stream({"code": code, "message": "No."})) is errors.ProviderThrottled


@pytest.mark.parametrize(
    ("error", "meant"),
    [
        ({"code": "server_error", "message": "x"}, errors.ProviderUnavailable),
        ({"code": "rate_limit_exceeded", "message": "x"}, errors.ProviderThrottled),
        ({"code": "cyber_policy", "message": "x"}, errors.ContentFiltered),
        ({"code": "never_heard_of", "message": "x"}, errors.RequestDoubted),
        ({"message": "x"}, errors.ProviderBadResponse),
    ],
)
def test_an_error_inside_a_stream_has_its_class(error, meant):
    assert type(in_a_stream(error)) is meant


def in_a_stream(body):
    request = httpx2.Request("POST", "http://provider.test")
    return engine_error(openai.APIError("x", request, body=body), openai_errors.ERRORS)


@pytest.mark.parametrize("error", [{"code": {}}, {"type": []}, "no object", ["a"], None])
def test_an_odd_error_object_goes_by_the_status(error):
    for provider in (OPENAI, ANTHROPIC):
        reply = httpx2.Response(429, json={"type": "error", "error": error})
        assert type(raised_by(Exchange(provider, reply))) is errors.ProviderThrottled


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


@pytest.mark.parametrize(
    ("wire", "billed"), [("azure_openai", "assumed"), ("openai", "none"), ("responses", "none")]
)
@pytest.mark.parametrize("code", ["content_filter", "context_length_exceeded"])
def test_what_azure_refuses_after_it_has_read_the_prompt_may_be_charged(wire, billed, code):
    body = {"error": {"code": code, "message": "No.", "type": "invalid_request_error"}}
    error = raised_by(Exchange(wire, httpx2.Response(400, json=body)))
    assert (error.billed, error.repeatable) == (billed, False)


def test_azure_bills_what_it_refuses_by_any_word_of_it():
    told_so = told(400, "... triggering Azure OpenAI's content management policy.")
    for reply in (told_so, azure_filter(), refusal(400, "a_policy_of_tomorrow")):
        assert raised_by(Exchange("azure_openai", reply)).billed == "assumed"
    assert azure_openai_errors.ERRORS.may_bill


@pytest.mark.parametrize("status", [429, 503, 529])
@pytest.mark.parametrize("provider", ADAPTERS)
def test_a_told_wait_is_taken_up_whole(provider, status):
    error = raised_by(Exchange(provider, refusal(status, **{"retry-after": "0"})))
    assert (error.told_wait_seconds, error.retry_after_seconds) == (0, 0)
    error = raised_by(Exchange(provider, refusal(status, **{"retry-after-ms": "1500"})))
    assert (error.told_wait_seconds, error.retry_after_seconds) == (1.5, 2)
    error = raised_by(Exchange(provider, refusal(status)))
    assert (error.told_wait_seconds, error.retry_after_seconds) == (None, 0)
    error = raised_by(Exchange(provider, told(status, "Please try again in 1.2s.")))
    assert (error.told_wait_seconds, error.retry_after_seconds) == (1.2, 2)


def test_a_refused_request_names_no_wait():
    error = raised_by(Exchange(OPENAI, told(400, "Wait 5 minutes, said the prompt.")))
    assert (error.told_wait_seconds, error.retry_after_seconds) == (None, 0)


def test_the_wait_may_stand_in_the_details_of_the_body():
    delay = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "13s"}
    error = raised_by(Exchange(OPENAI, refusal(429, details=[{"@type": "x"}, delay])))
    assert error.told_wait_seconds == 13
