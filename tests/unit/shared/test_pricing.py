from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction

import genai_prices
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from functions.shared.catalogue import pricing
from functions.shared.catalogue.additions import Additions
from functions.shared.catalogue.models import load_catalogue
from functions.shared.catalogue.pricing import (
    ModelPrice,
    PriceEdition,
    PriceTable,
    Rates,
    UnknownPriceVersion,
    UnpricedModel,
    cost_nano_usd,
    estimated_nano_usd,
    load_prices,
    price_factor,
)
from functions.shared.vocabulary import PriceFactors, Usage, usd
from training.generated.price_sources import load_sources
from training.generated.prices import packaged_entry

MTOK = 1_000_000
ON = date(2026, 11, 26)
DAY = timedelta(days=1)
FIRST_VERSION = "2026-11-24.ab338f56"
PRICED = st.sampled_from([model.id for model in load_catalogue().models])
TOKENS = st.integers(0, 2_000_000)
USAGES = st.builds(
    Usage,
    input_tokens=TOKENS,
    cached_input_tokens=TOKENS,
    cache_write_tokens=TOKENS,
    long_cache_write_tokens=TOKENS,
    output_tokens=TOKENS,
)
PARTS = [
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "long_cache_write_tokens",
    "output_tokens",
]


def _cost(model_id, on=ON, factor=Decimal(1), version=None, **usage):
    return usd(cost_nano_usd(model_id, Usage(**usage), on, factor, version))


def _price(input_usd, effective_from=ON, **others):
    rates = Rates(input_usd_per_mtok=Decimal(input_usd), output_usd_per_mtok=Decimal(0))
    return ModelPrice(effective_from=effective_from, source="test", rates=(rates,), **others)


def _table(*editions):
    return PriceTable(
        editions=tuple(
            PriceEdition(price_version=f"v{number}", models={"m": price})
            for number, price in enumerate(editions, 1)
        )
    )


@pytest.fixture
def table_of(monkeypatch):
    """Puts a table of one model `m` in the place of the real one."""

    def put(*editions):
        made = _table(*editions)
        monkeypatch.setattr(
            pricing, "load_prices", lambda version=None: made.as_of(version or made.price_version)
        )

    return put


@pytest.mark.parametrize(
    ("model_id", "input_usd", "output_usd"),
    [
        ("azure-gpt-4o", "2.5", "10"),
        ("azure-gpt-4o-mini", "0.15", "0.6"),
        ("bedrock-claude-haiku-5-5", "0.1", "0.5"),
        ("bedrock-llama3-70b", "2.65", "3.5"),
        ("bedrock-llama3-8b", "0.3", "0.6"),
        ("claude-3-5-sonnet", "3", "15"),
        ("claude-3-opus", "15", "75"),
        ("claude-fable-5-2", "8", "40"),
        ("claude-haiku-4-5", "1", "5"),
        ("claude-haiku-5-5", "0.1", "0.5"),
        ("claude-opus-5-5", "4", "20"),
        ("claude-sonnet-5-5", "2", "10"),
        ("gpt-4-turbo", "10", "30"),
        ("gpt-4o", "2.5", "10"),
        ("gpt-4o-mini", "0.15", "0.6"),
        ("gpt-5.4-nano", "0.2", "1.25"),
        ("gpt-5.6-luna", "0.2", "1.2"),
        ("gpt-6-luna", "0.1", "0.5"),
        ("gpt-6-sol", "2", "10"),
        ("gpt-6.2-astra", "8", "40"),
    ],
)
def test_a_million_tokens_cost_the_list_price(model_id, input_usd, output_usd):
    hundredth = MTOK // 100
    assert _cost(model_id, input_tokens=hundredth) == Decimal(input_usd) / 100
    assert _cost(model_id, output_tokens=MTOK) == Decimal(output_usd)


def test_a_typical_call_of_gpt_4o():
    usage = {"input_tokens": 1_000, "cached_input_tokens": 500, "output_tokens": 300}
    # 1,000 x 2.50 + 500 x 1.25 + 300 x 10 dollars per million
    assert _cost("gpt-4o", **usage) == Decimal("0.006125")


