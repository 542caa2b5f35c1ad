"""What every way in may ask, beside the text and the model."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)

from functions.shared.attempt_limits import MAX_NAMED
from functions.shared.caller import CacheTtl
from functions.shared.vocabulary import Effort, Preference, Strict, TextTask, Usd

SessionId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,128}$")]

ModelId = Annotated[str, StringConstraints(min_length=1, max_length=100)]


def _distinct(ids: list[str]) -> list[str]:
    if len(set(ids)) < len(ids):
        raise ValueError("names a model twice")
    return ids


StopSequence = Annotated[str, StringConstraints(min_length=1, max_length=256)]

StopSequences = Annotated[
    list[StopSequence],
    Field(max_length=4),
    BeforeValidator(
        lambda stop: [stop] if isinstance(stop, str) else stop,
        json_schema_input_type=StopSequence | Annotated[list[StopSequence], Field(max_length=4)],
    ),
]

Penalty = Annotated[float, Field(ge=-2, le=2)]

TokenId = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,8}$")]


def _number(value: object) -> object:
    """As it came: a union of both kinds would tell of problems in its branches."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")
    return value


Bias = Annotated[
    int | float,
    PlainValidator(_number),
    Field(ge=-100, le=100),
    WithJsonSchema({"type": "number", "minimum": -100, "maximum": 100}),
]

MaxCostUsd = Annotated[
    Usd,
    Field(gt=0, le=1000),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": 1000}),
]

MaxLatencyMs = Annotated[int, Field(ge=1, le=900_000)]

User = Annotated[str, StringConstraints(max_length=512)]

Metadata = Annotated[
    dict[
        Annotated[str, StringConstraints(min_length=1, max_length=64)],
        Annotated[str, StringConstraints(max_length=512)],
    ],
    Field(max_length=16),
]

Verbosity = Literal["low", "medium", "high"]


class Asked(Strict):
    """What is wanted of an answer, whichever route it is asked for by."""

    task: Literal[TextTask, "auto"] = "auto"
    """What is to be done; `auto` has it classified."""
    model_preference: Preference = "balanced"
    """What counts most where several models can answer."""
    max_cost_usd: MaxCostUsd | None = None
    """At most, over all attempts together: a call is made only if the most that it can cost still fits."""
    max_latency_ms: MaxLatencyMs | None = None
    """Until when an answer is of use, from the request's arrival."""
    models: (
        Annotated[
            list[ModelId],
            Field(min_length=1, max_length=MAX_NAMED),
            AfterValidator(_distinct),
            Field(json_schema_extra={"uniqueItems": True}),
        ]
        | None
    ) = None
    """Asked in this order where limits and capabilities allow."""
    fallback: bool | None = None
    """Whether others may be asked than those named; true by default with `model`, false with `models`."""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    stop: StopSequences | None = None
    """One text at which the answer ends, or up to four."""
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: (
        Annotated[
            dict[TokenId, Bias],
            Field(max_length=1024, json_schema_extra={"additionalProperties": False}),
        ]
        | None
    ) = None
    parallel_tool_calls: bool | None = None
    reasoning_effort: Effort | None = None
    verbosity: Verbosity | None = None
    user: User | None = None
    service_tier: Annotated[str, StringConstraints(max_length=64)] | None = None
    """`auto` and `default` are the standard tier, which every call is asked at; any other is left out."""
    n: Literal[1] | None = None
    cache_ttl_seconds: CacheTtl | None = None
    """The answer to the same request is given again for so long; without it the caller's default holds."""
    session_id: SessionId | None = None
    """Keeps a conversation on its model while that is healthy."""
    explain: bool = False
    """Whether the answer tells every candidate and every excluded model."""
    metadata: Metadata | None = None
    """Pairs for the request log."""
