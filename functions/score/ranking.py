"""Orders the eligible models for one request. Pure: the same arguments give the same ranking."""

from __future__ import annotations

from functions.score.affordability import refusal, weigh
from functions.score.candidates import ranked_of
from functions.score.options import Option, Out, options_of, retirement
from functions.score.refusals import no_eligible_model
from functions.score.selection import Selection, select
from functions.shared.catalogue.models import Catalogue
from functions.shared.catalogue.pricing import price_version
from functions.shared.contracts.decision import Decision, Exclusion, Profile, RoutingContext, Shadow
from functions.shared.errors import (
    EngineError,
    Forbidden,
    InvalidRequest,
    NotFound,
    problem_at,
)
from functions.shared.gateway.field_names import nearest
from functions.shared.policy.routing_policy import Policy
from functions.shared.times import utc
from functions.shared.vocabulary import Preference


def rank(
    profile: Profile, catalogue: Catalogue, policy: Policy, routing_context: RoutingContext
) -> Decision:
    """Candidates best first, every other model with the reason why it is out.

    A named model that cannot be asked is out with its reason, and others are asked where the request lets
    them follow. Raises `NotFound` for an unknown named model, `Forbidden` for one that the caller may not
    ask, `InvalidRequest` where nothing else may be asked than retired ones, `NoEligibleModel` where nothing
    is left, and `BudgetExceeded` or `TokensExceeded` where only a budget keeps it from being asked.
    """
    _check_named(profile, catalogue)
    options, excluded = _eligible(profile, catalogue, policy, routing_context)
    ranked_as = None
    if profile.caller.is_limited:
        options, excluded = _paid_for(options, excluded, profile, routing_context)
        ranked_as = _lowered_preference(options, profile, routing_context)
    ranked_for = (
        profile.model_copy(update={"model_preference": ranked_as}) if ranked_as else profile
    )
    selection = select(options, ranked_for, policy, routing_context)
    excluded += [
        Exclusion(model=model, reason=reason) for model, reason in selection.left_out.items()
    ]
    return Decision(
        candidates=[ranked_of(one) for one in selection.asked],
        reserve=[ranked_of(one) for one in selection.reserve],
        excluded=sorted(excluded, key=lambda one: one.model),
        baseline_model=_baseline(profile, selection, routing_context),
        price_version=price_version(),
        policy_version=policy.version,
        explored=selection.explored,
        propensity=round(selection.propensity, 6),
        ranked_as=ranked_as,
        led_by_budget=selection.led_by_budget,
        routing_context=routing_context,
    )


def _eligible(
    profile: Profile, catalogue: Catalogue, policy: Policy, routing_context: RoutingContext
) -> tuple[list[Option], list[Exclusion]]:
    """Without a look at the caller's budgets. Raises `NoEligibleModel` where nothing is left."""
    options, outs = options_of(profile, catalogue, policy, routing_context)
    if not _may_go_on(profile, options):
        reason = "not among the models of the request" if profile.models else _OTHER_PINNED
        outs, options = outs + [Out(one.model, "named", reason) for one in options], []
    if not options:
        raise no_eligible_model(outs, profile)
    return options, [one.exclusion for one in outs]


def _paid_for(
    options: list[Option],
    excluded: list[Exclusion],
    profile: Profile,
    routing_context: RoutingContext,
) -> tuple[list[Option], list[Exclusion]]:
    """Raises what the budgets end the request with, where they pay for none that it may go on with."""
    within, beyond = weigh(options, profile, routing_context)
    if not within or not _may_go_on(profile, within):
        named = [one for one in beyond if one.option.model.id in profile.named]
        decisive = named if named and not profile.fallback else beyond
        raise refusal(decisive, excluded, routing_context)
    return within, excluded + [one.exclusion for one in beyond]


def _lowered_preference(
    options: list[Option], profile: Profile, routing_context: RoutingContext
) -> Preference | None:
    """What the caller's preference becomes where much of a budget is used; None where it stays. What the
    caller names is asked as it is named."""
    left = routing_context.budgets_left
    is_lowered = (
        left is not None and left.nearly_used is not None and not _has_named(profile, options)
    )
    return "cheap" if is_lowered and profile.model_preference != "cheap" else None


_OTHER_PINNED = "another model is pinned"


def _may_go_on(profile: Profile, options: list[Option]) -> bool:
    """Where the request lets no others follow, one that it names must be among those that may be asked."""
    return not profile.named or profile.fallback or _has_named(profile, options)


def _has_named(profile: Profile, options: list[Option]) -> bool:
    return any(one.model.id in profile.named for one in options)


def _baseline(
    profile: Profile, selection: Selection, routing_context: RoutingContext
) -> str | None:
    """What would have been asked without routing: nothing else, where the caller or the conversation has
    named its model; else what the stage names, or the best of those that may be asked."""
    first = selection.asked[0].option.model.id
    if first in {*profile.named, routing_context.session_model}:
        return None
    if profile.vectors:
        # The stage names a model that answers with texts.
        return selection.ablest
    return routing_context.savings_baseline or selection.ablest


def shadow_of(
    profile: Profile, catalogue: Catalogue, policy: Policy, routing_context: RoutingContext
) -> Shadow | None:
    """What another policy would have chosen; None where it would have found nothing."""
    try:
        first = rank(profile, catalogue, policy, routing_context).candidates[0]
    except EngineError:
        return None
    return Shadow(
        policy_version=policy.version,
        selected_model=first.model,
        estimated_cost_nano_usd=first.estimated_cost_nano_usd,
        estimated_latency_ms=first.estimated_latency_ms,
        quality=first.quality,
    )


def _check_named(profile: Profile, catalogue: Catalogue) -> None:
    """Every unknown one is told, else every one that is not the caller's to ask, else every retired one where
    there is nothing else to ask."""
    fields = {"model": profile.model} if profile.model is not None else {}
    fields |= {f"models.{index}": model for index, model in enumerate(profile.models)}
    ids = [model.id for model in catalogue.models]
    unknown = [
        problem_at(field, f"no such model{_hint(model, ids)}")
        for field, model in fields.items()
        if model not in ids
    ]
    if unknown:
        raise NotFound("There is no such model.", details=unknown)
    allowed = profile.caller.models
    forbidden = [
        problem_at(field, f"{model} is not among the models of this caller")
        for field, model in fields.items()
        if allowed and model not in allowed
    ]
    if forbidden:
        raise Forbidden(_headline(forbidden), details=forbidden)
    today = utc(profile.started_at_ms).date()
    retired = {
        field: f"{model} was {retirement(catalogue.get(model), catalogue, today)}"
        for field, model in fields.items()
        if catalogue.get(model).is_retired(today)
    }
    if retired and not profile.fallback and len(retired) == len(fields):
        details = [problem_at(field, told) for field, told in retired.items()]
        raise InvalidRequest(_headline(details), details=details)


def _headline(details: list[dict[str, str]]) -> str:
    return "; ".join(one["problem"] for one in details)


def _hint(model_id: str, ids: list[str]) -> str:
    meant = nearest(model_id, ids)
    return f'; did you mean "{meant}"?' if meant else ""
