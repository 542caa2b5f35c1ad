"""Anthropic, by its SDK."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any

import anthropic
import httpx2

from functions.invoke_provider.called_model import CalledModel
from functions.invoke_provider.credentials import Credentials, Keyring, Secret, call_with_key
from functions.invoke_provider.providers import messages
from functions.invoke_provider.providers.anthropic_errors import ERRORS
from functions.invoke_provider.providers.base import Completion, Prompt
from functions.invoke_provider.providers.http_client import HttpCall, unanswered
from functions.invoke_provider.providers.messages_stream import MessagesAssembly
from functions.invoke_provider.providers.refusals import Refusal, refusal_error
from functions.invoke_provider.providers.streaming import Streaming
from functions.invoke_provider.providers.streams import NO_ANSWER, ErrorInStream, billed_so_far
from functions.invoke_provider.providers.watched_call import Patience
from functions.shared.errors import EngineError
from functions.shared.settings import InvokeSettings


class AnthropicProvider:
    """`keyring` is asked before every call, and again where its key is refused."""

    def __init__(
        self,
        keyring: Keyring,
        http_client: httpx2.Client | None = None,
        streaming: Streaming | None = None,
    ) -> None:
        self._keyring = keyring
        self._client = lru_cache(maxsize=1)(partial(_client, http_client=http_client))
        self._streaming = streaming or Streaming()

    def complete(self, prompt: Prompt, model: CalledModel, timeout_s: float) -> Completion:
        return call_with_key(self._keyring, partial(self._complete, prompt, model, timeout_s))

    def _complete(
        self, prompt: Prompt, model: CalledModel, timeout_s: float, credentials: Credentials
    ) -> Completion:
        ask = partial(_ask, self._client(credentials), messages.request_body(prompt, model))
        body = self._streaming.asked(model, timeout_s, ask)
        return messages.completion_of(body)


def _ask(
    client: anthropic.Anthropic, arguments: Mapping[str, Any], patience: Patience, streamed: bool
) -> object:
    assembly = MessagesAssembly() if streamed else None
    asked = {**arguments, "stream": True} if streamed else arguments
    create = client.messages.with_streaming_response.create
    with billed_so_far(assembly, messages.usage_in):
        try:
            return HttpCall(create, asked, patience, assembly).body()
        except (anthropic.AnthropicError, httpx2.HTTPError, *NO_ANSWER) as error:
            raise engine_error(error) from None


def connect(settings: InvokeSettings) -> AnthropicProvider:
    return AnthropicProvider(Secret(settings.PROVIDER_SECRET_ARN), streaming=Streaming.of(settings))


def _client(credentials: Credentials, http_client: httpx2.Client | None) -> anthropic.Anthropic:
    return anthropic.Anthropic(
        api_key=credentials.api_key.get_secret_value(),
        base_url=credentials.base_url,
        max_retries=0,
        http_client=http_client,
    )


def engine_error(error: Exception) -> EngineError:
    """What an SDK or transport exception means to the engine."""
    match error:
        case ErrorInStream():
            return refusal_error(error.refusal, ERRORS)
        case anthropic.APIStatusError():
            codes = (error.error_code, error.type)
            refusal = Refusal(
                error.status_code, codes, str(error.api_message or ""), error.response.headers
            )
            return refusal_error(refusal, ERRORS)
        case _:
            return unanswered(
                error, "anthropic", anthropic.APITimeoutError, anthropic.APIConnectionError
            )
