from decimal import Decimal

import genai_prices
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from functions.shared.catalogue import pricing
from functions.shared.catalogue.models import load_catalogue
from functions.shared.catalogue.pricing import (
    ModelPrice,
    PriceTable,
    Rates,
    UnpricedModel,
    cost_nano_usd,
    load_prices,
    price_version,
)
from functions.shared.vocabulary import Usage, usd
from training import __main__ as training
from training.generated import prices
from training.generated.prices import PRICED_AT, PRICES_FILE, render_prices

MTOK = 1_000_000
PRICED = st.sampled_from([model.id for model in load_catalogue().models])
TOKENS = st.integers(0, 2_000_000)
USAGES = st.builds(
    Usage,
    input_tokens=TOKENS,
    cached_input_tokens=TOKENS,
    cache_write_tokens=TOKENS,
    output_tokens=TOKENS,
)
PARTS = ["input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens"]


def _cost(model_id, **tokens):
    return usd(cost_nano_usd(model_id, Usage(**tokens)))


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
def test_a_fraction_of_a_nano_dollar_is_rounded_half_up(monkeypatch, tokens, nano_usd):
    rates = Rates(input_usd_per_mtok=Decimal("0.00025"), output_usd_per_mtok=Decimal(0))
    table = PriceTable(price_version="test", models={"m": ModelPrice(source="test", rates=[rates])})
    monkeypatch.setattr(pricing, "load_prices", lambda: table)
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
        cost_nano_usd("gpt-99", Usage())


def test_exactly_the_catalogues_models_are_priced():
    assert sorted(load_prices().models) == [model.id for model in load_catalogue().models]


@pytest.mark.parametrize("changes", [{"input_tokens": -1}, {"total": 5}])
def test_usage_rejects_what_no_call_can_have(changes):
    with pytest.raises(ValidationError):
        Usage(**changes)


@given(PRICED, USAGES)
def test_no_usage_costs_less_than_nothing(model_id, usage):
    assert cost_nano_usd(model_id, usage) >= 0


@given(PRICED, USAGES, st.sampled_from(PARTS), st.integers(1, MTOK))
def test_more_tokens_never_cost_less(model_id, usage, part, more):
    larger = usage.model_copy(update={part: getattr(usage, part) + more})
    assert cost_nano_usd(model_id, larger) >= cost_nano_usd(model_id, usage)


@given(PRICED, st.fixed_dictionaries(dict.fromkeys(PARTS, st.integers(0, 20_000))))
def test_below_any_threshold_a_call_costs_the_sum_of_its_parts(model_id, usage):
    parts = sum(_cost(model_id, **{part: count}) for part, count in usage.items())
    # Each part is rounded on its own to half a nano-dollar.
    assert abs(_cost(model_id, **usage) - parts) <= Decimal("0.0000000025")


@given(PRICED, USAGES)
def test_a_cost_is_a_whole_number_of_nano_dollars(model_id, usage):
    assert isinstance(cost_nano_usd(model_id, usage), int)


PUBLISHED = [
    model
    for model in load_catalogue().models
    if load_prices().models[model.id].source.startswith("genai-prices")
]
GENAI_PROVIDERS = {
    "openai": "openai",
    "anthropic": "anthropic",
    "azure_openai": "azure",
    "bedrock": "aws",
}


@given(st.sampled_from(PUBLISHED), USAGES)
def test_a_cost_is_what_genai_prices_computes(model, usage):
    theirs = genai_prices.calc_price(
        genai_prices.Usage(
            input_tokens=usage.total_input_tokens,
            cache_read_tokens=usage.cached_input_tokens,
            cache_write_tokens=usage.cache_write_tokens,
            output_tokens=usage.output_tokens,
        ),
        model_ref=model.provider_model_id,
        provider_id=GENAI_PROVIDERS[model.provider],
        genai_request_timestamp=PRICED_AT,
    )
    assert abs(usd(cost_nano_usd(model.id, usage)) - theirs.total_price) <= Decimal("0.000000001")


def test_the_price_table_is_what_its_sources_give():
    assert PRICES_FILE.read_text("utf-8") == render_prices()


def test_the_price_version_names_the_day_and_the_content():
    day, _, digest = price_version().partition(".")
    assert day == f"{PRICED_AT:%Y-%m-%d}"
    assert len(bytes.fromhex(digest)) == 4


def test_the_check_fails_for_a_table_that_was_changed_by_hand(monkeypatch, tmp_path, capsys):
    changed = tmp_path / "prices.json"
    changed.write_text(render_prices().replace('"2.5"', '"0.5"', 1), "utf-8")
    monkeypatch.setattr(prices, "PRICES_FILE", changed)
    monkeypatch.setattr("sys.argv", ["training", "prices", "--check"])
    assert training.main() == 1
    assert "make prices" in capsys.readouterr().err
    monkeypatch.setattr("sys.argv", ["training", "prices"])
    assert training.main() == 0
    assert changed.read_text("utf-8") == render_prices()
