"""A kept answer, as the answer to another request that asked the same."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from functions.shared.contracts.answer import (
    Answer,
    AnswerUsage,
    BilledUsage,
    EmbeddingAnswer,
    Performance,
)
from functions.shared.contracts.decision import Profile
from functions.shared.contracts.states import CachedFrom, LoggedAnswer, json_of
from functions.shared.vocabulary import in_usd, nano_usd


def given_again(
    kept: Mapping[str, Any], profile: Profile, now_ms: float
) -> tuple[dict[str, Any], LoggedAnswer]:
    """The answer's body, and what the request log keeps of it. Nobody bills it: what it would have cost on the
    baseline, or did cost where nothing was chosen, is saved."""
    first, routing = kept["request_id"], kept["routing"]
    logged = LoggedAnswer(
        mock=kept["mock"],
        finish_reason=kept.get("finish_reason", "stop"),
        usage=_unbilled(kept["usage"]),
        performance=Performance(
            total_time_ms=max(0, round(now_ms - profile.started_at_ms)),
            routing_time_ms=round(profile.classify_ms),
            inference_time_ms=0,
        ),
        cached_from=CachedFrom(
            request_id=first, model=routing["selected_model"], provider=routing["provider"]
        ),
    )
    reason = f"The answer to {first} is given again. It was: {routing['reason']}"
    of_this_request = {
        "request_id": profile.request_id,
        "execution_id": profile.request_id,
        "cached": True,
        "routing": {**routing, "reason": reason, "fallbacks": []},
        "usage": AnswerUsage.model_validate(in_usd(json_of(logged.usage))),
        "performance": logged.performance,
    }
    kind = EmbeddingAnswer if "vectors" in kept else Answer
    return json_of(kind.model_validate({**kept, **of_this_request})), logged


def _unbilled(usage: Mapping[str, Any]) -> BilledUsage:
    saved = nano_usd(Decimal(str(usage["baseline_cost_usd"])))
    return BilledUsage(
        input_tokens=usage["input_tokens"],
        cached_input_tokens=usage["cached_input_tokens"],
        output_tokens=usage["output_tokens"],
        cache_write_tokens=usage.get("cache_write_tokens", 0),
        reasoning_tokens=usage.get("reasoning_tokens", 0),
        total_cost_nano_usd=0,
        usage_source=usage["usage_source"],
        baseline_model=usage["baseline_model"],
        baseline_cost_nano_usd=saved,
        savings_nano_usd=saved,
        price_version=usage["price_version"],
    )
