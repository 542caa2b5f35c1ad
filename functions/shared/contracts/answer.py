"""What a caller gets."""

from __future__ import annotations

from typing import Any, Literal, cast

from pydantic import GetJsonSchemaHandler, SerializerFunctionWrapHandler, model_serializer
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from functions.shared.contracts.decision import Exclusion
from functions.shared.contracts.request import ToolCall
from functions.shared.vocabulary import Count, Frozen, NanoUsd, Score, Task, TaskSource, Usd, Zero


class CandidateSummary(Frozen):
    model: str
    provider: str
    final_score: Score
    estimated_cost_usd: Usd
    estimated_latency_ms: Count


class Fallback(Frozen):
    model: str
    provider: str
    error: str
    elapsed_ms: Count


class DroppedParameter(Frozen):
    """A parameter of the request that the model did not get as it was sent, and why."""

    parameter: str
    reason: str


class PrintedScores(Frozen):
    cost_score: Score
    latency_score: Score
    quality_score: Score
    availability_score: Score
    final_score: Score


class Chosen(Frozen):
    selected_model: str
    provider: str
    reason: str
    task: Task
    task_source: TaskSource
    task_confidence: Score


class Choice(PrintedScores, Chosen):
    """What every account of a decision says of the model that it is for, and of the task."""

    policy_version: str


class Routing(Choice):
    """`candidates` and `excluded` only where the request asks for an explanation."""

    prompt_version: str
    dropped_parameters: list[DroppedParameter]
    candidates: list[CandidateSummary] | None = None
    excluded: list[Exclusion] | None = None
    fallbacks: list[Fallback]


class _NamingNoBaseline(Frozen):
    """States leave out what is null; where nothing was chosen that says something."""

    @model_serializer(mode="wrap")
    def _naming_no_baseline(self, fields: SerializerFunctionWrapHandler) -> dict[str, Any]:
        told: dict[str, Any] = fields(self)
        return {"baseline_model": None} | told

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Of its fields: a serializer would be taken for all that is known of it."""
        fields: dict[str, Any] = {**core_schema}
        fields.pop("serialization")
        return handler(cast(CoreSchema, fields))


class BilledUsage(_NamingNoBaseline):
    """`input_tokens` counts all of the input, `cached_input_tokens` the part of it read from a cache.

    `cache_write_tokens` is the part that was written to one, `reasoning_tokens` the part of `output_tokens` that
    nobody sees; both are left out where they are 0.
    All parts that are priced stand in the request log, with the attempt. `total_cost_nano_usd` is what
    providers bill for all attempts; what they may bill for answers that never came, and what nobody bills
    for simulated ones, stand apart. Cost and estimated savings add up to the baseline's cost: that of
    `baseline_model` for the same tokens, or the cost itself where no model was chosen. `price_version` is
    of the table that made the amounts.
    """

    input_tokens: Count
    cached_input_tokens: Count
    output_tokens: Count
    cache_write_tokens: Zero = 0
    reasoning_tokens: Zero = 0
    total_cost_nano_usd: NanoUsd
    possibly_billed_nano_usd: NanoUsd = 0
    simulated_cost_nano_usd: NanoUsd = 0
    usage_source: Literal["provider", "estimated"]
    baseline_model: str | None
    baseline_cost_nano_usd: NanoUsd
    savings_nano_usd: int
    price_version: str


class AnswerUsage(_NamingNoBaseline):
    """A `BilledUsage` as the caller sees it."""

    input_tokens: Count
    cached_input_tokens: Count
    output_tokens: Count
    cache_write_tokens: Zero = 0
    reasoning_tokens: Zero = 0
    total_cost_usd: Usd
    possibly_billed_usd: Usd
    simulated_cost_usd: Usd
    usage_source: Literal["provider", "estimated"]
    baseline_model: str | None
    baseline_cost_usd: Usd
    savings_usd: Usd
    price_version: str


class Performance(Frozen):
    total_time_ms: Count
    routing_time_ms: Count
    inference_time_ms: Count


FinishReason = Literal["stop", "length", "tool_calls"]


class Answer(Frozen):
    """The body of a 200 and the `result` of a finished job."""

    success: Literal[True] = True
    result: str
    request_id: str
    execution_id: str
    cached: bool = False
    mock: bool
    tool_calls: list[ToolCall]
    finish_reason: FinishReason
    routing: Routing
    usage: AnswerUsage
    performance: Performance


class EmbeddingAnswer(Frozen):
    """The same with `vectors`, each packed, in the order of the inputs."""

    success: Literal[True] = True
    vectors: list[str]
    request_id: str
    execution_id: str
    cached: bool = False
    mock: bool
    routing: Routing
    usage: AnswerUsage
    performance: Performance


class AcceptedJob(Frozen):
    """The body of a 202, as `statemachine/submit.asl.json` writes it."""

    execution_id: str
    status: Literal["RUNNING"]
    status_url: str