def test_a_typical_call_of_claude_sonnet_5_5_that_fills_the_cache():
    usage = {"input_tokens": 200, "cache_write_tokens": 4_000, "output_tokens": 1_000}
    # 200 x 2 + 4,000 x 2.50 + 1,000 x 10 dollars per million
    assert _cost("claude-sonnet-5-5", **usage) == Decimal("0.0204")


@pytest.mark.parametrize(
    ("tokens", "nano_usd"), [(1, 0), (4, 1), (5, 1), (6, 2)], ids=["0.25", "1.0", "1.25", "1.5"]
)
def test_a_fraction_of_a_nano_dollar_is_rounded_half_up(table_of, tokens, nano_usd):
    table_of(_price("0.00025"))
    assert _cost("m", input_tokens=tokens) == nano_usd * Decimal("0.000000001")


def test_the_smallest_calls_are_exact():
    assert _cost("gpt-6-luna", input_tokens=1) == Decimal("0.0000001")
    assert _cost("gpt-4o-mini", cached_input_tokens=1) == Decimal("0.000000075")


def test_reasoning_tokens_are_paid_as_the_output_that_they_are_part_of():
    plain = _cost("gpt-6-sol", output_tokens=500)
    assert _cost("gpt-6-sol", output_tokens=500, reasoning_tokens=400) == plain


def test_cached_tokens_without_a_price_of_their_own_cost_as_much_as_others():
    assert _cost("gpt-4-turbo", cached_input_tokens=1_000) == Decimal("0.01")
    assert _cost("bedrock-llama3-8b", cache_write_tokens=1_000) == Decimal("0.0003")


def test_above_its_threshold_a_long_prompt_is_dearer_from_the_first_token():
    assert _cost("claude-haiku-5-5", input_tokens=100_000) == Decimal("0.01")
    assert _cost("claude-haiku-5-5", input_tokens=100_001) == Decimal("0.0500005")
    assert _cost("gpt-6-astra", input_tokens=272_001, output_tokens=100) == Decimal("5.44752")


def test_the_threshold_counts_cached_input_too():
    usage = {"input_tokens": 1, "cached_input_tokens": 60_000, "cache_write_tokens": 40_000}
    # five times 1 x 0.10 + 60,000 x 0.01 + 40,000 x 0.125 dollars per million
    assert _cost("claude-haiku-5-5", **usage) == Decimal("0.0280005")


def test_output_alone_never_reaches_a_threshold():
    assert _cost("claude-haiku-5-5", output_tokens=200_000) == Decimal("0.1")


def test_an_unknown_model_is_never_free():
    with pytest.raises(UnpricedModel):
        cost_nano_usd("gpt-99", Usage(), ON)
    with pytest.raises(UnpricedModel):
        _estimated("gpt-99")


def test_exactly_the_catalogues_models_are_priced():
    assert sorted(load_prices().models) == [model.id for model in load_catalogue().models]


@pytest.mark.parametrize("changes", [{"input_tokens": -1}, {"total": 5}])
def test_usage_rejects_what_no_call_can_have(changes):
    with pytest.raises(ValidationError):
        Usage(**changes)


@given(PRICED, USAGES)
def test_no_usage_costs_less_than_nothing(model_id, usage):
    assert cost_nano_usd(model_id, usage, ON) >= 0


@given(PRICED, USAGES, st.sampled_from(PARTS), st.integers(1, MTOK))
def test_more_tokens_never_cost_less(model_id, usage, part, more):
    larger = usage.model_copy(update={part: getattr(usage, part) + more})
    assert cost_nano_usd(model_id, larger, ON) >= cost_nano_usd(model_id, usage, ON)


@given(PRICED, st.fixed_dictionaries(dict.fromkeys(PARTS, st.integers(0, 16_000))))
def test_below_any_threshold_a_call_costs_the_sum_of_its_parts(model_id, usage):
    parts = sum(_cost(model_id, **{part: count}) for part, count in usage.items())
    # Each part is rounded on its own to half a nano-dollar.
    assert abs(_cost(model_id, **usage) - parts) <= Decimal("0.000000003")


@given(PRICED, USAGES)
def test_a_cost_is_a_whole_number_of_nano_dollars(model_id, usage):
    assert isinstance(cost_nano_usd(model_id, usage, ON), int)


