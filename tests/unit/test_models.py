from datetime import date

import pytest
from openai.types import Model as OpenAIModel

from functions.api.models import get_model, list_models
from functions.shared.catalogue import load_catalogue
from functions.shared.errors import NotFound
from functions.shared.pricing import load_prices
from functions.shared.settings import ScoreSettings

TODAY = date(2026, 11, 25)
SETTINGS = ScoreSettings(
    PROVIDERS_CONFIGURED=frozenset({"openai", "local"}), MOCK_PROVIDERS="never"
)


def listed(model_id, settings=SETTINGS, today=TODAY):
    return get_model(model_id, settings, today)


def test_the_list_has_every_model_of_the_catalogue_in_openais_shape():
    told = list_models(SETTINGS, TODAY)
    assert told["object"] == "list"
    assert [one["id"] for one in told["data"]] == [one.id for one in load_catalogue().models]
    for one in told["data"]:
        assert OpenAIModel.model_validate(one).owned_by == one["provider"]
        assert one == listed(one["id"])


def test_a_model_tells_its_prices_limits_and_capabilities():
    told = listed("claude-haiku-5-5")
    assert told["prices"]["price_version"] == load_prices().price_version
    assert told["prices"]["rates"] == [
        {
            "above_input_tokens": 0, "input_usd_per_mtok": 0.1, "output_usd_per_mtok": 0.5,
            "cached_input_usd_per_mtok": 0.01, "cache_write_usd_per_mtok": 0.125,
        },
        {
            "above_input_tokens": 100_000, "input_usd_per_mtok": 0.5, "output_usd_per_mtok": 2.5,
            "cached_input_usd_per_mtok": 0.05, "cache_write_usd_per_mtok": 0.625,
        },
    ]  # fmt: skip
    assert told["limits"] == {"context_window": 1_000_000, "max_output_tokens": 128_000}
    assert "tools" in told["capabilities"]
    assert (told["retires_on"], told["successor"]) == (None, None)


@pytest.mark.parametrize(
    ("model_id", "reason"),
    [
        ("gpt-6-luna", None),
        ("local-sentiment", None),
        ("claude-haiku-5-5", "no credentials for its provider"),
        ("claude-3-opus", "retired on 2026-01-05"),
        ("local-classifier", "serves no task: it decides the task of every `auto` request"),
    ],
)
def test_a_model_is_usable_or_says_why_not(model_id, reason):
    told = listed(model_id)
    assert told["usable"] is (reason is None)
    assert told["unusable_reason"] == reason


def test_a_model_that_the_simulator_would_answer_for_is_a_usable_mock():
    told = listed("claude-haiku-5-5", ScoreSettings(MOCK_PROVIDERS="auto"))
    assert (told["usable"], told["mock"]) == (True, True)


def test_a_model_is_usable_until_the_day_it_retires():
    assert listed("gpt-4o", today=date(2027, 1, 13))["usable"] is True
    assert listed("gpt-4o", today=date(2027, 1, 14))["usable"] is False


def test_a_model_that_is_not_in_the_catalogue_is_not_found():
    with pytest.raises(NotFound):
        listed("gpt-99")
