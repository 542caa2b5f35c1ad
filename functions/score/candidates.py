"""The selection as the next states need it: what was expected of each model, and how to call it."""

from __future__ import annotations

from functions.score.options import output_limit
from functions.score.selection import Scored
from functions.shared.catalogue.models import Model
from functions.shared.contracts.decision import Candidate, Profile, RankedModel


def candidate_of(ranked: RankedModel, model: Model, profile: Profile) -> Candidate:
    return Candidate(
        model=ranked.model,
        provider=ranked.provider,
        function="simulator" if ranked.mock else ranked.provider,
        context_window=model.context_window,
        max_output_tokens=output_limit(model, profile),
        worst_case_cost_nano_usd=ranked.worst_case_cost_nano_usd,
    )


def ranked_of(scored: Scored) -> RankedModel:
    option = scored.option
    return RankedModel(
        model=option.model.id,
        provider=option.model.provider,
        mock=option.mock,
        cost_score=round(scored.cost, 4),
        latency_score=round(scored.latency, 4),
        quality_score=round(scored.quality, 4),
        availability_score=round(scored.availability, 4),
        final_score=scored.final,
        quality=round(option.quality, 4),
        estimated_cost_nano_usd=option.cost_nano_usd,
        worst_case_cost_nano_usd=option.worst_case_nano_usd,
        estimated_latency_ms=option.latency_ms,
        p95_latency_ms=option.p95_ms,
        estimated_input_tokens=option.input_tokens,
        estimated_output_tokens=option.output_tokens,
    )
