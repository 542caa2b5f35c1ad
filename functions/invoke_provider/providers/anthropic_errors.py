"""Anthropic's words for what went wrong: https://platform.claude.com/docs/en/api/errors, and the codes and types
that the SDK enumerates."""

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
    ContextWindowExceeded,
    ModelNotFound,
    ProviderAuthFailed,
    ProviderOverloaded,
    ProviderQuotaExhausted,
    ProviderThrottled,
    ProviderTimeout,
    ProviderUnavailable,
    RequestUnsupported,
)

ERRORS = ErrorTable(
    provider="anthropic",
    codes={
        "enforced_spend_limit_reached": ProviderQuotaExhausted,
        "contract_spend_limit_reached": ProviderQuotaExhausted,
        "linked_organization_spend_limit_reached": ProviderQuotaExhausted,
        "linked_organization_billing_unavailable": ProviderQuotaExhausted,
        "user_profile_not_billable": ProviderQuotaExhausted,
        "billing_error": ProviderQuotaExhausted,
        "organization_on_hold": ProviderAuthFailed,
        "organization_type_not_supported": ProviderAuthFailed,
        "parent_organization_required": ProviderAuthFailed,
        "claude_code_key_creator_not_member": ProviderAuthFailed,
        "cmek_key_disabled": ProviderAuthFailed,
        "cmek_key_network_blocked": ProviderAuthFailed,
        "sandbox_egress_restricted": ProviderAuthFailed,
        "user_profile_billing_not_authorized": ProviderAuthFailed,
        "user_profile_not_found": ProviderAuthFailed,
        "user_profile_required": ProviderAuthFailed,
        "claude_code_version_too_old": ModelNotFound,
        "request_too_large": ContextWindowExceeded,
        "request_body_too_large_after_decoding": ContextWindowExceeded,
        "available_tools_limit_exceeded": RequestUnsupported,
        # Of its longest side: others make an image smaller by themselves.
        "image_dimensions_too_large": RequestUnsupported,
        "tool_name_conflict": RequestUnsupported,
        "tool_reference_unresolved": RequestUnsupported,
        "ramp_limit_exceeded": ProviderThrottled,
        "overloaded_error": ProviderOverloaded,
        "cmek_key_unreachable": ProviderOverloaded,
        "cmek_context_unavailable": ProviderOverloaded,
        # Also told with a 504: the model was at work, and may be billed.
        "timeout_error": ProviderTimeout,
    },
    phrases={
        # Of what is longer than the usual window: the model takes all else.
        "long context beta": ContextWindowExceeded,
        "inference_geo": ModelNotFound,
        "access to anthropic models is not allowed": ProviderAuthFailed,
        **ACCOUNT,
        **POLICY,
        **TOO_LONG,
        **BROKEN_IMAGE,
        **UNSUPPORTED,
    },
    general_codes={
        "api_error": ProviderUnavailable,
        "authentication_error": ProviderAuthFailed,
        "conflict_error": ProviderUnavailable,
        "not_found_error": ModelNotFound,
        "permission_error": ProviderAuthFailed,
        "rate_limit_error": ProviderThrottled,
    },
)
