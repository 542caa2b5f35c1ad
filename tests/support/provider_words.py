"""What each provider says when it does not answer: its documented error forms, one for each kind of trouble.

Sources: developers.openai.com/api/docs/guides/error-codes; learn.microsoft.com/azure/foundry/openai/
(how-to/quota, how-to/content-filters, reference); platform.claude.com/docs/en/api/errors and rate-limits;
docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html and userguide/
troubleshooting-api-error-codes.html; ai.google.dev/gemini-api/docs/troubleshooting; and of servers that
speak OpenAI's language vllm/entrypoints/openai/serving_engine.py and ollama/openai/openai.go. Where these
have the form alone, the words are those that users report: the comments name them.
"""

from collections.abc import Mapping
from typing import Any

from tests.support.scripted_providers import Refused, Reply

Words = Mapping[str, Refused]
"""By interface."""


def openai(
    status: int, message: str, kind: str, code: str | None = None, **headers: str
) -> Refused:
    error = {"message": message, "type": kind, "param": None, "code": code}
    return Refused(status, {"error": error}, _named(headers))


def azure(status: int, code: str, message: str, **headers: str) -> Refused:
    return Refused(status, {"error": {"code": code, "message": message}}, _named(headers))


def anthropic(status: int, kind: str, message: str, **headers: str) -> Refused:
    error = {"type": kind, "message": message}
    body = {"type": "error", "error": error, "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy"}
    return Refused(status, body, _named(headers))


def aws(status: int, name: str, message: str, **headers: str) -> Refused:
    kind = {"x-amzn-ErrorType": f"{name}:http://internal.amazon.com/coral/com.amazon.bedrock/"}
    return Refused(status, {"message": message}, kind | _named(headers))


def google(status: int, name: str, message: str, *details: Mapping[str, Any]) -> Refused:
    """Its OpenAI-compatible endpoint has errors in its own form, and in a list (n4ze3m/page-assist#406)."""
    error: dict[str, Any] = {"code": status, "message": message, "status": name}
    return Refused(status, [{"error": error | ({"details": [*details]} if details else {})}])


def vllm(status: int, kind: str, message: str, **headers: str) -> Refused:
    error = {"message": message, "type": kind, "param": None, "code": status}
    return Refused(status, {"error": error}, _named(headers))


def ollama(status: int, message: str) -> Refused:
    return openai(status, message, "api_error")


