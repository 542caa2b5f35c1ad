import random
from datetime import date
from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.score.ranking import rank
from functions.shared.catalogue import pricing
from functions.shared.catalogue.models import TASKS, Catalogue, Model
from functions.shared.catalogue.pricing import ModelPrice, PriceEdition, PriceTable, Rates
from functions.shared.contracts.decision import ModelHealth, RoutingContext
from functions.shared.errors import NoEligibleModel
from functions.shared.policy.routing_policy import load_policy
from functions.shared.vocabulary import Preference, nano_usd
from tests.support.builders import STARTED_AT_MS, profile

PROVIDERS = ("openai", "azure_openai", "anthropic", "bedrock")
PREFERENCES = get_args(Preference)


def _model(chance, number):
    return Model(
        id=f"model-{number:02}",
        provider=chance.choice(PROVIDERS),
        provider_model_id="m",
        api="converse",
        tokenizer=chance.choice(("o200k", "claude", "llama")),
        context_window=chance.choice((4_000, 100_000)),
        max_output_tokens=chance.choice((1_000, 10_000)),
        capabilities=frozenset(chance.sample(("tools", "images"), chance.randint(0, 2))),
        sampling=(),
        reasoning=False,
        time_to_first_token_ms=chance.choice((100, 500, 500, 3000)),
        output_tokens_per_second=chance.choice((50, 100, 100, 400)),
        quality_source="drawn",
        quality=dict.fromkeys(TASKS, chance.choice((0.2, 0.5, 0.5, 0.9, 0.95, 1.0))),
    )


def _health(chance):
    return ModelHealth(
        ok=chance.randint(0, 20),
        faults=chance.choice((0, 0, 0, 3, 12)),
        throttles=chance.choice((0, 0, 5)),
        last_fault_at_ms=STARTED_AT_MS - chance.choice((1_000, 100_000)),
        blocked_at_ms=chance.choice((0, 0, 0, 0, STARTED_AT_MS - 10)),
        answers=10,
        latency_ms=chance.choice((1_000, 10_000, 100_000)),
        latency_ms_squared=chance.choice((10**5, 10**7, 10**9)),
        output_tokens=1_000,
    )


class World:
    """A random catalogue, few enough different figures in it that there are ties."""

    def __init__(self, seed):
        chance = random.Random(seed)
        models = [_model(chance, number) for number in range(chance.randint(1, 12))]
        self.catalogue = Catalogue(models=tuple(models))
        self.prices = {
            model.id: (
                Decimal(chance.choice((0, 1, 2, 2, 8))),
                Decimal(chance.choice((1, 4, 4, 20))),
            )
            for model in models
        }
        known = chance.sample(models, chance.randint(0, len(models)))
        self.routing_context = RoutingContext(
            providers_configured=sorted(chance.sample(PROVIDERS, chance.randint(1, 4))),
            mock_providers=chance.choice(("auto", "always", "always")),
            health={model.id: _health(chance) for model in known},
        )
        self.request = {
            "task": chance.choice(sorted(TASKS)),
            "request_id": f"req_{seed}",
            "started_at_ms": STARTED_AT_MS,
            "model_preference": chance.choice(PREFERENCES),
            "task_unsure": chance.random() < 0.2,
            "required_capabilities": chance.choice(([], [], ["tools"])),
        }
        self.limits = {
            "max_cost_usd": chance.choice((None, 0.01, 0.05)),
            "max_latency_ms": chance.choice((None, 5_000, 30_000)),
        }

    def rank(self, **changes):
        """The decision, or None where no model is eligible."""
        drawn = {
            model: ModelPrice(
                effective_from=date(2026, 11, 24),
                source="drawn",
                rates=(Rates(input_usd_per_mtok=given, output_usd_per_mtok=made),),
            )
            for model, (given, made) in self.prices.items()
        }
        table = PriceTable(editions=(PriceEdition(price_version="drawn", models=drawn),))
        limits = self.limits | changes
        limit_usd = limits.pop("max_cost_usd")
        limit = None if limit_usd is None else nano_usd(Decimal(str(limit_usd)))
        asked = profile(**(self.request | limits), max_cost_nano_usd=limit)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pricing, "load_prices", lambda: table)
            try:
                return rank(asked, self.catalogue, load_policy("default"), self.routing_context)
            except NoEligibleModel:
                return None


