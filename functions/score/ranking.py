"""Filters and ranks the catalogue for one request. Pure: the same profile gives the same ranking."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from functions.shared.catalogue import Catalogue, Model
from functions.shared.contracts import Candidate, Exclusion, Preference, Profile, ScoreOutput, Task
from functions.shared.errors import InvalidRequest, NoEligibleModel, NotFound
from functions.shared.pricing import UnpricedModel, Usage, cost_usd, price_version
from functions.shared.settings import NO_CREDENTIALS, ScoreSettings

EXPECTED_OUTPUT_TOKENS: dict[Task, int] = {
    "summarize": 200,
    "sentiment": 30,
    "rewrite": 400,
    "chat": 350,
    "code": 700,
    "analysis": 500,
    "tools": 120,
}
"""Until a task has a history of its own."""

DEFAULT_MAX_OUTPUT_TOKENS = 4_096
"""Also bounds the worst case; providers reserve capacity by it."""

AVAILABILITY_PRIOR = 1.0
"""Every provider counts as up until live health says otherwise."""

LEAST_ERROR_RATE = 0.05
"""Public rankings do not tell the best models apart more finely than this."""

LEAST_COST_USD = Decimal("0.00001")
LEAST_LATENCY_MS = 100
"""Nobody cares for less, and a model that runs here for nothing must not make all others look alike."""

UNSURE_QUALITY_SHARE = 0.4
"""At least this much weight goes to quality where the task is only guessed."""

_OWN_SHARE = 0.6
_WEIGHED = ("cost", "latency", "quality", "availability")
_FAVOURITE: dict[Preference, str] = {"cheap": "cost", "fast": "latency", "best": "quality"}


def weights_of(preference: Preference, *, task_unsure: bool = False) -> dict[str, float]:
    """60 % for the preference's own score and the rest shared equally; `balanced` weighs all alike.

    An unsure task routes up: quality gets its least share, and the others keep their proportions.
    """
    favourite = _FAVOURITE.get(preference)
    rest = (1 - _OWN_SHARE) / (len(_WEIGHED) - 1)
    weights = {name: _OWN_SHARE if name == favourite else rest for name in _WEIGHED}
    if favourite is None:
        weights = dict.fromkeys(_WEIGHED, 1 / len(_WEIGHED))
    quality = weights["quality"]
    if not task_unsure or quality >= UNSURE_QUALITY_SHARE:
        return weights
    scale = (1 - UNSURE_QUALITY_SHARE) / (1 - quality)
    return {name: share * scale for name, share in weights.items()} | {
        "quality": UNSURE_QUALITY_SHARE
    }


@dataclass(frozen=True)
class _Option:
    model: Model
    mock: bool
    output_limit: int
    cost_usd: Decimal
    worst_case_usd: Decimal
    latency_ms: int
    error_rate: float


@dataclass(frozen=True)
class _Best:
    """The best figure of each kind among the options."""

    cost_usd: Decimal
    latency_ms: int
    error_rate: float


def rank(profile: Profile, catalogue: Catalogue, settings: ScoreSettings) -> ScoreOutput:
    """Candidates best first, every other model with the reason why it is out.

    Raises `NotFound` for an unknown pinned model, `InvalidRequest` for a retired one, and
    `NoEligibleModel` where nothing is left.
    """
    began = time.perf_counter()
    today = datetime.fromtimestamp(profile.started_at_ms / 1000, UTC).date()
    if profile.model is not None:
        _check_pin(profile.model, catalogue, today)
    options: list[_Option] = []
    excluded: list[Exclusion] = []
    for model in catalogue.models:
        found = (
            f"retired on {model.retires_on}"
            if model.is_retired(today)
            else _option(model, profile, settings)
        )
        if isinstance(found, str):
            excluded.append(Exclusion(model=model.id, reason=found))
        else:
            options.append(found)
    ranked = _ranked(options, profile)
    if profile.model is not None:
        ranked, out = _pinned(ranked, profile)
        excluded += out
    if not profile.fallback:
        excluded += [Exclusion(model=one.model, reason="fallback is off") for one in ranked[1:]]
        ranked = ranked[:1]
    if not ranked:
        details = [item.model_dump() for item in excluded]
        raise NoEligibleModel("The request's limits exclude every model.", details=details)
    return ScoreOutput(
        candidates=ranked,
        excluded=excluded,
        baseline_model=max(ranked, key=lambda one: (one.estimated_cost_usd, one.model)).model,
        price_version=price_version(),
        score_ms=round((time.perf_counter() - began) * 1000, 3),
    )


def _check_pin(model_id: str, catalogue: Catalogue, today: date) -> None:
    try:
        model = catalogue.get(model_id)
    except KeyError:
        problem = {"field": "model", "problem": "not in the catalogue"}
        raise NotFound("There is no such model.", details=[problem]) from None
    if model.is_retired(today):
        successor = catalogue.live_successor(model_id, today).id
        problem = {
            "field": "model",
            "problem": f"{model_id} was retired on {model.retires_on}; use {successor}",
        }
        raise InvalidRequest("The pinned model is retired.", details=[problem])


def _option(model: Model, profile: Profile, settings: ScoreSettings) -> _Option | str:
    """The model as an option for this request, or the reason why it is none."""
    mock = settings.is_mock(model.provider, pinned=profile.model == model.id)
    if mock is None:
        return NO_CREDENTIALS
    if profile.task not in model.quality:
        return f"does not serve the task {profile.task}"
    output_limit = _output_limit(model, profile)
    expected = min(EXPECTED_OUTPUT_TOKENS[profile.task], output_limit)
    unfit = _unfit(model, profile, output_limit)
    if unfit is not None:
        return unfit
    try:
        cost = _cost(model, profile.estimated_input_tokens, expected)
        worst_case = _cost(model, profile.estimated_input_tokens, output_limit)
    except UnpricedModel:
        return "has no known price"
    latency_ms = round(
        model.time_to_first_token_ms + 1000 * expected / model.output_tokens_per_second
    )
    # Which task it is may be a guess: then the model should be good at any.
    quality = min(model.quality.values()) if profile.task_unsure else model.quality[profile.task]
    error_rate = max(LEAST_ERROR_RATE, 1 - quality)
    option = _Option(model, mock, output_limit, cost, worst_case, latency_ms, error_rate)
    return _over_limit(option, profile) or option


def _output_limit(model: Model, profile: Profile) -> int:
    allowed = profile.max_output_tokens or DEFAULT_MAX_OUTPUT_TOKENS
    # The form of a sentiment is short, whatever the caller allows.
    is_clipped = profile.max_output_tokens is None or profile.task == "sentiment"
    return min(allowed, model.max_output_tokens) if is_clipped else allowed


def _unfit(model: Model, profile: Profile, output_limit: int) -> str | None:
    """Why the model cannot serve the request at any price."""
    missing = [need for need in profile.required_capabilities if need not in model.capabilities]
    if missing:
        return f"does not support {', '.join(missing)}"
    if output_limit > model.max_output_tokens:
        return f"answers with at most {model.max_output_tokens} tokens"
    if profile.estimated_input_tokens + output_limit > model.context_window:
        return f"context window of {model.context_window} tokens is too small"
    return None


def _over_limit(option: _Option, profile: Profile) -> str | None:
    """Which of the caller's limits the model would break."""
    if profile.max_cost_usd is not None and option.worst_case_usd > profile.max_cost_usd:
        return f"may cost {option.worst_case_usd:f} USD, over the limit of {profile.max_cost_usd:f}"
    if profile.max_latency_ms is not None and option.latency_ms > profile.max_latency_ms:
        return f"takes about {option.latency_ms} ms, over the limit of {profile.max_latency_ms}"
    return None


