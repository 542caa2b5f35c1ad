"""Log fields by OpenTelemetry's names: https://github.com/open-telemetry/semantic-conventions-genai"""

from __future__ import annotations

from typing import Any

_PROVIDERS = {
    "azure_openai": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
}
"""Its names for providers, where they differ from the catalogue's."""


def call_fields(model: str, provider: str) -> dict[str, Any]:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": _PROVIDERS.get(provider, provider),
        "gen_ai.request.model": model,
    }


def answer_fields(input_tokens: int, output_tokens: int, finish_reason: str) -> dict[str, Any]:
    return {
        "gen_ai.usage.input_tokens": input_tokens,
        "gen_ai.usage.output_tokens": output_tokens,
        "gen_ai.response.finish_reasons": [finish_reason],
    }
