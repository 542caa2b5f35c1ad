"""An answer as it is kept."""

from __future__ import annotations

from typing import Any

ANSWER: dict[str, Any] = {
    "success": True,
    "result": "Hello.",
    "request_id": "req_1",
    "execution_id": "req_1",
    "cached": False,
    "mock": False,
    "tool_calls": [],
    "finish_reason": "stop",
    "routing": {
        "selected_model": "gpt-4o-mini",
        "provider": "openai",
        "reason": "Best of 2 candidates.",
        "task": "chat",
        "task_source": "caller",
        "task_confidence": 1.0,
        "cost_score": 1.0,
        "latency_score": 1.0,
        "quality_score": 0.5,
        "availability_score": 1.0,
        "final_score": 0.9,
        "policy_version": "default-1",
        "prompt_version": "chat.v1",
        "dropped_parameters": [],
        "fallbacks": [
            {
                "model": "gpt-4o",
                "provider": "openai",
                "error": "ProviderTimeout",
                "elapsed_ms": 9_000,
            }
        ],
    },
    "usage": {
        "input_tokens": 100,
        "cached_input_tokens": 0,
        "output_tokens": 20,
        "total_cost_usd": 0.000125,
        "possibly_billed_usd": 0.0025,
        "simulated_cost_usd": 0.0,
        "usage_source": "provider",
        "baseline_model": "gpt-4o",
        "baseline_cost_usd": 0.00125,
        "savings_usd": 0.001125,
        "price_version": "1",
    },
    "performance": {"total_time_ms": 9_700, "routing_time_ms": 3, "inference_time_ms": 600},
}
