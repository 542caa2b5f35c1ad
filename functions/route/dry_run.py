"""What the engine would do with a request, in full; no provider is called and nothing is kept."""

from __future__ import annotations

from typing import Literal

from functions.classify.profiling import profile_request
from functions.score.deciding import decide
from functions.shared.contracts.answer import CandidateSummary, Choice, PrintedScores
from functions.shared.contracts.decision import Decision, Exclusion, Profile, RankedModel
from functions.shared.contracts.states import ClassifyInput, json_of
from functions.shared.policy.explanation import choice_of, described, narrowed, reason_of
from functions.shared.policy.routing_policy import Policy, load_policy
from functions.shared.settings import RouteSettings
from functions.shared.storage.state_table import StateTable
from functions.shared.vocabulary import Count, Frozen, Score, Usd, in_usd


class RoutedModel(CandidateSummary, PrintedScores):
    """A model that would be asked, with what is to be expected of it for this request."""

    mock: bool
    reason: str
    quality: Score
    worst_case_cost_usd: Usd
    p95_latency_ms: Count
    estimated_input_tokens: Count
    estimated_output_tokens: Count


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
    model was to be the first; `shadow` is there where the stage has a second policy.
    """

    price_version: str
    weights: Shares
    baseline_model: str | None = None
    candidates: list[RoutedModel]
    reserve: list[RoutedModel]
    excluded: list[Exclusion]
    propensity: Score
    shadow: ShadowChoice | None


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
        "weights": policy.weights[profile.model_preference].shares(least_quality),
        "candidates": [_routed(one, decision, profile) for one in decision.candidates],
        "reserve": [_routed(one, decision, profile) for one in decision.reserve],
        "shadow": in_usd(json_of(decision.shadow)) if decision.shadow else None,
    }
    return narrowed(RouteDecision, shown)


def _routed(ranked: RankedModel, decision: Decision, profile: Profile) -> RoutedModel:
    reason = reason_of(ranked.model, decision, profile)
    return narrowed(RoutedModel, {**in_usd(described(ranked, profile)), "reason": reason})