# Days and versions


def test_the_entry_of_the_day_prices_a_call_and_the_first_one_what_was_before(table_of):
    table_of(_price("1", ON), _price("2", ON + 10 * DAY))
    days = (ON - DAY, ON, ON + 9 * DAY, ON + 10 * DAY, ON + 99 * DAY)
    assert [_cost("m", day, input_tokens=MTOK) for day in days] == [1, 1, 1, 2, 2]


def test_an_entry_for_the_same_day_corrects_the_earlier_one(table_of):
    table_of(_price("2"), _price("1"))
    assert _cost("m", input_tokens=MTOK) == 1


def test_a_call_is_priced_again_by_the_version_that_priced_it(table_of):
    table_of(_price("2"), _price("1"), _price("3", ON + 10 * DAY))
    later = ON + 20 * DAY
    told = [_cost("m", later, version=version, input_tokens=MTOK) for version in ("v1", "v2", "v3")]
    assert told == [2, 1, 3]
    with pytest.raises(UnknownPriceVersion):
        _cost("m", version="v4", input_tokens=MTOK)


def test_what_the_first_version_told_stands_in_the_table():
    assert load_prices().editions[0].price_version == FIRST_VERSION
    usage = {"cached_input_tokens": 100_000, "output_tokens": 1_000}
    assert _cost("gpt-6.2-sol", version=FIRST_VERSION, **usage) == Decimal("0.03")
    assert _cost("gpt-6.2-sol", **usage) == Decimal("0.02")
    with pytest.raises(UnpricedModel):
        _cost("claude-opus-4-8", version=FIRST_VERSION, input_tokens=1)


def test_long_writes_cost_as_short_ones_by_a_version_that_knew_no_rate_of_theirs():
    usage = {"long_cache_write_tokens": 1_000}
    assert _cost("claude-haiku-5-5", version=FIRST_VERSION, **usage) == Decimal("0.000125")


# What else a price depends on


@pytest.mark.parametrize(
    ("model_id", "tier", "input_usd", "output_usd"),
    [
        ("gpt-4o-mini", "priority", "0.25", "1"),
        ("gpt-4o", "priority", "4.25", "17"),
        ("gpt-6-sol", "priority", "4", "20"),
        ("gpt-6-sol", "fast", "4", "20"),
        ("gpt-6-sol", "flex", "1", "5"),
        ("gpt-6.2-sol", "fast", "4", "20"),
        ("gpt-6.2-sol", "batch", "1", "5"),
        ("claude-opus-5-5", "fast", "8", "40"),
        ("claude-opus-5-5", "batch", "2", "10"),
        ("claude-opus-5-5", "priority", "4", "20"),
        ("azure-gpt-6-sol", "priority", "4", "20"),
        ("azure-gpt-6-sol", "flex", "1", "5"),
        ("bedrock-llama3-8b", "priority", "0.525", "1.05"),
        ("bedrock-llama3-8b", "flex", "0.15", "0.3"),
        ("local-sentiment", "priority", "0", "0"),
    ],
)
def test_a_tier_costs_its_own_rates_or_its_providers_multiple(
    model_id, tier, input_usd, output_usd
):
    assert _cost(model_id, tier=tier, input_tokens=10_000) == Decimal(input_usd) / 100
    assert _cost(model_id, tier=tier, output_tokens=MTOK) == Decimal(output_usd)


def test_a_long_prompt_is_dearer_in_every_tier():
    usage = {"input_tokens": 300_000, "output_tokens": 1_000, "tier": "flex"}
    assert _cost("gpt-6-sol", **usage) == Decimal("0.6075")


@pytest.mark.parametrize(
    ("model_id", "usd_of_a_thousand"),
    [
        ("claude-haiku-5-5", "0.0002"),
        ("claude-opus-5-5", "0.008"),
        ("bedrock-claude-opus-5-5", "0.008"),
        ("gpt-6.2-sol", "0.004"),
        ("azure-gpt-6-sol", "0.004"),
        ("gpt-4o", "0.0025"),
    ],
)
def test_a_cache_write_for_an_hour_or_longer_costs_twice_the_input_where_writes_cost(
    model_id, usd_of_a_thousand
):
    assert _cost(model_id, long_cache_write_tokens=1_000) == Decimal(usd_of_a_thousand)


