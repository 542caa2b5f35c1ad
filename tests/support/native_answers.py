"""Answers of the native routes, as an execution's output has them."""

from __future__ import annotations

from typing import Any

REQUEST_ID = "req_1-2-3"


def native_answer(**changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "success": True,
        "result": "Hello there",
        "request_id": REQUEST_ID,
        "execution_id": REQUEST_ID,
        "cached": False,
        "mock": False,
        "tool_calls": [],
        "finish_reason": "stop",
        "routing": {
            "selected_model": "gpt-4o-mini",
            "provider": "openai",
            "reason": "Best of 2.",
            "task": "chat",
            "task_source": "caller",
            "task_confidence": 1.0,
            **dict.fromkeys(
                (f"{one}_score" for one in ("cost", "latency", "quality", "availability")), 0.5
            ),
            "final_score": 0.5,
            "policy_version": "default-1",
            "prompt_version": "chat.v1",
            "dropped_parameters": [],
            "fallbacks": [],
        },
        "usage": {
            "input_tokens": 12,
            "cached_input_tokens": 4,
            "cache_write_tokens": 2,
            "output_tokens": 7,
            "reasoning_tokens": 3,
            "total_cost_usd": 0.000012345,
            "possibly_billed_usd": 0.0,
            "simulated_cost_usd": 0.0,
            "usage_source": "provider",
            "baseline_model": None,
            "baseline_cost_usd": 0.000012345,
            "savings_usd": 0.0,
            "price_version": "1",
        },
        "performance": {"total_time_ms": 9, "routing_time_ms": 2, "inference_time_ms": 5},
    }
    return fields | changes


def native_call(name: str, arguments: str, call_id: str = "call_1") -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function}


def native_error(code: str, message: str = "It failed.", **more: Any) -> dict[str, Any]:
    error = {"code": code, "message": message, **more}
    return {"success": False, "error": error, "request_id": REQUEST_ID}
