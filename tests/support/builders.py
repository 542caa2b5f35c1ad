"""What the states hand on, with every field filled in; a test names what matters to it."""

from __future__ import annotations

import json
from typing import Any

from functions.invoke_provider.called_model import CalledModel
from functions.invoke_provider.prompts import prompt_for
from functions.invoke_provider.providers.base import Prompt
from functions.shared.contracts.decision import Candidate, Decision, Profile, RankedModel
from functions.shared.contracts.request import GenerateRequest
from functions.shared.contracts.states import Call, RecordInput
from functions.shared.errors import EngineError

PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "get_weather", "description": "Weather", "parameters": PARAMETERS},
}
TOOL_CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city": "Bern"}'},
}
STARTED_AT_MS = 1_795_000_000_000
_SCORES = dict.fromkeys(("cost", "latency", "quality", "availability", "final"), 0.5)


def called_model(model: str = "gpt-4o-mini", **changes: Any) -> CalledModel:
    fields: dict[str, Any] = {
        "id": model,
        "provider": "openai",
        "provider_model_id": model,
        "api": "chat_completions",
        "tokenizer": "o200k",
        "max_output_tokens": 100,
        "sampling": (),
        "max_temperature": 2,
        "tool_choices": ("auto", "none", "required", "named"),
        "strict_tools": True,
    }
    api = changes.get("api", fields["api"])
    fields |= {
        "min_output_tokens": 16 if api == "responses" else 1,
        "image_detail": api in {"chat_completions", "responses"},
    }
    return CalledModel(**fields | changes)


def candidate(model: str = "gpt-4o-mini", **changes: Any) -> Candidate:
    fields: dict[str, Any] = {
        "model": model,
        "provider": "openai",
        "context_window": 128_000,
        "worst_case_cost_nano_usd": 10_000_000,
    }
    return Candidate.model_validate(fields | changes)


def ranked(model: str = "gpt-4o-mini", **changes: Any) -> RankedModel:
    fields: dict[str, Any] = {
        "model": model,
        "scores": _SCORES,
        "quality": 0.5,
        "estimated_cost_nano_usd": 1_000_000,
        "worst_case_cost_nano_usd": 10_000_000,
        "estimated_latency_ms": 900,
        "p95_latency_ms": 1_800,
        "estimated_output_tokens": 100,
    }
    return RankedModel.model_validate(fields | changes)


def decision(*candidates: RankedModel, **changes: Any) -> Decision:
    """With the model of `ranked()` unless others are given."""
    fields: dict[str, Any] = {
        "candidates": list(candidates) or [ranked()],
        "excluded": [],
        "baseline_model": "gpt-4o",
        "price_version": "1",
        "policy_version": "default-1",
        "score_ms": 1.0,
    }
    return Decision.model_validate(fields | changes)


def caught(error: EngineError) -> dict[str, str]:
    """As the state machine's `Catch` sees it."""
    cause = json.dumps({"errorMessage": str(error), "stackTrace": []})
    return {"Error": type(error).__name__, "Cause": cause}


def called(error: EngineError, **call: Any) -> EngineError:
    """As it leaves the function whose call it ended."""
    error.call = Call.model_validate(call).model_dump(mode="json", by_alias=True, exclude_none=True)
    return error


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


def finished(**changes: Any) -> RecordInput:
    """A request as it is recorded, with the `answer` or the `error` that is given."""
    fields: dict[str, Any] = {"request_id": "req_1", "caller_id": "key-1", "mode": "sync"}
    fields |= {"started_at": "2026-11-24T10:00:00.000Z", "profile": profile()}
    return RecordInput.model_validate(fields | changes)


def prompt(of: CalledModel, task: str = "chat", **fields: Any) -> Prompt:
    """What the model is told of a request with these fields, `Hello?` without any text."""
    body = fields if "messages" in fields or "text" in fields else {"text": "Hello?"} | fields
    return prompt_for(GenerateRequest.model_validate(body), profile(task), of)
