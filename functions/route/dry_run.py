"""What the engine would do with a request, in full; no provider is called and nothing is kept."""

from __future__ import annotations

from typing import Literal

from functions.classify.profiling import profile_request
from functions.score.affordability import told_limit
from functions.score.deciding import decide
from functions.shared.caller import BudgetMode, Caller
from functions.shared.contracts.answer import CandidateSummary, Choice, PrintedScores
from functions.shared.contracts.decision import (
    BudgetsLeft,
    Decision,
    Exclusion,
    Profile,
    RankedModel,
)
from functions.shared.contracts.states import ClassifyInput, json_of
from functions.shared.money.budget_states import TokensState
from functions.shared.policy.explanation import choice_of, described, narrowed, reason_of
from functions.shared.policy.routing_policy import Policy, load_policy
from functions.shared.settings import RouteSettings
from functions.shared.storage.state_table import StateTable
from functions.shared.vocabulary import Count, Frozen, Preference, Score, Usd, in_usd


class RoutedNeed(Frozen):
    """A `BudgetNeed` as the caller sees it. A call may cost at most `overshoot_usd` more than was held."""

    output_limit: Count
    usual_output_tokens: Count
    least_output_tokens: Count
    least_cost_usd: Usd
    held_cost_usd: Usd
    overshoot_usd: Usd


class RoutedModel(CandidateSummary, PrintedScores):
    """A model that would be asked, with what is to be expected of it for this request, and what it needs of
    the budgets of a caller that has any."""

    mock: bool
    reason: str
    quality: Score
    worst_case_cost_usd: Usd
    p95_latency_ms: Count
    estimated_input_tokens: Count
    estimated_output_tokens: Count
    need: RoutedNeed | None = None


class Shares(Frozen):
    """How much each score counted; they sum to 1."""

    cost: Score
    latency: Score
    quality: Score
    availability: Score


class ShadowChoice(Frozen):
    """A `Shadow` as the caller sees it."""

    policy_version: str
    selected_model: str
    estimated_cost_usd: Usd
    estimated_latency_ms: Count
    quality: Score


class RouteDecision(Choice):
    """The keys of an answer's `routing` that are known before a call, and more.

    The scores are the selected model's. `candidates` in the order in which they would be asked,
    `reserve` when all of those had failed. `propensity` is the probability with which the selected
    model was to be the first; `shadow` is there where the stage has a second policy, `ranked_as` where so
    much of a budget is used that another preference decides, and `budgets` where the caller has limits.
    """

    price_version: str
    weights: Shares
    baseline_model: str | None = None
    candidates: list[RoutedModel]
    reserve: list[RoutedModel]
    excluded: list[Exclusion]
    propensity: Score
    shadow: ShadowChoice | None = None
    ranked_as: Preference | None = None
    budgets: ShownBudgets | None = None


class ShownLimit(Frozen):
    """What is left of a limit on money; without amounts where all callers share it."""

    limit: str
    limit_usd: Usd | None = None
    left_usd: Usd | None = None
    renews_at: str | None = None


class ShownBudgets(Frozen):
    """What was known of the caller's budgets."""

    mode: BudgetMode
    limits: list[ShownLimit]
    tokens_per_minute: TokensState | None = None


class RoutePerformance(Frozen):
    routing_time_ms: Count


class DryRun(Frozen):
    """The body of a 200."""

    success: Literal[True] = True
    request_id: str
    routing: RouteDecision
    performance: RoutePerformance


def dry_run(event: ClassifyInput, settings: RouteSettings, state: StateTable) -> DryRun:
    """Raises what the states Classify and Score raise."""
    profile = profile_request(event, settings).profile
    decision = decide(profile, settings, state).decision
    routing_time_ms = round(profile.classify_ms + decision.score_ms)
    return DryRun(
        request_id=event.request_id,
        routing=_route_decision(profile, decision, load_policy(settings.ROUTING_POLICY)),
        performance=RoutePerformance(routing_time_ms=routing_time_ms),
    )


def _route_decision(profile: Profile, decision: Decision, policy: Policy) -> RouteDecision:
    least_quality = policy.unsure_quality_share if profile.task_unsure else 0.0
    shown = {
        **json_of(decision),
        **choice_of(decision.candidates[0].model, decision, profile),
        "weights": policy.weights[decision.ranked_as or profile.model_preference].shares(
            least_quality
        ),
        "candidates": [_routed(one, decision, profile) for one in decision.candidates],
        "reserve": [_routed(one, decision, profile) for one in decision.reserve],
        "shadow": in_usd(json_of(decision.shadow)) if decision.shadow else None,
        "budgets": _budgets(decision.routing_context.budgets_left, profile.caller),
    }
    return narrowed(RouteDecision, shown)


def _budgets(left: BudgetsLeft | None, caller: Caller) -> ShownBudgets | None:
    if left is None:
        return None
    return ShownBudgets(
        mode=caller.mode,
        limits=[narrowed(ShownLimit, told_limit(one)) for one in left.money],
        tokens_per_minute=(
            TokensState(limit=left.tokens.limit, left=left.tokens.left) if left.tokens else None
        ),
    )


def _routed(ranked: RankedModel, decision: Decision, profile: Profile) -> RoutedModel:
    shown = described(ranked, profile)
    if need := ranked.need:
        over = max(0, ranked.worst_case_cost_nano_usd - need.held_cost_nano_usd)
        overshoot = over if need.held_cost_nano_usd else 0
        shown["need"] = {**shown["need"], "overshoot_nano_usd": overshoot}
    reason = reason_of(ranked.model, decision, profile)
    return narrowed(RoutedModel, {**in_usd(shown), "reason": reason})
