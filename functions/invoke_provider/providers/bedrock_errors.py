"""Bedrock's words for what went wrong:
https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html, the exceptions that the
service's description lists, and what Claude says behind it."""

from __future__ import annotations

from functions.invoke_provider.providers.refusal_phrases import (
    ACCOUNT,
    BROKEN_IMAGE,
    POLICY,
    TOO_LONG,
    UNSUPPORTED,
)
from functions.invoke_provider.providers.refusals import ErrorTable
from functions.shared.errors import (
    ModelNotFound,
    ProviderAuthFailed,
    ProviderOverloaded,
    ProviderQuotaExhausted,
    ProviderThrottled,
    ProviderTimeout,
    ProviderUnavailable,
    RequestDoubted,
    RequestUnsupported,
)

ERRORS = ErrorTable(
    provider="bedrock",
    codes={
        "ExpiredTokenException": ProviderAuthFailed,
        "IncompleteSignature": ProviderAuthFailed,
        "InvalidSignatureException": ProviderAuthFailed,
        "ModelNotReadyException": ProviderOverloaded,
        "NotAuthorized": ProviderAuthFailed,
        "RequestExpired": ProviderAuthFailed,
        "ServiceQuotaExceededException": ProviderQuotaExhausted,
        "UnrecognizedClientException": ProviderAuthFailed,
    },
    phrases={
        # A ThrottlingException like any other, but no wait of seconds helps.
        "tokens per day": ProviderQuotaExhausted,
        "model identifier is invalid": ModelNotFound,
        "with on-demand throughput": ModelNotFound,
        "end of its life": ModelNotFound,
        "marked by provider as legacy": ModelNotFound,
        "doesn't support the model": ModelNotFound,
        # Who is refused one model may have all the others.
        "access to the model": ModelNotFound,
        "model access is denied": ModelNotFound,
        "on resource: arn:": ModelNotFound,
        "from unsupported countries": ModelNotFound,
        "marketplace": ModelNotFound,
        "use case details": ModelNotFound,
        "invalid_payment_instrument": ModelNotFound,
        "not authorized to invoke this api operation": ProviderAuthFailed,
        "operation not allowed": ProviderAuthFailed,
        "malformed input request": RequestUnsupported,
        **ACCOUNT,
        **POLICY,
        **TOO_LONG,
        **BROKEN_IMAGE,
        **UNSUPPORTED,
    },
    general_codes={
        "AccessDeniedException": ProviderAuthFailed,
        "InternalServerException": ProviderUnavailable,
        "ModelErrorException": ProviderUnavailable,
        "ModelStreamErrorException": ProviderUnavailable,
        "ModelTimeoutException": ProviderTimeout,
        "ResourceNotFoundException": ModelNotFound,
        "ServiceUnavailableException": ProviderOverloaded,
        "ThrottlingException": ProviderThrottled,
        "ValidationException": RequestDoubted,
    },
)
