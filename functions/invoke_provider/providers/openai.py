"""OpenAI's Chat Completions, and whatever speaks them at another address."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Annotated, Any

import httpx2
import openai
from pydantic import Field, NonNegativeInt

from functions.invoke_provider.credentials import Credentials, read_credentials
from functions.invoke_provider.prompts import conversation_of
from functions.invoke_provider.providers import Completion, FinishReason, Prompt
from functions.invoke_provider.providers.wire import (
    ErrorTable,
    OrNone,
    Refusal,
    Tokens,
    Wire,
    call_within,
    error_of,
    parse_body,
    unanswered,
)
from functions.shared.contracts import (
    Candidate,
    FunctionCall,
    NonBlank,
    ToolCall,
)
from functions.shared.errors import (
    ContentFiltered,
    ContextWindowExceeded,
    EngineError,
    ModelNotFound,
    ProviderOverloaded,
    ProviderQuotaExhausted,
    ProviderThrottled,
)
from functions.shared.pricing import Usage
from functions.shared.settings import InvokeSettings

ERRORS = ErrorTable(
    provider="openai",
    codes={
        "insufficient_quota": ProviderQuotaExhausted,
        "credit_balance_exhausted": ProviderQuotaExhausted,
        "billing_hard_limit_reached": ProviderQuotaExhausted,
        "billing_not_active": ProviderQuotaExhausted,
        "context_length_exceeded": ContextWindowExceeded,
        "content_filter": ContentFiltered,
        "content_policy_violation": ContentFiltered,
        "model_not_found": ModelNotFound,
        "rate_limit_exceeded": ProviderThrottled,
        "slow_down": ProviderThrottled,
        "server_is_overloaded": ProviderOverloaded,
    },
    phrases={"maximum context length": ContextWindowExceeded},
)

_FINISH: dict[str | None, FinishReason] = {
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}
_TOOLS_WITHOUT_REASONING = "gpt-6"
"""This family takes tools on Chat Completions only while it does not reason."""


class _Function(Wire):
    name: NonBlank
    arguments: str


class _Call(Wire):
    id: NonBlank
    function: _Function


class _Message(Wire):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(Wire):
    message: _Message
    finish_reason: str | None = None


class _InputDetails(Wire):
    cached_tokens: Tokens = None
    cache_write_tokens: Tokens = None


class _OutputDetails(Wire):
    reasoning_tokens: Tokens = None


class _Usage(Wire):
    prompt_tokens: NonNegativeInt
    completion_tokens: NonNegativeInt
    prompt_tokens_details: Annotated[_InputDetails | None, OrNone] = None
    completion_tokens_details: Annotated[_OutputDetails | None, OrNone] = None


class _Answer(Wire):
    choices: Annotated[list[_Choice], Field(min_length=1)]
    usage: Annotated[_Usage | None, OrNone] = None


class OpenAIProvider:
    """`credentials` is asked before every call, so that a rotated key is used within minutes."""

    def __init__(
        self, credentials: Callable[[], Credentials], http_client: httpx2.Client | None = None
    ) -> None:
        self._credentials = credentials
        self._client = lru_cache(maxsize=1)(partial(_client, http_client=http_client))

    def complete(self, prompt: Prompt, candidate: Candidate, timeout_s: float) -> Completion:
        client = self._client(self._credentials())
        create = client.chat.completions.with_streaming_response.create
        try:
            body = call_within(create, timeout_s, request_body(prompt, candidate))
        except (openai.OpenAIError, httpx2.HTTPError) as error:
            raise engine_error(error) from None
        return _completion(parse_body(_Answer, body))


def connect(settings: InvokeSettings) -> OpenAIProvider:
    return OpenAIProvider(partial(read_credentials, settings.PROVIDER_SECRET_ARN))


def _client(credentials: Credentials, http_client: httpx2.Client | None) -> openai.OpenAI:
    # The state machine does the retrying: the SDK would even repeat an exhausted quota.
    return openai.OpenAI(
        api_key=credentials.api_key.get_secret_value(),
        base_url=credentials.base_url,
        max_retries=0,
        http_client=http_client,
    )


def request_body(prompt: Prompt, candidate: Candidate) -> dict[str, Any]:
    """The call's arguments in Chat Completions' terms."""
    request, system = prompt.request, prompt.system
    messages: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
    messages += [message.model_dump(exclude_none=True) for message in conversation_of(request)]
    body: dict[str, Any] = {
        "model": candidate.provider_model_id,
        "messages": messages,
        "max_completion_tokens": candidate.max_output_tokens,
    }
    # Reasoning models answer 400 to any sampling parameter.
    if request.temperature is not None and "temperature" in candidate.sampling:
        body["temperature"] = request.temperature
    if request.tools and candidate.provider_model_id.startswith(_TOOLS_WITHOUT_REASONING):
        body["reasoning_effort"] = "none"
    wanted = request.model_dump(
        include={"tools", "tool_choice", "response_format"}, by_alias=True, exclude_none=True
    )
    return body | wanted


def engine_error(error: Exception) -> EngineError:
    """What an SDK or transport exception means to the engine."""
    match error:
        case openai.APIStatusError():
            told = error.body if isinstance(error.body, dict) else {}
            codes = (error.code, error.type)
            refusal = Refusal(
                error.status_code, codes, str(told.get("message") or ""), error.response.headers
            )
            return error_of(refusal, ERRORS)
        case _:
            return unanswered(error, "openai", openai.APITimeoutError, openai.APIConnectionError)


def _completion(answer: _Answer) -> Completion:
    choice = answer.choices[0]
    if choice.finish_reason == "content_filter" or choice.message.refusal:
        raise ContentFiltered("openai refused the request on policy.")
    calls = [
        ToolCall(id=call.id, function=FunctionCall(**call.function.model_dump()))
        for call in choice.message.tool_calls or []
    ]
    # A forced call ends with "stop"; the caller should not need to know that.
    finish = _FINISH.get(choice.finish_reason, "tool_calls" if calls else "stop")
    return Completion(choice.message.content or "", tuple(calls), finish, _usage(answer.usage))


def _usage(told: _Usage | None) -> Usage | None:
    """Cached and cache-written tokens are inside `prompt_tokens`; our parts are disjoint."""
    if told is None:
        return None
    inputs = told.prompt_tokens_details or _InputDetails()
    outputs = told.completion_tokens_details or _OutputDetails()
    cached, written = inputs.cached_tokens or 0, inputs.cache_write_tokens or 0
    return Usage(
        input_tokens=max(0, told.prompt_tokens - cached - written),
        cached_input_tokens=cached,
        cache_write_tokens=written,
        output_tokens=told.completion_tokens,
        reasoning_tokens=outputs.reasoning_tokens or 0,
    )
