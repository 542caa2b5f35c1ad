"""What a caller gets."""

from __future__ import annotations

from typing import Literal

from functions.shared.contracts.decision import Exclusion
from functions.shared.contracts.request import ToolCall
from functions.shared.vocabulary import (
    Frozen,
    Score,
    Task,
    Usd,
)


class CandidateSummary(Frozen):
    model: str
    provider: str
    final_score: Score
    estimated_cost_usd: Usd
    estimated_latency_ms: int


class Fallback(Frozen):
    model: str
    provider: str
    error: str
    elapsed_ms: int


class DroppedParameter(Frozen):
    """A parameter of the request that the model did not get as it was sent, and why."""

    parameter: str
    reason: str


class Routing(Frozen):
    selected_model: str
    provider: str
    reason: str
    task: Task
    task_source: Literal["caller", "classifier"]
    task_confidence: Score
    cost_score: Score
    latency_score: Score
    quality_score: Score
    availability_score: Score
    final_score: Score
    policy_version: str
    prompt_version: str
    dropped_parameters: list[DroppedParameter]
    candidates: list[CandidateSummary]
    excluded: list[Exclusion]
    fallbacks: list[Fallback]


class AnswerUsage(Frozen):
    """`input_tokens` counts all of the input, `cached_input_tokens` the part of it read from a cache.

    All parts that are priced stand in the request log, with the attempt.
    """

    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    total_cost_usd: Usd
    usage_source: Literal["provider", "estimated"]
    baseline_model: str
    baseline_cost_usd: Usd
    savings_usd: Usd
    price_version: str


class Performance(Frozen):
    total_time_ms: int
    routing_time_ms: int
    inference_time_ms: int


class Answer(Frozen):
    """The body of a 200 and the `result` of a finished job."""

    success: Literal[True] = True
    result: str
    request_id: str
    execution_id: str
    cached: bool = False
    mock: bool
    tool_calls: list[ToolCall]
    finish_reason: Literal["stop", "length", "tool_calls"]
    routing: Routing
    usage: AnswerUsage
    performance: Performance
