"""Why a model of a decision is where it is, in a sentence for the caller."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TypeVar

from functions.shared.caller import Period
from functions.shared.catalogue.models import load_catalogue
from functions.shared.contracts.decision import Decision, Profile, RankedModel
from functions.shared.contracts.states import json_of
from functions.shared.vocabulary import Frozen, Preference, in_usd

Shown = TypeVar("Shown", bound=Frozen)

_AIM: dict[Preference, str] = {
    "balanced": "on balance",
    "best": "quality first",
    "cheap": "cost first",
    "fast": "speed first",
}

_BUDGET: dict[Period, str] = {
    "day": "the day's budget",
    "month": "the month's budget",
    "total": "the whole budget",
}


def reason_of(model: str, decision: Decision, profile: Profile) -> str:
    """Of a candidate its place and figures, the first one's beside the best in each; of one in
    reserve why it is asked last. Raises `KeyError` for a model that was never to be asked."""
    ranked = decision.ranked(model)
    candidates = decision.candidates
    if ranked in decision.reserve:
        excluded = {one.model: one.reason for one in decision.excluded}
        why = f"as it was {excluded[model]}: {_figures(ranked)}"
        return f"Asked as a last resort for {profile.task}, {why}."
    place = _place(ranked, decision, profile)
    if ranked is candidates[0] and len(candidates) > 1:
        return f"{place}: {_figures_beside(ranked, candidates)}."
    return f"{place}: {_figures(ranked)}."


def described(ranked: RankedModel, profile: Profile) -> dict[str, Any]:
    """All that is known of a ranked model, flat, as accounts of a decision show it but in
    nano-dollars. `provider` is empty for a model that this function's catalogue does not know: while
    a version is being deployed, one function may be ahead of another."""
    fields = json_of(ranked)
    scores = {f"{name}_score": value for name, value in fields.pop("scores").items()}
    shown = {**fields, **scores, "provider": "", "mock": ranked.mock, "estimated_input_tokens": 0}
    with suppress(KeyError):
        model = load_catalogue().get(ranked.model)
        tokens = profile.input_tokens(model.tokenizer)
        shown |= {"provider": model.provider, "estimated_input_tokens": tokens}
    return shown


def choice_of(model: str, decision: Decision, profile: Profile) -> dict[str, Any]:
    """The fields of a `Choice`, and more. Raises `KeyError` as `reason_of` does."""
    return {
        **in_usd(described(decision.ranked(model), profile)),
        "selected_model": model,
        "reason": reason_of(model, decision, profile),
        "task": profile.task,
        "task_source": profile.task_source,
        "task_confidence": profile.task_confidence,
        "policy_version": decision.policy_version,
    }


def narrowed(kind: type[Shown], fields: Mapping[str, Any]) -> Shown:
    """The model of those fields that it has."""
    return kind.model_validate({name: fields[name] for name in kind.model_fields if name in fields})


def _place(ranked: RankedModel, decision: Decision, profile: Profile) -> str:
    guess = " (a guess, so quality weighs more)" if profile.task_unsure else ""
    task = f"for {profile.task}{guess}"
    count = len(decision.candidates)
    number = 1 + decision.candidates.index(ranked)
    if ranked.model in profile.models:
        told = 1 + profile.models.index(ranked.model)
        return f"No. {told} of {len(profile.models)} in the caller's list, {task}"
    if number == 1 and (chosen := _chosen_by(ranked.model, decision, profile)):
        return f"{chosen}, {task}"
    if count == 1:
        return f"The only candidate {task}"
    rank = "Best" if number == 1 else f"No. {number}"
    paid = " that the budget pays for in full" if number == 1 and decision.led_by_budget else ""
    instead = _instead(decision, profile) if number == 1 else ""
    return f"{rank} of {count} candidates {task}{paid}, {_aim(decision, profile)}{instead}"


def _instead(decision: Decision, profile: Profile) -> str:
    """Of what the caller named, where nothing of it may be asked."""
    excluded = {one.model: one.reason for one in decision.excluded}
    out = [f"{model} ({excluded[model]})" for model in profile.named if model in excluded]
    return f", in place of {', '.join(out)}" if out and len(out) == len(profile.named) else ""


def _aim(decision: Decision, profile: Profile) -> str:
    """What is left of a stage's budget tells what others spent: its share is not said."""
    if decision.ranked_as is None:
        return _AIM[profile.model_preference]
    left = decision.routing_context.budgets_left
    limit = left.nearly_used if left else None
    share = f"{limit.used:.0%}".replace("%", " %") if limit and limit.owner == "caller" else "much"
    of_what = _BUDGET[limit.period] if limit else "the budget"
    return f"{_AIM[decision.ranked_as]} as {share} of {of_what} is used"


def _chosen_by(model: str, decision: Decision, profile: Profile) -> str:
    """What put the model first instead of its score; empty where nothing did."""
    if model == profile.model:
        return "Pinned by the caller"
    if model == decision.routing_context.session_model:
        return "Answered this conversation before and stays with it"
    return "Drawn at random to learn from" if decision.explored else ""


def _figures(ranked: RankedModel) -> str:
    return (
        f"about {_usd(ranked.estimated_cost_nano_usd)} and "
        f"{_time(ranked.estimated_latency_ms)}, expected quality {ranked.quality:.2f}"
    )


def _figures_beside(ranked: RankedModel, candidates: list[RankedModel]) -> str:
    cheapest = min(candidates, key=lambda one: (one.estimated_cost_nano_usd, one.model))
    quickest = min(candidates, key=lambda one: (one.estimated_latency_ms, one.model))
    ablest = min(candidates, key=lambda one: (-one.quality, one.model))
    cost = speed = quality = ""
    if ranked.estimated_cost_nano_usd > cheapest.estimated_cost_nano_usd:
        cost = f"{_usd(cheapest.estimated_cost_nano_usd)} with {cheapest.model}"
    if ranked.estimated_latency_ms > quickest.estimated_latency_ms:
        speed = f"{_time(quickest.estimated_latency_ms)} with {quickest.model}"
    if ranked.quality < ablest.quality:
        quality = f"{ablest.quality:.2f} with {ablest.model}"
    return (
        f"about {_usd(ranked.estimated_cost_nano_usd)} ({cost or 'the cheapest'}), "
        f"{_time(ranked.estimated_latency_ms)} ({speed or 'the quickest'}), "
        f"expected quality {ranked.quality:.2f} ({quality or 'the highest'})"
    )


def _usd(nano_usd: int) -> str:
    """Two significant digits are all that an estimate has."""
    if not nano_usd:
        return "0 USD"
    digits = max(0, 10 - len(str(nano_usd)))
    return f"{nano_usd / 1e9:.{digits + 1}f}".rstrip("0").rstrip(".") + " USD"


def _time(latency_ms: int) -> str:
    return f"{latency_ms / 1000:.1f} s" if latency_ms >= 1000 else f"{latency_ms} ms"
