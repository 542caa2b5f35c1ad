"""Who is asked, in which order, and who only when all of those have failed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from functions.score.estimates import draw
from functions.score.options import Option
from functions.shared.attempt_limits import MAX_RANKED, MAX_RESERVE
from functions.shared.contracts.decision import Profile, RoutingContext
from functions.shared.policy.routing_policy import Policy
from functions.shared.vocabulary import Preference

ERROR_TOLERANCE = 0.1
"""Added to every error rate (1 - quality): the top tenth of a public ranking is close together, and a
model must not score several times as much for being third instead of twelfth."""

LEAST_COST_NANO_USD = 20_000
LEAST_LATENCY_MS = 500
"""Nobody minds less, and a model that runs here for nothing must not make all others look alike."""

MIND_THE_PRICE: frozenset[Preference] = frozenset({"balanced", "cheap"})
"""Under these, a model that is dearer than another and in nothing better is not asked at all."""


@dataclass(slots=True, eq=False)
class Scored:
    """An option with its scores in [0, 1]. Each is itself alone: to compare what is in them takes longer than
    all of the ranking."""

    option: Option
    cost: float
    latency: float
    quality: float
    availability: float
    final: float

    @property
    def order(self) -> tuple[bool, float, int, str]:
        """What a budget pays for in full comes before what it may cut short."""
        option = self.option
        return (not option.is_paid_for, -self.final, option.cost_nano_usd, option.model.id)

    @property
    def by_score(self) -> tuple[float, int, str]:
        # The id makes the order total: equal scores never depend on the catalogue's order.
        return (-self.final, self.option.cost_nano_usd, self.option.model.id)


@dataclass(frozen=True, slots=True)
class Selection:
    """`asked` best first, then `reserve`; `left_out` says why a model is not among those asked,
    which goes for the reserve, too. `propensity` is the probability of the first one's coming first."""

    asked: list[Scored]
    reserve: list[Scored]
    left_out: Mapping[str, str]
    ablest: str | None = None
    """The best by quality of those that may be asked, the cheaper one of equals; a simulated one is no
    alternative that would cost."""
    explored: bool = False
    """Whether chance put another one first than the best."""
    led_by_budget: bool = False
    """Whether the best is behind, as the budgets do not pay for its longest answer."""
    propensity: float = 1.0


def select(
    options: list[Option], profile: Profile, policy: Policy, routing_context: RoutingContext
) -> Selection:
    """There is always one to be asked: with every circuit open, those are asked after all."""
    sound = [one for one in options if _is_sound(one, profile)]
    resting = [one for one in options if not _is_sound(one, profile)]
    if not sound:
        sound, resting = resting, []
    dominated = _dominated(sound, profile, routing_context)
    standing = [one for one in sound if one.model.id not in dominated]
    scores = _Scores.among(standing, profile, policy)
    asked = sorted((scores.of(one) for one in standing), key=lambda one: one.order)
    selection = _with_first(asked, profile, policy, routing_context)
    ranked = _ranked(selection.asked, profile)
    selection = replace(selection, ablest=_ablest(ranked))
    left_out = {
        model: f"dominated by {by}, which is cheaper and no worse in anything"
        for model, by in dominated.items()
    }
    left_out |= {one.model.id: f"circuit open: {one.circuit_reason}" for one in resting}
    if not profile.fallback:
        # Without a model of the caller's, the best alone.
        most = max(1, sum(one.option.model.id in profile.named for one in selection.asked))
        why = "not among the models of the request" if profile.models else "fallback is off"
        left_out |= {one.option.model.id: why for one in selection.asked[most:]}
        return replace(selection, asked=selection.asked[:most], left_out=left_out)
    left_out |= {
        one.option.model.id: f"not among the {MAX_RANKED} that are ranked"
        for one in selection.asked
        if one not in ranked
    }
    selection = replace(selection, asked=ranked)
    spare = _spare([one for one in sound if one.model.id in dominated], standing)
    reserve = sorted((scores.of(one) for one in spare), key=lambda one: one.order)
    reserve += sorted((scores.of(one) for one in resting), key=lambda one: one.order)
    reserve = reserve[:MAX_RESERVE]
    left_out |= {
        one.option.model.id: f"{left_out[one.option.model.id]}; kept as a last resort"
        for one in reserve
    }
    return replace(selection, reserve=reserve, left_out=left_out)


def _ablest(ranked: list[Scored]) -> str | None:
    real = [one for one in ranked if not one.option.mock]
    best = min(real, key=lambda one: (-one.option.quality, one.by_score[1:]), default=None)
    return best.option.model.id if best else None


def _ranked(asked: list[Scored], profile: Profile) -> list[Scored]:
    """What the caller named, the best of every provider, as an outage of one must leave others to ask,
    and the first of all others."""
    firsts = {one.option.model.provider: one for one in reversed(asked)}

    def urgency(one: Scored) -> int:
        if one.option.model.id in profile.named:
            return 0
        return 1 if one is firsts[one.option.model.provider] else 2

    kept = sorted(asked, key=urgency)[:MAX_RANKED]
    return [one for one in asked if one in kept]