def test_a_call_that_stays_in_the_united_states_costs_a_tenth_more_on_anthropics_api():
    usage = {"input_tokens": 10_000, "output_tokens": 10_000}
    assert _cost("claude-haiku-5-5", **usage, inference_geo="us") == Decimal("0.0066")
    assert _cost("claude-haiku-4-5", **usage, inference_geo="us") == Decimal("0.06")


def test_a_stages_factor_goes_on_everything_and_is_rounded_once(table_of):
    factors: PriceFactors = {"azure_openai": Decimal("1.2")}
    assert price_factor("azure_openai", factors) == Decimal("1.2")
    assert price_factor("openai", factors) == 1
    table_of(_price("0.0005", inference_geos={"us": Decimal("1.1")}))
    told = cost_nano_usd("m", Usage(input_tokens=1, inference_geo="us"), ON, Decimal("0.9"))
    assert told == 0  # 0.495; rounded after each step it would be 1
    assert cost_nano_usd("m", Usage(input_tokens=1), ON, Decimal("1.2")) == 1  # 0.6


@given(PRICED, USAGES, st.sampled_from(["0.85", "1.1", "1.2", "3"]))
def test_a_factored_cost_is_the_cost_times_the_factor(model_id, usage, factor):
    listed = cost_nano_usd(model_id, usage, ON)
    told = cost_nano_usd(model_id, usage, ON, Decimal(factor))
    assert abs(told - listed * Fraction(factor)) <= Fraction(factor) / 2 + Fraction(1, 2)


# Estimates


def _estimated(model_id, most_input_tokens=1_000, **changes):
    asked = {
        "input_tokens": 1_000,
        "output_tokens": 300,
        "most_input_tokens": most_input_tokens,
        "most_output_tokens": 4_096,
        "on": ON,
    }
    return estimated_nano_usd(model_id, **(asked | changes))


@given(PRICED, TOKENS, TOKENS, st.sampled_from(["1", "1.2"]))
def test_the_expected_cost_is_that_of_fresh_input_at_the_standard_tier(
    model_id, given_tokens, said_tokens, factor
):
    usage = Usage(input_tokens=given_tokens, output_tokens=said_tokens)
    expected, _ = _estimated(
        model_id,
        input_tokens=given_tokens,
        output_tokens=said_tokens,
        most_input_tokens=given_tokens,
        factor=Decimal(factor),
    )
    assert expected == cost_nano_usd(model_id, usage, ON, Decimal(factor))


@given(PRICED, st.data(), st.sampled_from(["1", "1.1"]))
def test_no_standard_call_of_at_most_so_many_tokens_costs_more_than_the_bound(
    model_id, data, factor
):
    most_input, most_output = data.draw(TOKENS), data.draw(TOKENS)
    left, counts = most_input, {}
    for part in ("input_tokens", "cached_input_tokens", "cache_write_tokens"):
        counts[part] = data.draw(st.integers(0, left))
        left -= counts[part]
    usage = Usage(**counts, output_tokens=data.draw(st.integers(0, most_output)))
    _, bound = _estimated(
        model_id, most_input, most_output_tokens=most_output, factor=Decimal(factor)
    )
    assert cost_nano_usd(model_id, usage, ON, Decimal(factor)) <= bound


def test_the_bound_has_the_write_to_the_cache_that_a_provider_may_make_on_its_own():
    # 1,000 x 2.50 and 4,096 x 10 dollars per million
    assert _estimated("gpt-6-sol")[1] == 43_460_000
    # 1,000 x 2.50 and 4,096 x 10 dollars per million: written for nothing
    assert _estimated("gpt-4o")[1] == 43_460_000


def test_the_bound_is_that_of_a_long_prompt_where_only_the_upper_count_makes_it_one():
    expected, most = _estimated("claude-haiku-5-5", 100_001, input_tokens=100_000)
    assert expected == 10_000_000 + 150_000
    assert most == 62_500_625 + 10_240_000


# The package's own calculation