def _cost(model: Model, input_tokens: int, output_tokens: int) -> Decimal:
    return cost_usd(model.id, Usage(input_tokens=input_tokens, output_tokens=output_tokens))


def _ranked(options: list[_Option], profile: Profile) -> list[Candidate]:
    if not options:
        return []
    cheapest = max(LEAST_COST_USD, min(option.cost_usd for option in options))
    quickest = max(LEAST_LATENCY_MS, min(option.latency_ms for option in options))
    surest = min(option.error_rate for option in options)
    best = _Best(cheapest, quickest, surest)
    weights = weights_of(profile.model_preference, task_unsure=profile.task_unsure)
    candidates = [_candidate(option, best, weights, profile) for option in options]
    # The id makes the order total: equal scores never depend on the catalogue's order.
    return sorted(candidates, key=lambda one: (-one.final_score, one.estimated_cost_usd, one.model))


def _candidate(
    option: _Option, best: _Best, weights: dict[str, float], profile: Profile
) -> Candidate:
    # Each is the best one's figure over the model's own: half as good scores half as much.
    scores = {
        "cost": float(best.cost_usd / max(option.cost_usd, LEAST_COST_USD)),
        "latency": best.latency_ms / max(option.latency_ms, LEAST_LATENCY_MS),
        "quality": best.error_rate / option.error_rate,
        "availability": AVAILABILITY_PRIOR,
    }
    final = sum(weights[name] * score for name, score in scores.items())
    model = option.model
    return Candidate(
        model=model.id,
        provider=model.provider,
        provider_model_id=model.provider_model_id,
        api=model.api,
        function="simulator" if option.mock else model.provider,
        mock=option.mock,
        context_window=model.context_window,
        max_output_tokens=option.output_limit,
        sampling=list(model.sampling),
        max_temperature=model.max_temperature,
        tool_choices=list(model.tool_choices),
        # Both mean that the provider holds the model to a schema.
        strict_tools="json_schema" in model.capabilities,
        effort_with_tools=model.effort_with_tools,
        reason=_reason(option, final, profile),
        final_score=round(min(final, 1.0), 4),
        estimated_cost_usd=option.cost_usd,
        worst_case_cost_usd=option.worst_case_usd,
        estimated_latency_ms=option.latency_ms,
        **{f"{name}_score": round(score, 4) for name, score in scores.items()},
    )


def _reason(option: _Option, final: float, profile: Profile) -> str:
    wish = "pinned by the caller" if profile.model == option.model.id else profile.model_preference
    guess = " (a guess, so that quality weighs more)" if profile.task_unsure else ""
    return (
        f"{wish}: score {final:.3f} for {profile.task}{guess}, at about {option.cost_usd.normalize():f} USD "
        f"and {option.latency_ms} ms, quality {option.model.quality[profile.task]:.2f}"
    )


def _pinned(ranked: list[Candidate], profile: Profile) -> tuple[list[Candidate], list[Exclusion]]:
    """The pinned model first; the others only behind it, as its fallbacks."""
    pinned = [one for one in ranked if one.model == profile.model]
    others = [one for one in ranked if one.model != profile.model]
    if pinned:
        return pinned + others, []
    return [], [Exclusion(model=one.model, reason="another model is pinned") for one in others]