def _is_sound(option: Option, profile: Profile) -> bool:
    """A named model is asked whatever its circuit says: the caller insists."""
    return not option.circuit_reason or option.model.id in profile.named


def _dominated(
    options: Iterable[Option], profile: Profile, routing_context: RoutingContext
) -> dict[str, str]:
    """The models that another one beats, each with the first that does."""
    if profile.model_preference not in MIND_THE_PRICE:
        return {}
    wanted = {*profile.named, routing_context.session_model}
    found: dict[str, str] = {}
    # Whatever is beaten at all is beaten by one that is not, and that is cheaper.
    unbeaten: list[Option] = []
    for option in sorted(options, key=lambda one: (one.cost_nano_usd, one.model.id)):
        winner = next((one for one in unbeaten if one.beats(option)), None)
        if winner is None:
            unbeaten.append(option)
        elif option.model.id not in wanted:
            found[option.model.id] = winner.model.id
    return found


def _spare(dominated: list[Option], standing: list[Option]) -> list[Option]:
    """The least error-prone dominated model of each provider that would otherwise not be asked: an
    outage of the others must not end the request."""
    missing = {one.model.provider for one in dominated} - {one.model.provider for one in standing}
    return [
        min(
            (one for one in dominated if one.model.provider == provider),
            key=lambda one: (-one.quality, one.cost_nano_usd, one.model.id),
        )
        for provider in sorted(missing)
    ]


@dataclass(frozen=True, slots=True)
class _Scores:
    """Cost, latency and quality score the best candidate's figure over the model's own: twice as dear,
    slow or often wrong scores half. Availability is a share already."""

    shares: Mapping[str, float]
    cost_nano_usd: int
    latency_ms: int
    error_rate: float

    @classmethod
    def among(cls, options: list[Option], profile: Profile, policy: Policy) -> _Scores:
        """Scores relative to the best figures of these options."""
        least = policy.unsure_quality_share if profile.task_unsure else 0.0
        return cls(
            shares=policy.weights[profile.model_preference].shares(least),
            cost_nano_usd=max(LEAST_COST_NANO_USD, min(one.cost_nano_usd for one in options)),
            latency_ms=max(LEAST_LATENCY_MS, min(one.latency_ms for one in options)),
            error_rate=min(_error_rate(one) for one in options),
        )

    def of(self, option: Option) -> Scored:
        # One in reserve may be better than all that are asked; it scores no more than they can.
        cost = min(1.0, self.cost_nano_usd / max(option.cost_nano_usd, LEAST_COST_NANO_USD))
        latency = min(1.0, self.latency_ms / max(option.latency_ms, LEAST_LATENCY_MS))
        quality = min(1.0, self.error_rate / _error_rate(option))
        shares = self.shares
        final = (
            shares["cost"] * cost
            + shares["latency"] * latency
            + shares["quality"] * quality
            + shares["availability"] * option.availability
        )
        return Scored(
            option, cost, latency, quality, option.availability, round(min(1.0, final), 4)
        )


def _error_rate(option: Option) -> float:
    return 1 - option.quality + ERROR_TOLERANCE


def _with_first(
    asked: list[Scored], profile: Profile, policy: Policy, routing_context: RoutingContext
) -> Selection:
    """The ranking, with another one before it where the caller, its conversation or chance says so."""
    by_id = {one.option.model.id: one for one in asked}
    if named := [by_id[model] for model in profile.named if model in by_id]:
        return _led_by(named, asked)
    if asked[-1].option.is_paid_for:
        return _led(asked, profile, policy, routing_context)
    ranked = [one for one in asked if one.option.is_paid_for]
    cut = asked[len(ranked) :]
    if not ranked:
        return _led(cut, profile, policy, routing_context)
    selection = _led(ranked, profile, policy, routing_context)
    is_moved = selection.asked[0] is ranked[0] and cut[0].by_score < ranked[0].by_score
    return replace(selection, asked=selection.asked + cut, led_by_budget=is_moved)


def _led(
    ranked: list[Scored], profile: Profile, policy: Policy, routing_context: RoutingContext
) -> Selection:
    stayed = [one for one in ranked if one.option.model.id == routing_context.session_model]
    if stayed:
        return _led_by(stayed, ranked)
    share = policy.exploration_share
    if draw("explore", profile.request_id) >= share:
        drawn = ranked[0]
    else:
        drawn = ranked[int(draw("which", profile.request_id) * len(ranked))]
    chance = share / len(ranked) + (1 - share if drawn is ranked[0] else 0)
    explored = drawn is not ranked[0]
    return replace(_led_by([drawn], ranked), explored=explored, propensity=chance)


def _led_by(first: list[Scored], ranked: list[Scored]) -> Selection:
    others = [one for one in ranked if one not in first]
    return Selection([*first, *others], [], {})
