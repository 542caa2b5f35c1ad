"""The selection as the next states need it: what was expected of each model, and how to call it."""

from __future__ import annotations

from functions.score.selection import Scored
from functions.shared.catalogue.models import Model
from functions.shared.contracts.decision import Candidate, RankedModel, Scores


def candidate_of(ranked: RankedModel, model: Model) -> Candidate:
    return Candidate(
        model=ranked.model,
        provider=model.provider,
        mock=ranked.mock,
        context_window=model.context_window,
        worst_case_cost_nano_usd=ranked.worst_case_cost_nano_usd,
        **_needed(ranked),
    )


def _needed(ranked: RankedModel) -> dict[str, int]:
    return ranked.need.model_dump(exclude={"held_cost_nano_usd"}) if ranked.need else {}


def ranked_of(scored: Scored) -> RankedModel:
    option = scored.option
    return RankedModel(
        model=option.model.id,
        mock=option.mock,
        scores=Scores(
            cost=round(scored.cost, 4),
            latency=round(scored.latency, 4),
            quality=round(scored.quality, 4),
            availability=round(scored.availability, 4),
            final=scored.final,
        ),
        quality=round(option.quality, 4),
        estimated_cost_nano_usd=option.cost_nano_usd,
        worst_case_cost_nano_usd=option.worst_case_nano_usd,
        estimated_latency_ms=option.latency_ms,
        p95_latency_ms=option.p95_ms,
        estimated_output_tokens=option.output_tokens,
        need=option.need,
    )
