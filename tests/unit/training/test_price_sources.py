"""genai-prices and the hand-kept table side by side: each difference has a name and a reason."""

from datetime import date, timedelta
from types import SimpleNamespace

import pytest

from functions.shared.catalogue.models import Catalogue, load_catalogue
from training import __main__ as training
from training.generated import freshness, prices
from training.generated.freshness import stale
from training.generated.price_sources import load_sources
from training.generated.prices import hand_kept_entry, packaged_entry

CHECKED = load_sources().newest
CHECKED_FIRST = load_sources().genai_prices.checked
MODELS = [model for model in load_catalogue().models if model.provider != "local"]
FIELDS = ("input", "cached_input", "cache_write", "output")

# (model, from how many tokens on, field): the package's, the hand-kept one, which of them the table has and why.
DIFFERENCES = {
    ("claude-sonnet-4-5", 200_000, field): (package, None, "the package: such a prompt is refused anyway")
    for field, package in zip(FIELDS, ("6", "0.6", "7.5", "22.5"), strict=True)
}  # fmt: skip
ONLY_BY_HAND = {
    "bedrock-deepseek-v3.2": "the package has older models of DeepSeek on Bedrock",
    "bedrock-grok-4.7": "the package has Grok at xAI alone",
    "bedrock-cohere-embed-english-v3": "the package has Cohere's vectors at Cohere alone",
    "bedrock-cohere-embed-multilingual-v3": "the package has Cohere's vectors at Cohere alone",
    "bedrock-cohere-embed-v4": "the package has Cohere's vectors at Cohere alone",
    "gpt-6.2-astra": "the package's release is older",
    "gpt-6.2-sol": "the package's release is older",
}
ONLY_IN_THE_PACKAGE = {
    "azure-text-embedding-3-large": "no second source was found",
    "azure-text-embedding-3-small": "no second source was found",
    "bedrock-claude-fable-5-2": "litellm's release does not have it",
    "claude-fable-5-2": "litellm's release does not have it",
}
NO_SECOND_DAY = {
    "bedrock-claude-3-5-haiku": "AWS takes retired models off its page",
    "bedrock-claude-3-5-sonnet": "AWS takes retired models off its page",
    "bedrock-claude-3-opus": "AWS takes retired models off its page",
}


def _rates(entry):
    """(from how many tokens on, field) to the rate."""
    return {
        (rates["above_input_tokens"], field): rates.get(f"{field}_usd_per_mtok")
        for rates in entry["rates"]
        for field in FIELDS
    }


def _both():
    for model in MODELS:
        by_hand, package = load_sources().price_of(model.id), packaged_entry(model)
        if by_hand and package:
            yield model.id, _rates(package), _rates(hand_kept_entry(by_hand))


def test_every_difference_between_the_sources_of_a_price_has_a_name():
    found = {
        (model, *place): (package.get(place), by_hand.get(place))
        for model, package, by_hand in _both()
        for place in package.keys() | by_hand.keys()
        if package.get(place) != by_hand.get(place)
    }
    assert found == {place: told[:2] for place, told in DIFFERENCES.items()}
    assert len(list(_both())) > 60


def test_every_live_model_without_a_second_price_has_a_name():
    live = [model for model in MODELS if not model.is_retired(CHECKED)]
    packaged = {model.id for model in live if packaged_entry(model)}
    by_hand = {price.id for price in load_sources().prices}
    assert {model.id for model in live} - packaged == ONLY_BY_HAND.keys()
    assert {model.id for model in live} - by_hand == ONLY_IN_THE_PACKAGE.keys()


def test_a_model_retires_on_the_day_that_the_second_source_tells():
    ours = {model.id: model.retires_on for model in MODELS if model.retires_on}
    theirs = {one.id: one.retires_on for one in load_sources().retirements}
    assert ours.keys() - theirs.keys() == NO_SECOND_DAY.keys()
    assert theirs == {model: day for model, day in ours.items() if model not in NO_SECOND_DAY}


def test_the_package_calls_no_model_deprecated_that_stays():
    for model in MODELS:
        if packaged_entry(model) and prices._calculated(model, {}).model.deprecated:
            assert model.retires_on, model.id


def test_a_hand_kept_price_decides_where_it_says_why(monkeypatch):
    sources = load_sources()
    told = sources.price_of("claude-sonnet-4-5").model_copy(update={"decides": "it is newer"})
    stub = SimpleNamespace(
        price_of=lambda _id: told,
        genai_prices=sources.genai_prices,
        long_cache_writes=sources.long_cache_writes,
        tiers_of=sources.tiers_of,
        geos_of=sources.geos_of,
    )
    monkeypatch.setattr(prices, "load_sources", lambda: stub)
    assert len(prices.told_entry(load_catalogue().get("claude-sonnet-4-5"))["rates"]) == 1


# Their age


@pytest.mark.parametrize(
    ("checked", "days", "is_stale"),
    [(CHECKED_FIRST, 0, False), (CHECKED_FIRST, 60, False), (CHECKED, 61, True)],
)
def test_a_price_is_stale_when_it_was_checked_over_sixty_days_ago(checked, days, is_stale):
    found = stale(load_catalogue(), checked + timedelta(days=days))
    old = [line for line in found if "was checked on" in line]
    assert bool(old) is is_stale
    assert len(old) in (
        0,
        len([one for one in MODELS if not one.is_retired(CHECKED + timedelta(days))]),
    )
    assert not any("local" in line for line in found)


def _without_successor(retires_on):
    models = [
        one.model_copy(update={"retires_on": retires_on, "successor": None})
        if one.id == "gpt-5.5"
        else one
        for one in load_catalogue().models
    ]
    return Catalogue(models=tuple(models))


@pytest.mark.parametrize(("days", "is_told"), [(0, False), (1, True), (30, True), (31, False)])
def test_a_model_that_retires_within_thirty_days_needs_a_successor(days, is_told):
    found = stale(_without_successor(CHECKED + timedelta(days=days)), CHECKED)
    assert [line.partition(":")[0] for line in found] == ["gpt-5.5"] * is_told


@pytest.fixture
def stale_lines(monkeypatch):
    monkeypatch.setattr(freshness, "stale", lambda *_: ["a: old", "b: older"])


def test_making_the_prices_fails_where_they_are_old(stale_lines, monkeypatch, tmp_path, capsys):
    table = tmp_path / "prices.json"
    table.write_text(prices.PRICES_FILE.read_text("utf-8"), "utf-8")
    monkeypatch.setattr(prices, "PRICES_FILE", table)
    monkeypatch.setattr("sys.argv", ["training", "prices"])
    assert training.main() == 1
    assert capsys.readouterr().err == "a: old\nb: older\n"


def test_the_check_says_so_in_a_line_and_does_not_fail(stale_lines, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["training", "prices", "--check"])
    assert training.main() == 0
    assert capsys.readouterr().err == "a: old; 2 of its kind, make prices names all\n"


def test_the_day_of_the_sources_is_not_yet_to_come():
    assert load_sources().newest <= date.today()
