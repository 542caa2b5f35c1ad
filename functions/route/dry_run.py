"""What the engine would do with a request, in full; no provider is called and nothing is kept."""

from __future__ import annotations

from typing import Literal

from functions.classify.profiling import profile_request
from functions.score.deciding import decide
from functions.shared.contracts.decision import Candidate, Exclusion, Profile, ScoreOutput, Shadow
from functions.shared.contracts.states import ClassifyInput
from functions.shared.policy.routing_policy import Policy, load_policy
from functions.shared.settings import RouteSettings
from functions.shared.storage.state_table import StateTable
from functions.shared.vocabulary import Count, Frozen, Score, Task, Usd

_SCORES = {f"{name}_score" for name in ("cost", "latency", "quality", "availability", "final")}


class RoutedModel(Frozen):
    """A model that would be asked, with what is to be expected of it for this request."""

    model: str
    provider: str
    mock: bool
    reason: str
    cost_score: Score
    latency_score: Score
    quality_score: Score
    availability_score: Score
    final_score: Score
    quality: Score
    estimated_cost_usd: Usd
    worst_case_cost_usd: Usd
    estimated_latency_ms: Count
    p95_latency_ms: Count
    estimated_input_tokens: Count
    estimated_output_tokens: Count


class Shares(Frozen):
    """How much each score counted; they sum to 1."""

    cost: Score
    latency: Score
    quality: Score
    availability: Score


class Decision(Frozen):
    """The keys of an answer's `routing` that are known before a call, and more.

    The scores are the selected model's. `candidates` in the order in which they would be asked,
    `reserve` when all of those had failed. `propensity` is the probability with which the selected
    model was to be the first; `shadow` is there where the stage has a second policy.
    """

    selected_model: str
    provider: str
    reason: str
    task: Task
    task_source: Literal["caller", "classifier"]
    task_confidence: Score
    cost_score: Score
    latency_score: Score
    quality_score: Score
    availability_score: Score
    final_score: Score
    policy_version: str
    price_version: str
    weights: Shares
    baseline_model: str
    candidates: list[RoutedModel]
    reserve: list[RoutedModel]
    excluded: list[Exclusion]
    propensity: Score
    shadow: Shadow | None


class RoutePerformance(Frozen):
    routing_time_ms: Count


class DryRun(Frozen):
    """The body of a 200."""

    success: Literal[True] = True
    request_id: str
    routing: Decision
    performance: RoutePerformance


def dry_run(event: ClassifyInput, settings: RouteSettings, state: StateTable) -> DryRun:
    """Raises what the states Classify and Score raise."""
    profile = profile_request(event, settings).profile
    output = decide(profile, settings, state)
    return DryRun(
        request_id=event.request_id,
        routing=_decision(profile, output, load_policy(settings.ROUTING_POLICY)),
        performance=RoutePerformance(routing_time_ms=round(profile.classify_ms + output.score_ms)),
    )


def _decision(profile: Profile, output: ScoreOutput, policy: Policy) -> Decision:
    first = output.candidates[0]
    least_quality = policy.unsure_quality_share if profile.task_unsure else 0.0
    shares = policy.weights[profile.model_preference].shares(least_quality)
    return Decision(
        selected_model=first.model,
        provider=first.provider,
        reason=first.reason,
        task=profile.task,
        task_source=profile.task_source,
        task_confidence=profile.task_confidence,
        **first.model_dump(include=_SCORES),
        policy_version=output.policy_version,
        price_version=output.price_version,
        weights=Shares.model_validate(shares),
        baseline_model=output.baseline_model,
        candidates=[_routed(one) for one in output.candidates],
        reserve=[_routed(one) for one in output.reserve],
        excluded=output.excluded,
        propensity=output.propensity,
        shadow=output.shadow,
    )


def _routed(candidate: Candidate) -> RoutedModel:
    return RoutedModel.model_validate(candidate.model_dump(include=set(RoutedModel.model_fields)))
