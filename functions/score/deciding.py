"""The decision on one request: what is known of the models now, and the ranking under the policy."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from functions.score.ranking import rank, shadow_of
from functions.shared.catalogue.models import load_catalogue
from functions.shared.contracts.decision import ModelHealth, Profile, RoutingContext, ScoreOutput
from functions.shared.health.known_health import known_health
from functions.shared.policy.routing_policy import load_policy
from functions.shared.settings import ScoreSettings
from functions.shared.storage.state_table import StateTable, session_state_id
from functions.shared.telemetry.observability import logger
from functions.shared.times import utc
from functions.shared.vocabulary import Task


def decide(profile: Profile, settings: ScoreSettings, state: StateTable) -> ScoreOutput:
    """At most one round trip to the state table, and none where it is not needed.

    Raises `NotFound`, `InvalidRequest` and `NoEligibleModel`, as `rank` does.
    """
    catalogue = load_catalogue()
    routing_context = routing_context_of(profile, settings, state)
    decision = rank(profile, catalogue, load_policy(settings.ROUTING_POLICY), routing_context)
    if not settings.SHADOW_POLICY:
        return decision
    shadow = shadow_of(profile, catalogue, load_policy(settings.SHADOW_POLICY), routing_context)
    return decision.model_copy(update={"shadow": shadow})


def routing_context_of(
    profile: Profile, settings: ScoreSettings, state: StateTable
) -> RoutingContext:
    """Nothing is known of health and conversation where the table cannot be read."""
    providers = settings.PROVIDERS_CONFIGURED
    stale = known_health.stale_ids(providers, utc(profile.started_at_ms))
    session = _session_of(profile)
    try:
        items = state.read([*stale, *session])
    except (BotoCoreError, ClientError) as error:
        logger.warning("state unavailable", error_type=type(error).__name__)
        items = {}
    if stale:
        known_health.learn(items[name] for name in stale if name in items)
    return RoutingContext(
        providers_configured=sorted(providers),
        mock_providers=settings.MOCK_PROVIDERS,
        session_model=next((str(items[name]["model"]) for name in session if name in items), None),
        health={name: _for_task(one, profile.task) for name, one in known_health.by_model.items()},
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
    if profile.session_id is None or profile.model is not None:
        return []
    return [session_state_id(profile.caller_id, profile.session_id)]