PUBLISHED = [
    model
    for model in load_catalogue().models
    if load_prices().in_force(model.id, ON).source.startswith("genai-prices")
]
GENAI_PROVIDERS = {
    "openai": "openai",
    "anthropic": "anthropic",
    "azure_openai": "azure",
    "bedrock": "aws",
    "gemini": "google",
}
CHECKED_AT = datetime.combine(load_sources().genai_prices.checked, time(), UTC)


def _theirs(model, usage, context):
    # A write for an hour is a part of the writes; a price is only told of what was used.
    counts = {
        "input_tokens": usage.total_input_tokens,
        "cache_read_tokens": usage.cached_input_tokens,
        "cache_write_tokens": usage.cache_write_tokens + usage.long_cache_write_tokens,
        "cache_write_1h_tokens": usage.long_cache_write_tokens,
        "output_tokens": usage.output_tokens,
    }
    return genai_prices.calc_price(
        genai_prices.Usage(**counts),
        model_ref=model.provider_model_id,
        provider_id=GENAI_PROVIDERS[model.provider],
        genai_request_timestamp=CHECKED_AT,
        price_context=context,
    ).total_price


def _known_usage(model, usage):
    """Without long writes where the package has no rate of theirs."""
    told = packaged_entry(model)
    assert told is not None
    if "long_cache_write_usd_per_mtok" in told["rates"][0]:
        return usage
    return usage.model_copy(update={"long_cache_write_tokens": 0})


@given(st.sampled_from(PUBLISHED), USAGES)
def test_a_cost_is_what_genai_prices_computes(model, usage):
    usage = _known_usage(model, usage)
    ours = usd(cost_nano_usd(model.id, usage, ON))
    assert abs(ours - _theirs(model, usage, {})) <= Decimal("0.000000001")


@given(
    st.sampled_from([model for model in PUBLISHED if model.provider in {"openai", "anthropic"}]),
    USAGES,
    st.sampled_from(["priority", "flex", "batch", "fast"]),
)
def test_a_cost_in_a_tier_is_what_genai_prices_computes(model, usage, tier):
    usage = _known_usage(model, usage)
    context = {"service_tier": tier}
    if tier == "batch":
        context = {"processing": tier}
    elif (tier, model.provider) == ("fast", "anthropic"):
        context = {"speed": tier}
    theirs = _theirs(model, usage, context)
    if theirs == _theirs(model, usage, {}):  # a tier that it does not know
        return
    ours = usd(cost_nano_usd(model.id, usage.model_copy(update={"tier": tier}), ON))
    assert abs(ours - theirs) <= Decimal("0.000000001")


# What a stage adds


def _with(model, price):
    rates = {"input_usd_per_mtok": price, "output_usd_per_mtok": price}
    told = {"effective_from": "2020-01-01", "source": "the stage", "rates": [rates]}
    return pricing.prices_with(Additions(prices={model: told}))


def test_a_version_names_what_the_prices_of_a_stage_are():
    plain = pricing.prices_with(Additions())
    assert plain.price_version == load_prices().price_version
    cheap, dear = _with("acme-1", 1), _with("acme-1", 2)
    assert cheap.price_version.startswith(f"{plain.price_version}+")
    assert cheap.price_version != dear.price_version
    assert cheap.price_version == _with("acme-1", 1).price_version


def test_an_older_price_of_a_stage_cannot_be_told_and_the_tables_own_can():
    then, now = _with("acme-1", 1), _with("acme-1", 2)
    assert now.as_of(now.price_version).in_force("acme-1", ON) == now.in_force("acme-1", ON)
    older = now.as_of(then.price_version)
    assert older.in_force("gpt-4o", ON) == now.in_force("gpt-4o", ON)
    with pytest.raises(UnpricedModel):
        older.in_force("acme-1", ON)
    with pytest.raises(UnpricedModel):
        now.as_of(FIRST_VERSION).in_force("acme-1", ON)


def test_an_announced_price_holds_from_its_day_on():
    rates = [
        load_prices().in_force("gemini-4-argon", day).rates[0].input_usd_per_mtok
        for day in (date(2026, 11, 30), date(2026, 12, 1))
    ]
    assert rates == [Decimal(2), Decimal(4)]
