"""Which models may serve a request, with what is to be expected of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from functions.score.estimates import (
    expected_latency,
    expected_output_tokens,
    expected_quality,
    is_probe,
)
from functions.shared.catalogue.additions import known_providers
from functions.shared.catalogue.models import Catalogue, Model
from functions.shared.catalogue.pricing import (
    NO_KNOWN_PRICE,
    UnpricedModel,
    estimated_nano_usd,
    price_factor,
)
from functions.shared.catalogue.token_bounds import HIDDEN_TOKENS
from functions.shared.catalogue.tokens import TOKEN_RATES
from functions.shared.contracts.decision import (
    AskedVectors,
    BudgetNeed,
    Exclusion,
    Profile,
    RoutingContext,
)
from functions.shared.health.circuit import Circuit, availability, circuit_of
from functions.shared.policy.output_limit import output_limit
from functions.shared.policy.provider_choice import NO_CREDENTIALS, AnsweredBy, ProviderChoice
from functions.shared.policy.routing_policy import Policy
from functions.shared.times import utc
from functions.shared.vocabulary import Capability, digits_of_usd

_HIDDEN_FOR: frozenset[Capability] = frozenset({"tools", "json_schema"})


@dataclass(slots=True)
class Option:
    """An eligible model. Latencies in milliseconds, quality and availability in [0, 1];
    `circuit_reason` says why it is kept for last, where it is."""

    model: Model
    mock: bool
    input_tokens: int
    output_tokens: int
    cost_nano_usd: int
    worst_case_nano_usd: int
    latency_ms: int
    p95_ms: int
    quality: float
    availability: float
    circuit_reason: str = ""
    need: BudgetNeed | None = None
    """What it takes of the caller's budgets, where there are any."""
    is_paid_for: bool = True
    """Whether those pay for its longest answer."""

    def beats(self, other: Option) -> bool:
        """Cheaper, and no worse in anything: no limit can let the other in and keep this one out."""
        return (
            self.quality >= other.quality
            and self.latency_ms <= other.latency_ms
            and self.cost_nano_usd < other.cost_nano_usd
            and self.worst_case_nano_usd <= other.worst_case_nano_usd
            and self.p95_ms <= other.p95_ms
            and self.availability >= other.availability
            and self.is_paid_for >= other.is_paid_for
        )


Bar = Literal[
    "named",
    "caller",
    "retired",
    "task",
    "provider",
    "price",
    "capability",
    "vectors",
    "output",
    "window",
    "limit",
]
"""What keeps a model from a request, from the farthest to the nearest to letting it in; `named`: the
request names others and lets no others follow."""


@dataclass(frozen=True, slots=True)
class Out:
    """A model that is no option. `missing` are the capabilities that it lacks, `tokens` what input and answer
    would take of its window; `least_cost_nano_usd` and `least_latency_ms` are the limits that would let it
    in, 0 where the caller's do."""

    model: Model
    bar: Bar
    reason: str
    missing: tuple[Capability, ...] = ()
    tokens: int = 0
    least_cost_nano_usd: int = 0
    least_latency_ms: int = 0

    @property
    def exclusion(self) -> Exclusion:
        return Exclusion(model=self.model.id, reason=self.reason)


def options_of(
    profile: Profile, catalogue: Catalogue, policy: Policy, routing_context: RoutingContext
) -> tuple[list[Option], list[Out]]:
    """Every model that makes what is asked for, texts or vectors, and every named one, in one of the two."""
    choice = ProviderChoice(
        frozenset(routing_context.providers_configured), routing_context.mock_providers
    )
    today = utc(profile.started_at_ms).date()
    tokens = {name: profile.input_tokens(name) for name in TOKEN_RATES}
    options: list[Option] = []
    outs: list[Out] = []
    unpinned = {name: choice.answered_by(name, pinned=False) for name in known_providers()}
    for model in catalogue.models:
        if (model.vectors is None) != (profile.vectors is None) and model.id not in profile.named:
            continue
        answered_by = unpinned[model.provider]
        if model.id in profile.named:
            answered_by = choice.answered_by(model.provider, pinned=True)
        option = _unusable(model, profile, answered_by, catalogue, today) or _option(
            model,
            profile,
            policy,
            routing_context,
            mock=answered_by == "simulator",
            input_tokens=tokens[model.tokenizer],
            today=today,
        )
        if isinstance(option, Out):
            outs.append(option)
        else:
            options.append(option)
    return options, outs


def _unusable(
    model: Model,
    profile: Profile,
    answered_by: AnsweredBy | None,
    catalogue: Catalogue,
    today: date,
) -> Out | None:
    """Why nothing at all can be asked of the model."""
    allowed = profile.caller.models
    if allowed and model.id not in allowed:
        return Out(model, "caller", "not among the models of this caller")
    if model.is_retired(today):
        is_named = model.id in profile.named
        told = retirement(model, catalogue, today) if is_named else f"retired on {model.retires_on}"
        return Out(model, "retired", told)
    if answered_by is None:
        return Out(model, "provider", NO_CREDENTIALS)
    if profile.task not in model.quality:
        return Out(model, "task", f"does not serve the task {profile.task}")
    asked = profile.vectors
    if asked and model.vectors and model.vectors.family != asked.family:
        return Out(model, "task", f"makes other vectors than {asked.family}")
    return None


