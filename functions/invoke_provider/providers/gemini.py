"""Google's Gemini by its endpoint that speaks OpenAI's language: https://ai.google.dev/gemini-api/docs/openai"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from functions.invoke_provider.credentials import Secret
from functions.invoke_provider.providers.compatible import at
from functions.invoke_provider.providers.openai import OpenAIProvider
from functions.invoke_provider.providers.openai_errors import ERRORS as OPENAI_ERRORS
from functions.invoke_provider.providers.rpc_errors import PER_DAY
from functions.invoke_provider.providers.streaming import Streaming
from functions.shared.errors import (
    ModelNotFound,
    ProviderAuthFailed,
    ProviderOverloaded,
    ProviderQuotaExhausted,
    ProviderThrottled,
    ProviderTimeout,
    ProviderUnavailable,
)
from functions.shared.settings import InvokeSettings

BASE_URL = "https://generativelanguage.googleapis.com/v1beta/openai/"

ERRORS = replace(
    OPENAI_ERRORS,
    provider="gemini",
    # https://ai.google.dev/gemini-api/docs/generate-content/api-errors. INVALID_ARGUMENT is not here:
    # it is said of a bad request, of a refused key and of a field that this endpoint does not know.
    codes={
        **OPENAI_ERRORS.codes,
        "API_KEY_INVALID": ProviderAuthFailed,
        "API_KEY_EXPIRED": ProviderAuthFailed,
        "API_KEY_SERVICE_BLOCKED": ProviderAuthFailed,
        "API_KEY_IP_ADDRESS_BLOCKED": ProviderAuthFailed,
        "SERVICE_DISABLED": ProviderAuthFailed,
        "CONSUMER_SUSPENDED": ProviderAuthFailed,
        "CONSUMER_INVALID": ProviderAuthFailed,
        "BILLING_DISABLED": ProviderQuotaExhausted,
        "UNAUTHENTICATED": ProviderAuthFailed,
        "PERMISSION_DENIED": ProviderAuthFailed,
        # No free tier in the region, and no billing set up.
        "FAILED_PRECONDITION": ProviderQuotaExhausted,
        PER_DAY: ProviderQuotaExhausted,
        "RESOURCE_EXHAUSTED": ProviderThrottled,
        "NOT_FOUND": ModelNotFound,
        "UNAVAILABLE": ProviderOverloaded,
        "INTERNAL": ProviderUnavailable,
        "DEADLINE_EXCEEDED": ProviderTimeout,
        "CANCELLED": ProviderUnavailable,
    },
    phrases={
        "api key not valid": ProviderAuthFailed,
        "api key expired": ProviderAuthFailed,
        "user location is not supported": ProviderAuthFailed,
        **OPENAI_ERRORS.phrases,
    },
)


def connect(settings: InvokeSettings) -> OpenAIProvider:
    secret = Secret(settings.PROVIDER_SECRET_ARN, partial(at, base_url=BASE_URL))
    return OpenAIProvider(secret, errors=ERRORS, streaming=Streaming.of(settings))
