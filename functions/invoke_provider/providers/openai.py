"""OpenAI, and by its SDK whatever speaks the same at another address."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, partial

import httpx2
import openai

from functions.invoke_provider.called_model import CalledModel
from functions.invoke_provider.credentials import Credentials, Keyring, Secret, call_with_key
from functions.invoke_provider.providers import chat_completions, responses
from functions.invoke_provider.providers.base import Completion, Prompt
from functions.invoke_provider.providers.http_client import call_within, unanswered
from functions.invoke_provider.providers.openai_errors import ERRORS
from functions.invoke_provider.providers.refusals import (
    IN_AN_ANSWER,
    ErrorTable,
    Refusal,
    refusal_error,
)
from functions.invoke_provider.providers.rpc_errors import error_object, rpc_codes
from functions.shared.errors import EngineError
from functions.shared.settings import InvokeSettings


class OpenAIProvider:
    """`keyring` is asked before every call, and again where its key is refused."""

    def __init__(
        self,
        keyring: Keyring,
        http_client: httpx2.Client | None = None,
        errors: ErrorTable = ERRORS,
    ) -> None:
        self._keyring = keyring
        self._client = lru_cache(maxsize=1)(partial(_client, http_client=http_client))
        self._errors = errors

    def complete(self, prompt: Prompt, model: CalledModel, timeout_s: float) -> Completion:
        return call_with_key(self._keyring, partial(self._complete, prompt, model, timeout_s))

    def _complete(
        self, prompt: Prompt, model: CalledModel, timeout_s: float, credentials: Credentials
    ) -> Completion:
        client = self._client(credentials)
        try:
            if model.api == "responses":
                create = client.responses.with_streaming_response.create
                body = call_within(create, timeout_s, responses.request_body(prompt, model))
                return responses.completion_of(body, self._errors)
            complete = client.chat.completions.with_streaming_response.create
            arguments = chat_completions.request_body(prompt, model)
            body = call_within(complete, timeout_s, arguments)
            return chat_completions.completion_of(body, self._errors.provider)
        except (openai.OpenAIError, httpx2.HTTPError) as error:
            raise engine_error(error, self._errors) from None


def connect(settings: InvokeSettings) -> OpenAIProvider:
    return OpenAIProvider(Secret(settings.PROVIDER_SECRET_ARN))


def _client(credentials: Credentials, http_client: httpx2.Client | None) -> openai.OpenAI:
    # The state machine does the retrying: the SDK would even repeat an exhausted quota.
    return openai.OpenAI(
        api_key=credentials.api_key.get_secret_value(),
        base_url=credentials.base_url,
        max_retries=0,
        http_client=http_client,
    )


def engine_error(error: Exception, errors: ErrorTable) -> EngineError:
    """What an SDK or transport exception means to the engine."""
    match error:
        case openai.APIStatusError():
            refusal = _refusal(error, error.status_code, error.response.headers)
            return refusal_error(refusal, errors)
        case openai.APIError(body=dict() | list()):
            return refusal_error(_refusal(error, IN_AN_ANSWER, {}), errors)
        case _:
            timeouts, connections = openai.APITimeoutError, openai.APIConnectionError
            return unanswered(error, errors.provider, timeouts, connections)


def _refusal(error: openai.APIError, status: int, headers: Mapping[str, str]) -> Refusal:
    body = error_object(error.body)
    inner = body.get("innererror")
    code = inner.get("code") if isinstance(inner, dict) else None
    reason = body.get("message") or body.get("detail") or ""
    codes = (*rpc_codes(body), code, error.code, error.type)
    return Refusal(status, codes, str(reason), headers, body)
