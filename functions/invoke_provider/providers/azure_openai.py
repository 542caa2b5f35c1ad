"""Azure OpenAI's v1 interface: OpenAI's own SDK at the resource's address, with a deployment as model."""

from __future__ import annotations

from functions.invoke_provider.credentials import Credentials, Secret
from functions.invoke_provider.providers.openai import ERRORS as OPENAI_ERRORS
from functions.invoke_provider.providers.openai import OpenAIProvider
from functions.invoke_provider.providers.refusals import ErrorTable
from functions.invoke_provider.providers.streaming import Streaming
from functions.shared.errors import (
    ContentFiltered,
    ContextWindowExceeded,
    ModelNotFound,
    ProviderAuthFailed,
    ProviderOverloaded,
    ProviderQuotaExhausted,
    ProviderThrottled,
    ProviderTimeout,
)
from functions.shared.settings import InvokeSettings

_PATH = "/openai/v1"

ERRORS = ErrorTable(
    provider="azure_openai",
    codes={
        **OPENAI_ERRORS.codes,
        "ResponsibleAIPolicyViolation": ContentFiltered,
        "DeploymentNotFound": ModelNotFound,
        "ModelNotFound": ModelNotFound,
        "ModelDeprecated": ModelNotFound,
        # The deployment is of a model that does not do what is asked of it.
        "OperationNotSupported": ModelNotFound,
        "unsupported_model": ModelNotFound,
        "RateLimitReached": ProviderThrottled,
        "too_many_requests": ProviderThrottled,
        "QuotaExceeded": ProviderQuotaExhausted,
        "NoCapacity": ProviderOverloaded,
        "ServiceUnavailable": ProviderOverloaded,
        "PermissionDenied": ProviderAuthFailed,
        "Timeout": ProviderTimeout,
    },
    phrases={
        **OPENAI_ERRORS.phrases,
        # Told with a 403 by the gateway in front of a resource.
        "out of call volume quota": ProviderQuotaExhausted,
        "content management policy": ContentFiltered,
    },
    # "A 400 error due to a content filter or input limit" may be charged, as the service has processed it:
    # https://learn.microsoft.com/en-us/azure/ai-services/openai/how-to/manage-costs
    may_bill=frozenset({ContentFiltered, ContextWindowExceeded}),
)


def connect(settings: InvokeSettings) -> OpenAIProvider:
    secret = Secret(settings.PROVIDER_SECRET_ARN, at_v1)
    return OpenAIProvider(secret, errors=ERRORS, streaming=Streaming.of(settings))


def at_v1(credentials: Credentials) -> Credentials:
    """With the interface's path on the resource's endpoint. Raises `ProviderAuthFailed` without one."""
    if not credentials.base_url:
        raise ProviderAuthFailed(
            "The provider's secret holds no base_url, the resource's endpoint."
        )
    endpoint = credentials.base_url.rstrip("/").removesuffix(_PATH)
    return credentials.model_copy(update={"base_url": endpoint + _PATH})
