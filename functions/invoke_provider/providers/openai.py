"""OpenAI, and by its SDK whatever speaks the same at another address."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any

import httpx2
import openai

from functions.invoke_provider.called_model import CalledModel
from functions.invoke_provider.credentials import Credentials, Keyring, Secret, call_with_key
from functions.invoke_provider.providers import chat_completions, embeddings, responses
from functions.invoke_provider.providers.base import Completion, Embedded, Prompt
from functions.invoke_provider.providers.chat_completions_stream import ChatAssembly
from functions.invoke_provider.providers.embedding_batches import Inputs, embedded
from functions.invoke_provider.providers.http_client import Create, HttpCall, unanswered
from functions.invoke_provider.providers.openai_errors import ERRORS
from functions.invoke_provider.providers.openai_usage import usage_in
from functions.invoke_provider.providers.refusals import (
    IN_AN_ANSWER,
    ErrorTable,
    Refusal,
    refusal_error,
)
from functions.invoke_provider.providers.responses_stream import ResponsesAssembly
from functions.invoke_provider.providers.rpc_errors import error_object, rpc_codes
from functions.invoke_provider.providers.streaming import (
    Streaming,
    StreamRefused,
    is_about_streams,
)
from functions.invoke_provider.providers.streams import NO_ANSWER, ErrorInStream, billed_so_far
from functions.invoke_provider.providers.watched_call import Patience
from functions.shared.contracts.embedding import EmbeddingRequest
from functions.shared.errors import EngineError
from functions.shared.settings import InvokeSettings

_STREAMED: Mapping[type, Mapping[str, Any]] = {
    # Without a word there, Chat Completions tells no usage.
    ChatAssembly: {"stream": True, "stream_options": {"include_usage": True}},
    ResponsesAssembly: {"stream": True},
}


class OpenAIProvider:
    """`keyring` is asked before every call, and again where its key is refused."""

    def __init__(
        self,
        keyring: Keyring,
        http_client: httpx2.Client | None = None,
        errors: ErrorTable = ERRORS,
        streaming: Streaming | None = None,
    ) -> None:
        self._keyring = keyring
        self._client = lru_cache(maxsize=1)(partial(_client, http_client=http_client))
        self._errors = errors
        self._streaming = streaming or Streaming()

    def complete(self, prompt: Prompt, model: CalledModel, timeout_s: float) -> Completion:
        return call_with_key(self._keyring, partial(self._complete, prompt, model, timeout_s))

    def _complete(
        self, prompt: Prompt, model: CalledModel, timeout_s: float, credentials: Credentials
    ) -> Completion:
        client = self._client(credentials)
        if model.api == "responses":
            arguments = responses.request_body(prompt, model)
            create = client.responses.with_streaming_response.create
            ask = partial(self._ask, create, arguments, ResponsesAssembly)
            body = self._streaming.asked(model, timeout_s, ask)
            return responses.completion_of(body, self._errors)
        arguments = chat_completions.request_body(prompt, model)
        complete = client.chat.completions.with_streaming_response.create
        ask = partial(self._ask, complete, arguments, ChatAssembly)
        body = self._streaming.asked(model, timeout_s, ask)
        return chat_completions.completion_of(body, self._errors.provider)

    def embed(self, request: EmbeddingRequest, model: CalledModel, timeout_s: float) -> Embedded:
        return call_with_key(self._keyring, partial(self._embed, request, model, timeout_s))

    def _embed(
        self,
        request: EmbeddingRequest,
        model: CalledModel,
        timeout_s: float,
        credentials: Credentials,
    ) -> Embedded:
        create = self._client(credentials).embeddings.with_streaming_response.create

        def ask(inputs: Inputs, left_s: float) -> Embedded:
            arguments = embeddings.request_body(inputs, request, model)
            body = self._ask(create, arguments, None, Patience.until(left_s), False)
            return embeddings.embedded_in(body, inputs, request)

        return embedded(request, model, timeout_s, ask)

    def _ask(
        self,
        create: Create,
        arguments: Mapping[str, Any],
        assembled: type[ChatAssembly | ResponsesAssembly] | None,
        patience: Patience,
        streamed: bool,
    ) -> object:
        assembly = assembled() if assembled and streamed else None
        asked = {**arguments, **_STREAMED[type(assembly)]} if assembly else arguments
        with billed_so_far(assembly, usage_in):
            try:
                return HttpCall(create, asked, patience, assembly).body()
            except (openai.OpenAIError, httpx2.HTTPError, *NO_ANSWER) as error:
                if streamed and _refuses_stream(error):
                    raise StreamRefused from None
                raise engine_error(error, self._errors) from None


def connect(settings: InvokeSettings) -> OpenAIProvider:
    return OpenAIProvider(Secret(settings.PROVIDER_SECRET_ARN), streaming=Streaming.of(settings))


def _client(credentials: Credentials, http_client: httpx2.Client | None) -> openai.OpenAI:
    # The state machine does the retrying: the SDK would even repeat an exhausted quota.
    return openai.OpenAI(
        api_key=credentials.api_key.get_secret_value(),
        base_url=credentials.base_url,
        max_retries=0,
        http_client=http_client,
    )


def _refuses_stream(error: Exception) -> bool:
    return isinstance(error, openai.APIStatusError) and is_about_streams(
        error.status_code, error.message
    )


def engine_error(error: Exception, errors: ErrorTable) -> EngineError:
    """What an SDK or transport exception means to the engine."""
    match error:
        case ErrorInStream():
            return refusal_error(error.refusal, errors)
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
