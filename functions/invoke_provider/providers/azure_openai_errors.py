"""Azure's words for what went wrong, beside OpenAI's:
https://learn.microsoft.com/en-us/azure/ai-services/openai/how-to/quota and .../reference, and what users report of
its gateway (Azure-Samples/azure-search-openai-demo, microsoft/chat-copilot#738)."""

from __future__ import annotations

from functions.invoke_provider.providers.openai_errors import ERRORS as OPENAI_ERRORS
from functions.invoke_provider.providers.refusals import ErrorTable
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

ERRORS = ErrorTable(
    provider="azure_openai",
    codes={
        **OPENAI_ERRORS.codes,
        "ResponsibleAIPolicyViolation": ContentFiltered,
        "DeploymentNotFound": ModelNotFound,
        "DeploymentNotReady": ModelNotFound,
        "ModelNotFound": ModelNotFound,
        "ModelDeprecated": ModelNotFound,
        # The deployment is of a model that does not do what is asked of it.
        "OperationNotSupported": ModelNotFound,
        "unavailable_model": ModelNotFound,
        "RateLimitReached": ProviderThrottled,
        "too_many_requests": ProviderThrottled,
        "InsufficientQuota": ProviderQuotaExhausted,
        "QuotaExceeded": ProviderQuotaExhausted,
        "NoCapacity": ProviderOverloaded,
        "ServiceUnavailable": ProviderOverloaded,
        "AccessDenied": ProviderAuthFailed,
        "InvalidSubscription": ProviderAuthFailed,
        "PermissionDenied": ProviderAuthFailed,
        "ReadOnlyDisabledSubscription": ProviderAuthFailed,
        "RequestDisallowedByPolicy": ProviderAuthFailed,
        "SpecialFeatureOrQuotaIdRequired": ProviderAuthFailed,
        "SubscriptionDisabled": ProviderAuthFailed,
        "Timeout": ProviderTimeout,
    },
    phrases={
        # Told with a 403 by the gateway in front of a resource.
        "out of call volume quota": ProviderQuotaExhausted,
        **OPENAI_ERRORS.phrases,
    },
    general_codes=OPENAI_ERRORS.general_codes,
    # "A 400 error due to a content filter or input limit" may be charged, as the service has processed it:
    # https://learn.microsoft.com/en-us/azure/ai-services/openai/how-to/manage-costs
    may_bill=frozenset({ContentFiltered, ContextWindowExceeded}),
)
