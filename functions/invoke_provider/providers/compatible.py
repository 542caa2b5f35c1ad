"""Providers that a stage adds: whatever speaks OpenAI's language, at its own address."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from functions.invoke_provider.credentials import Credentials, Secret
from functions.invoke_provider.providers.openai import OpenAIProvider
from functions.invoke_provider.providers.openai_errors import ERRORS as OPENAI_ERRORS
from functions.invoke_provider.providers.refusals import ErrorTable
from functions.invoke_provider.providers.streaming import Streaming
from functions.shared.catalogue.additions import load_additions
from functions.shared.errors import (
    EngineError,
    ModelNotFound,
    ProviderAuthFailed,
    ProviderOverloaded,
    ProviderThrottled,
)
from functions.shared.settings import InvokeSettings

_CODES: dict[str, type[EngineError]] = {
    **OPENAI_ERRORS.codes,
    # The types of vLLM's errors, and of Ollama's.
    "NotFoundError": ModelNotFound,
    "not_found_error": ModelNotFound,
    "AuthenticationError": ProviderAuthFailed,
    "RateLimitError": ProviderThrottled,
    "ServiceUnavailableError": ProviderOverloaded,
}


def connect(settings: InvokeSettings) -> OpenAIProvider:
    """Raises `KeyError` for a provider that the stage does not add."""
    added = load_additions().providers[settings.PROVIDER]
    secret = Secret(settings.PROVIDER_SECRET_ARN, partial(at, base_url=added.base_url))
    errors = errors_of(settings.PROVIDER)
    return OpenAIProvider(secret, errors=errors, streaming=Streaming.of(settings))


def at(credentials: Credentials, base_url: str) -> Credentials:
    """With the provider's address, unless the secret names another."""
    return credentials.model_copy(update={"base_url": credentials.base_url or base_url})


def errors_of(provider: str) -> ErrorTable:
    """The words of OpenAI and of the servers that speak as it does."""
    return replace(OPENAI_ERRORS, provider=provider, codes=_CODES)