pytestmark = pytest.mark.no_cover

worlds = st.integers(0, 2**32).map(World)
a_thousand = settings(max_examples=1000)


@a_thousand
@given(worlds)
def test_every_model_has_its_place_and_the_scores_are_shares(world):
    decision = world.rank()
    if decision is None:
        return
    asked = [one.model for one in decision.candidates]
    out = [one.model for one in decision.excluded]
    assert sorted(asked + out) == [model.id for model in world.catalogue.models]
    assert {one.model for one in decision.reserve} <= set(out)
    for one in (*decision.candidates, *decision.reserve):
        assert all(0 <= score <= 1 for _, score in one.scores)


@a_thousand
@given(worlds)
def test_the_order_is_total_and_does_not_depend_on_the_catalogues(world):
    decision = world.rank()
    if decision is None:
        return
    order = [
        (-one.scores.final, one.estimated_cost_nano_usd, one.model) for one in decision.candidates
    ]
    assert order == sorted(set(order))
    backwards = Catalogue.model_construct(models=tuple(reversed(world.catalogue.models)))
    world.catalogue = backwards
    assert world.rank().candidates == decision.candidates


@a_thousand
@given(worlds)
def test_cheap_never_picks_a_candidate_that_is_dearer_and_in_nothing_better(world):
    decision = world.rank(model_preference="cheap")
    if decision is None:
        return
    first = decision.candidates[0]
    for other in (*decision.candidates[1:], *decision.reserve):
        why_out = {one.model: one.reason for one in decision.excluded}
        asked_last = other in decision.reserve and "circuit" in why_out[other.model]
        assert asked_last or not (
            other.estimated_cost_nano_usd < first.estimated_cost_nano_usd
            and other.worst_case_cost_nano_usd <= first.worst_case_cost_nano_usd
            and other.quality >= first.quality
            and other.estimated_latency_ms <= first.estimated_latency_ms
            and other.p95_latency_ms <= first.p95_latency_ms
            and other.scores.availability >= first.scores.availability
        )


@a_thousand
@given(worlds, st.sampled_from(["max_cost_usd", "max_latency_ms"]), st.floats(0.05, 1))
def test_a_stricter_limit_never_adds_a_candidate(world, name, factor):
    loose = {"max_cost_usd": 0.05, "max_latency_ms": 60_000}[name]
    strict = loose * factor if name == "max_cost_usd" else max(1, int(loose * factor))
    before, after = world.rank(**{name: loose}), world.rank(**{name: strict})
    if after is None:
        return
    allowed = {one.model for one in (*before.candidates, *before.reserve)}
    if all("circuit open" not in one.reason for one in before.excluded):
        allowed = {one.model for one in before.candidates}
    assert {one.model for one in after.candidates} <= allowed


@a_thousand
@given(worlds, st.integers(0, 11), st.sampled_from([1, 2, 10]))
def test_a_higher_price_never_raises_a_models_rank(world, number, more):
    def place():
        decision = world.rank()
        asked = [one.model for one in decision.candidates] if decision else []
        return asked.index(model) if model in asked else len(world.catalogue.models)

    model = world.catalogue.models[number % len(world.catalogue.models)].id
    before = place()
    given_usd, made_usd = world.prices[model]
    world.prices[model] = (given_usd + more, made_usd + more)
    assert place() >= before


@a_thousand
@given(worlds)
def test_what_is_down_is_asked_last_and_there_is_always_one_to_ask(world):
    decision = world.rank()
    if decision is None:
        return
    open_circuits = [one for one in decision.excluded if one.reason.startswith("circuit open")]
    assert decision.candidates
    waiting = [one.model for one in decision.reserve]
    assert {one.model for one in open_circuits} <= set(waiting) or len(waiting) == 8


@a_thousand
@given(worlds)
def test_under_a_preference_that_minds_the_price_no_provider_is_lost_by_being_dominated(world):
    decision = world.rank(model_preference="balanced")
    if decision is None:
        return
    providers = {model.id: model.provider for model in world.catalogue.models}
    reachable = {providers[one.model] for one in (*decision.candidates, *decision.reserve)}
    dominated = {
        providers[one.model] for one in decision.excluded if one.reason.startswith("dominated")
    }
    assert dominated <= reachable