def _named(headers: Mapping[str, Any]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def of_openai(
    status: int, message: str, kind: str, code: str | None = None, *, azure: Refused, **more: str
) -> dict[str, Refused]:
    """Both of its interfaces say the same."""
    said = openai(status, message, kind, code, **more)
    return {"openai": said, "responses": said, "azure": azure}


_AZURE_RATE = (
    "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-10-21 "
    "have exceeded call rate limit of your current OpenAI S0 pricing tier."
)
# jasonacox/TinyLLM#17 has it, with "Please retry after 86400 seconds."
_OPENAI_RATE = "Rate limit reached for requests on requests per min (RPM): Limit 500, Used 500."
_ANTHROPIC_RATE = (
    "This request would exceed your organization's rate limit of 50 requests a minute."
)
_GOOGLE_RATE = "Resource has been exhausted (e.g. check quota)."
_AWS_RATE = "Too many requests, please wait before trying again."

_AZURE_FILTER = (
    "The response was filtered due to the prompt triggering Azure OpenAI's content management "
    "policy. Please modify your prompt and retry."
)


def throttled(seconds: int | None = None) -> Words:
    """Without a wait, or with one in the header that each provider has for it."""
    wait = {} if seconds is None else {"Retry_After": str(seconds)}
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{seconds}s"}
    return {
        **of_openai(
            429, _OPENAI_RATE, "requests", "rate_limit_exceeded", **wait,
            azure=azure(429, "429", _AZURE_RATE, **wait),
        ),
        "anthropic": anthropic(429, "rate_limit_error", _ANTHROPIC_RATE, **wait),
        "bedrock": aws(429, "ThrottlingException", _AWS_RATE, **wait),
    "own": vllm(429, "RateLimitError", "Too many requests.", **wait),
        "gemini": google(429, "RESOURCE_EXHAUSTED", _GOOGLE_RATE, *([info] if wait else [])),
    }  # fmt: skip


OVERLOADED: Words = {
    **of_openai(
        503,
        "The server is currently overloaded with other requests. Sorry about that!",
        "server_error",
        "server_is_overloaded",
        azure=azure(503, "ServiceUnavailable", "The service is temporarily unavailable."),
    ),
    "anthropic": anthropic(529, "overloaded_error", "Overloaded"),
    "own": ollama(503, "server busy, please try again. maximum pending requests exceeded"),
    "gemini": google(503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
    "bedrock": aws(503, "ServiceUnavailableException", "Bedrock is unable to process it now."),
}
UNAVAILABLE: Words = {
    **of_openai(
        500,
        "The server had an error while processing your request. Sorry about that!",
        "server_error",
        azure=azure(500, "InternalServerError", "The server had an error. Sorry about that!"),
    ),
    "anthropic": anthropic(500, "api_error", "Internal server error"),
    "own": vllm(500, "InternalServerError", "Internal server error"),
    "gemini": google(500, "INTERNAL", "An internal error has occurred. Please retry."),
    "bedrock": aws(500, "InternalServerException", "The system encountered an unexpected error."),
}
TIMED_OUT: Words = {
    **of_openai(
        408,
        "Request timeout.",
        "invalid_request_error",
        azure=azure(408, "Timeout", "The operation was timeout."),
    ),
    "anthropic": anthropic(504, "timeout_error", "Request timed out."),
    "own": vllm(408, "RequestTimeout", "Request timed out."),
    "gemini": google(504, "DEADLINE_EXCEEDED", "Deadline expired before it could complete."),
    "bedrock": aws(408, "ModelTimeoutException", "The request took too long to process."),
}
QUOTA_USED_UP: Words = {
    **of_openai(
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        "insufficient_quota",
        "insufficient_quota",
        azure=azure(403, "403", "Out of call volume quota. Quota will be replenished in 3 days."),
    ),
    # A 400: the account's trouble in the request's place.
    "anthropic": anthropic(
        400,
        "invalid_request_error",
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing.",
    ),
    "gemini": google(
        429,
        "RESOURCE_EXHAUSTED",
        "You exceeded your current quota, please check your plan and billing details.",
        {
            "@type": "type.googleapis.com/google.rpc.QuotaFailure",
            "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}],
        },
    ),
    "bedrock": aws(400, "ServiceQuotaExceededException", "Your request exceeds the quota."),
}
KEY_REFUSED: Words = {
    **of_openai(
        401,
        "Incorrect API key provided: sk-of-********ript.",
        "invalid_request_error",
        "invalid_api_key",
        azure=azure(401, "401", "Access denied due to invalid subscription key."),
    ),
    "anthropic": anthropic(401, "authentication_error", "invalid x-api-key"),
    "own": Refused(401, {"error": "Unauthorized"}),
    # A 400, too.
    "gemini": google(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
    "bedrock": aws(
        403, "UnrecognizedClientException", "The security token included in the request is invalid."
    ),
}
UNKNOWN_MODEL: Words = {
    **of_openai(
        404,
        "The model does not exist or you do not have access to it.",
        "invalid_request_error",
        "model_not_found",
        azure=azure(404, "DeploymentNotFound", "The API deployment for this resource is missing."),
    ),
    "anthropic": anthropic(404, "not_found_error", "model: not-this-one"),
    "own": vllm(404, "NotFoundError", "The model does not exist."),
    "gemini": google(404, "NOT_FOUND", "models/gemini-0 is not found for API version v1main."),
    "bedrock": aws(400, "ValidationException", "The provided model identifier is invalid."),
}
TOO_LONG: Words = {
    **of_openai(
        400,
        "This model's maximum context length is 128000 tokens. Your messages have 128001 tokens.",
        "invalid_request_error",
        "context_length_exceeded",
        azure=openai(
            400,
            "This model's maximum context length is 128000 tokens.",
            "invalid_request_error",
            "context_length_exceeded",
        ),
    ),
    "anthropic": anthropic(
        400, "invalid_request_error", "prompt is too long: 200001 tokens > 200000 maximum"
    ),
    "own": vllm(
        400,
        "BadRequestError",
        "This model's maximum context length is 128000 tokens. However, you requested 128001 tokens.",
    ),
    "gemini": google(
        400,
        "INVALID_ARGUMENT",
        "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).",
    ),
    "bedrock": aws(400, "ValidationException", "Input is too long for requested model."),
}
FILTERED: Words = {
    **of_openai(
        400,
        "Invalid prompt: your prompt was flagged as potentially violating our usage policy.",
        "invalid_request_error",
        "invalid_prompt",
        azure=Refused(400, {"error": {
            "message": _AZURE_FILTER, "type": None, "param": "prompt", "code": "content_filter",
            "status": 400, "innererror": {
                "code": "ResponsibleAIPolicyViolation",
                "content_filter_result": {"violence": {"filtered": True, "severity": "high"}},
            },
        }}),
    ),
    # anthropics/claude-code#58367
    "anthropic": anthropic(
        400, "invalid_request_error", "Output blocked by content filtering policy"
    ),
}  # fmt: skip
FAILED_ON_POLICY: Words = {
    # openai/codex#31436: an answer that failed, in a body of 200.
    "responses": Refused(200, {
        "id": "resp_1", "object": "response", "status": "failed", "output": [], "usage": None,
        "error": {"code": "bio_policy", "message": "This content was flagged for possible risk."},
        "incomplete_details": None,
    }),
}  # fmt: skip
BROKEN: Words = {
    **of_openai(
        400,
        "Invalid base64 image_url.",
        "invalid_request_error",
        "invalid_base64_image",
        azure=openai(
            400,
            "You uploaded an unsupported image. Please make sure your image is valid.",
            "invalid_request_error",
            "invalid_image_format",
        ),
    ),
    "anthropic": anthropic(400, "invalid_request_error", "messages.0: Could not process image"),
    "bedrock": aws(400, "ValidationException", "messages.0: Could not process image"),
}
"""What no model could read: the caller's own image."""
UNSUPPORTED: Words = {
    # microsoft/vscode#253673 has it of Azure, appatalks/eva-agent#83 of OpenAI.
    **of_openai(
        400,
        "Unsupported value: 'temperature' does not support 0.1 with this model.",
        "invalid_request_error",
        "unsupported_value",
        azure=openai(
            400,
            "Unsupported parameter: 'temperature' is not supported with this model.",
            "invalid_request_error",
            "unsupported_parameter",
        ),
    ),
    # router-for-me/CLIProxyAPI#5319
    "anthropic": anthropic(
        400,
        "invalid_request_error",
        "This model does not support assistant message prefill. "
        "The conversation must end with a user message.",
    ),
    # The form of google.rpc for a field that this endpoint does not know.
    "gemini": google(
        400,
        "INVALID_ARGUMENT",
        'Invalid JSON payload received. Unknown name "logit_bias": Cannot find field.',
    ),
    "own": ollama(400, "registry.ollama.ai/library/gemma:2b does not support tools"),
    # langchain-ai/langchain-aws#447
    "bedrock": aws(400, "ValidationException", "This model doesn't support tool use."),
}
DOUBTED: Words = {
    **of_openai(
        400,
        "The moon stands wrong for messages of openai.",
        "invalid_request_error",
        azure=azure(400, "BadMoon", "The moon stands wrong for messages of azure."),
    ),
    "anthropic": anthropic(
        400, "invalid_request_error", "The moon stands wrong for messages of anthropic."
    ),
    "own": vllm(400, "BadRequestError", "The moon stands wrong for messages of own."),
    "gemini": google(400, "INVALID_ARGUMENT", "The moon stands wrong for messages of google."),
    "bedrock": aws(400, "ValidationException", "The moon stands wrong for messages of bedrock."),
}
"""In the right form, and in words that nobody knows."""


def message_of(refused: Reply) -> str:
    assert isinstance(refused, Refused)
    told = refused.body[0] if isinstance(refused.body, list) else refused.body
    return str(told["message"] if "message" in told else told["error"]["message"])
