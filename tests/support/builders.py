"""What the states hand on, with every field filled in; a test names what matters to it."""

from __future__ import annotations

from typing import Any

from functions.invoke_provider.prompts import prompt_for
from functions.invoke_provider.providers.base import Prompt
from functions.shared.contracts.decision import Candidate, Profile, ScoreOutput
from functions.shared.contracts.request import GenerateRequest

PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {
    "type": "function",
    "function": {"name": "get_weather", "description": "Weather", "parameters": PARAMETERS},
}
TOOL_CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city": "Bern"}'},
}
MODEL_OF_API = {
    "chat_completions": "gpt-4o-mini",
    "responses": "gpt-6.1-sol",
    "messages": "claude-haiku-5-5",
    "converse": "bedrock-claude-haiku-5-5",
}
"""A model of the catalogue that is called by the interface."""
STARTED_AT_MS = 1_795_000_000_000
_SCORES = {f"{name}_score": 0.5 for name in ("cost", "latency", "quality", "availability", "final")}


def candidate(model: str = "gpt-4o-mini", **changes: Any) -> Candidate:
    fields: dict[str, Any] = {
        "model": model,
        "provider": "openai",
        "provider_model_id": model,
        "api": "chat_completions",
        "tokenizer": "o200k",
        "function": "openai",
        "mock": False,
        "context_window": 128_000,
        "max_output_tokens": 100,
        "sampling": [],
        "max_temperature": 2,
        "tool_choices": ["auto", "none", "required", "named"],
        "strict_tools": True,
        "reason": "balanced",
        **_SCORES,
        "estimated_cost_usd": 0.001,
        "worst_case_cost_usd": 0.01,
        "estimated_latency_ms": 900,
        "p95_latency_ms": 1_800,
        "estimated_input_tokens": 50,
        "estimated_output_tokens": 100,
        "quality": 0.5,
    }
    return Candidate.model_validate(fields | changes)


def called_by(api: str, name: str, **changes: Any) -> Candidate:
    """A model of the catalogue that is called by the interface, under any name there."""
    return candidate(MODEL_OF_API[api], provider_model_id=name, api=api, **changes)


def decision(*candidates: Candidate, **changes: Any) -> ScoreOutput:
    """With the candidate of `candidate()` unless others are given."""
    fields: dict[str, Any] = {
        "candidates": list(candidates) or [candidate()],
        "excluded": [],
        "baseline_model": "gpt-4o",
        "price_version": "1",
        "policy_version": "default-1",
        "score_ms": 1.0,
    }
    return ScoreOutput.model_validate(fields | changes)


def profile(task: str = "chat", started_at_ms: int = STARTED_AT_MS, **changes: Any) -> Profile:
    fields: dict[str, Any] = {
        "request_id": "req_1",
        "caller_id": "key-1",
        "mode": "sync",
        "task": task,
        "task_source": "caller",
        "task_confidence": 1.0,
        "model_preference": "balanced",
        "fallback": True,
        "input_size": {"words": 30, "letters": 160, "signs": 10},
        "required_capabilities": [],
        "metadata": {},
        "started_at_ms": started_at_ms,
        "deadline_at_ms": started_at_ms + 26_000,
        "classify_ms": 2.0,
    }
    return Profile.model_validate(fields | changes)


def prompt(of: Candidate, task: str = "chat", **fields: Any) -> Prompt:
    """What the candidate is told of a request with these fields, `Hello?` without any text."""
    body = fields if "messages" in fields or "text" in fields else {"text": "Hello?"} | fields
    return prompt_for(GenerateRequest.model_validate(body), profile(task), of)