def retirement(model: Model, catalogue: Catalogue, today: date) -> str:
    """When, and what to use instead."""
    told = f"retired on {model.retires_on}"
    try:
        return f"{told}; use {catalogue.live_successor(model.id, today).id}"
    except LookupError:
        return told


def _option(
    model: Model,
    profile: Profile,
    policy: Policy,
    routing_context: RoutingContext,
    *,
    mock: bool,
    input_tokens: int,
    today: date,
) -> Option | Out:
    """The model as an option for this request, or why it is none."""
    health = routing_context.health.get(model.id)
    most_tokens = output_limit(model, profile)
    unfit = _unfit(model, profile, input_tokens, most_tokens)
    if unfit is not None:
        return unfit
    expected = min(expected_output_tokens(model, profile.task, health), most_tokens)
    try:
        cost, worst_case = estimated_nano_usd(
            model.id,
            input_tokens=input_tokens,
            output_tokens=expected,
            most_input_tokens=most_input_tokens(model, profile),
            most_output_tokens=max(most_tokens, model.min_output_tokens),
            on=today,
            factor=price_factor(model.provider, routing_context.price_factors),
        )
    except UnpricedModel:
        return Out(model, "price", NO_KNOWN_PRICE)
    latency = expected_latency(model, expected, health)
    over = _over_limit(model, profile, worst_case, latency.p95_ms)
    if over is not None:
        return over
    circuit, why = circuit_of(
        model.id, model.provider, routing_context.health, profile.started_at_ms
    )
    return Option(
        model=model,
        mock=mock,
        input_tokens=input_tokens,
        output_tokens=expected,
        cost_nano_usd=cost,
        worst_case_nano_usd=worst_case,
        latency_ms=latency.mean_ms,
        p95_ms=latency.p95_ms,
        quality=expected_quality(model, profile, policy),
        availability=availability(health),
        circuit_reason="" if _is_tried(circuit, model, profile) else why,
    )


def most_input_tokens(model: Model, profile: Profile) -> int:
    """An upper bound where the estimate is a mean: text by its bytes, images by the model's own most."""
    low = profile.low_detail_images if model.image_tokens_low is not None else 0
    images = (profile.images - low) * model.image_tokens_most + low * (model.image_tokens_low or 0)
    has_hidden_prompt = model.tokenizer == "claude" and _HIDDEN_FOR & {
        *profile.required_capabilities
    }
    hidden = HIDDEN_TOKENS if has_hidden_prompt else 0
    return profile.input_bound.tokens(model.tokenizer) + images + hidden


def _is_tried(circuit: Circuit, model: Model, profile: Profile) -> bool:
    return circuit == "closed" or (circuit == "half_open" and is_probe(model, profile))


def _unfit(model: Model, profile: Profile, input_tokens: int, output_limit: int) -> Out | None:
    """Why the model cannot serve the request at any price."""
    missing = [need for need in profile.required_capabilities if need not in model.capabilities]
    if missing:
        reason = f"does not support {', '.join(missing)}"
        return Out(model, "capability", reason, missing=tuple(missing))
    if profile.vectors and (why := _other_vectors(model, profile.vectors)):
        return Out(model, "vectors", why)
    if output_limit > model.max_output_tokens:
        return Out(model, "output", f"answers with at most {model.max_output_tokens} tokens")
    tokens = input_tokens + output_limit
    if profile.vectors:
        tokens = profile.vectors.longest_tokens(model.tokenizer)
    if tokens > model.context_window:
        reason = f"context window of {model.context_window} tokens is too small"
        return Out(model, "window", reason, tokens=tokens)
    return None


def _other_vectors(model: Model, asked: AskedVectors) -> str | None:
    """Why the model cannot make those that are asked for, of such inputs."""
    made = model.vectors
    if made is None or not made.has(asked.dimensions):
        return f"makes no vectors of {asked.dimensions} dimensions"
    if asked.token_ids and not made.takes_token_ids:
        return "takes texts, and no token ids"
    return None


def _over_limit(
    model: Model, profile: Profile, worst_case_nano_usd: int, p95_ms: int
) -> Out | None:
    """Which of the caller's limits the model would break; the reason tells the first."""
    limit_nano_usd, limit_ms = profile.max_cost_nano_usd, profile.max_latency_ms
    reasons: list[str] = []
    least_nano_usd = least_ms = 0
    if limit_nano_usd is not None and worst_case_nano_usd > limit_nano_usd:
        least_nano_usd = worst_case_nano_usd
        cost, limit = digits_of_usd(worst_case_nano_usd), digits_of_usd(limit_nano_usd)
        reasons.append(f"may cost {cost} USD, over the limit of {limit}")
    if limit_ms is not None and p95_ms > limit_ms:
        least_ms = p95_ms
        reasons.append(f"may take {p95_ms} ms (95th percentile), over the limit of {limit_ms}")
    if not reasons:
        return None
    return Out(
        model,
        "limit",
        reasons[0],
        least_cost_nano_usd=least_nano_usd,
        least_latency_ms=least_ms,
    )
