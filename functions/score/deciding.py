"""The decision on one request: what is known of the models now, and the ranking under the policy."""

from __future__ import annotations

import time

from functions.score.budgets import budgets_left
from functions.score.candidates import candidate_of
from functions.score.ranking import rank, shadow_of
from functions.shared.catalogue.models import load_catalogue
from functions.shared.contracts.decision import ModelHealth, Profile, RoutingContext
from functions.shared.contracts.states import ScoreOutput
from functions.shared.health.reader import HealthReader
from functions.shared.policy.routing_policy import load_policy
from functions.shared.settings import ScoreSettings
from functions.shared.storage.state_table import StateTable, session_state_id
from functions.shared.times import epoch_ms, utc
from functions.shared.vocabulary import Task


def decide(profile: Profile, settings: ScoreSettings, state: StateTable) -> ScoreOutput:
    """At most one round trip to the state table, and none where it is not needed; one more for each of
    the budgets of a caller that has limits. Raises what `rank` does."""
    catalogue = load_catalogue()
    routing_context = routing_context_of(profile, settings, state)
    began = time.perf_counter()
    decision = rank(profile, catalogue, load_policy(settings.ROUTING_POLICY), routing_context)
    score_ms = round((time.perf_counter() - began) * 1000, 3)
    shadow = (
        shadow_of(profile, catalogue, load_policy(settings.SHADOW_POLICY), routing_context)
        if settings.SHADOW_POLICY
        else None
    )
    candidates = [
        candidate_of(one, catalogue.get(one.model))
        for one in (*decision.candidates, *decision.reserve)
    ]
    decision = decision.model_copy(update={"shadow": shadow, "score_ms": score_ms})
    return ScoreOutput(decision=decision, candidates=candidates)


def routing_context_of(
    profile: Profile, settings: ScoreSettings, state: StateTable
) -> RoutingContext:
    """Where the table cannot be read, health is what was known, and the conversation unknown."""
    providers = settings.PROVIDERS_CONFIGURED
    session = _session_of(profile)
    reading = HealthReader(state, providers).read(utc(profile.started_at_ms), session)
    models = [str(item["model"]) for item in reading.items.values() if "model" in item]
    return RoutingContext(
        providers_configured=sorted(providers),
        mock_providers=settings.MOCK_PROVIDERS,
        price_factors=settings.PRICE_FACTORS,
        session_model=models[0] if models else None,
        savings_baseline=settings.SAVINGS_BASELINE or None,
        health={name: _for_task(one, profile.task) for name, one in reading.by_model.items()},
        health_stale_since_ms=epoch_ms(reading.stale_since) if reading.stale_since else None,
        budgets_left=budgets_left(profile, settings),
    )


def _for_task(health: ModelHealth, task: Task) -> ModelHealth:
    """Without the other tasks' history, as the whole routing_context travels with the request."""
    if health.tasks.keys() <= {task}:
        return health
    return health.model_copy(
        update={"tasks": {name: one for name, one in health.tasks.items() if name == task}}
    )


def _session_of(profile: Profile) -> list[str]:
    """The id of the conversation's item, where there is one to ask for."""
    if profile.session_id is None or profile.named:
        return []
    return [session_state_id(profile.caller_id, profile.session_id)]
