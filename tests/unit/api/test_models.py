from datetime import UTC, datetime, timedelta

import boto3
import pytest
from openai.types import Model as OpenAIModel

from functions.api.models import get_model, list_models
from functions.shared.catalogue.models import Catalogue, load_catalogue
from functions.shared.catalogue.pricing import load_prices
from functions.shared.contracts.decision import ModelHealth
from functions.shared.errors import NotFound
from functions.shared.health import reader
from functions.shared.health.circuit import COOLDOWN_MS
from functions.shared.health.counts import day_id, minute_id
from functions.shared.health.listing import current_health
from functions.shared.policy.provider_choice import ProviderChoice
from functions.shared.settings import ProviderSettings
from functions.shared.storage.state_table import Change, StateTable

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
SETTINGS = ProviderSettings(
    PROVIDERS_CONFIGURED=frozenset({"openai", "local"}), MOCK_PROVIDERS="never"
)
CHOICE = ProviderChoice.of(SETTINGS)


def listed(model_id, choice=CHOICE, now=NOW, health=None):
    return get_model(model_id, choice, now, health).model_dump(mode="json")


def listed_all(health):
    return list_models(CHOICE, NOW, health).model_dump(mode="json")


def test_the_list_has_every_model_of_the_catalogue_in_openais_shape():
    told = listed_all({})
    assert told["object"] == "list"
    assert [one["id"] for one in told["data"]] == [one.id for one in load_catalogue().models]
    for one in told["data"]:
        assert OpenAIModel.model_validate(one).owned_by == one["provider"]
        assert one == listed(one["id"], health={})


def test_a_model_is_as_old_as_its_release():
    assert datetime.fromtimestamp(listed("gpt-4o")["created"], UTC) == datetime(
        2024, 5, 13, tzinfo=UTC
    )
    created = [one.created for one in list_models(CHOICE, NOW, {}).data]
    assert all(0 < one < NOW.timestamp() for one in created)


def test_a_model_of_the_stage_that_tells_no_release_has_no_age(monkeypatch):
    untold = load_catalogue().get("gpt-6.2-sol").model_copy(update={"released": None})
    catalogue = Catalogue(models=(untold,))
    monkeypatch.setattr("functions.api.models.load_catalogue", lambda: catalogue)
    assert listed("gpt-6.2-sol")["created"] == 0


def test_a_model_tells_its_prices_limits_and_capabilities():
    told = listed("claude-haiku-5-5")
    assert told["prices"]["price_version"] == load_prices().price_version
    assert told["prices"]["effective_from"] == "2026-11-24"
    assert told["prices"]["rates"] == [
        {
            "above_input_tokens": 0, "input_usd_per_mtok": 0.1, "output_usd_per_mtok": 0.5,
            "cached_input_usd_per_mtok": 0.01, "cache_write_usd_per_mtok": 0.125,
            "long_cache_write_usd_per_mtok": 0.2,
        },
        {
            "above_input_tokens": 100_000, "input_usd_per_mtok": 0.5, "output_usd_per_mtok": 2.5,
            "cached_input_usd_per_mtok": 0.05, "cache_write_usd_per_mtok": 0.625,
            "long_cache_write_usd_per_mtok": 1.0,
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
    told = listed("claude-haiku-5-5", ProviderChoice(frozenset(), "auto"))
    assert (told["usable"], told["mock"]) == (True, True)


def test_a_model_is_usable_until_the_day_it_retires():
    assert listed("gpt-4o", now=datetime(2027, 1, 13, tzinfo=UTC))["usable"] is True
    assert listed("gpt-4o", now=datetime(2027, 1, 14, tzinfo=UTC))["usable"] is False


def test_a_model_that_is_not_in_the_catalogue_is_not_found():
    with pytest.raises(NotFound):
        listed("gpt-99")


def test_a_model_that_was_not_called_lately_counts_as_healthy():
    assert listed("gpt-6-luna", health={})["health"] == {
        "availability": 1,
        "circuit": "closed",
        "recent_attempts": 0,
        "mean_latency_ms": None,
    }


def test_a_model_tells_how_it_has_done_lately():
    done = ModelHealth(ok=8, faults=1, throttles=1, answers=4, latency_ms=5002)
    assert listed("gpt-6-luna", health={"gpt-6-luna": done})["health"] == {
        "availability": 0.9,
        "circuit": "closed",
        "recent_attempts": 10,
        "mean_latency_ms": 1250,
    }


def test_a_circuit_opens_by_faults_and_is_half_open_after_its_rest():
    failing = ModelHealth(faults=5, last_fault_at_ms=NOW_MS)
    rested = failing.model_copy(update={"last_fault_at_ms": NOW_MS - COOLDOWN_MS})
    for health, circuit in ((failing, "open"), (rested, "half_open")):
        assert listed("gpt-6-luna", health={"gpt-6-luna": health})["health"]["circuit"] == circuit


def test_a_provider_that_refuses_our_key_opens_the_circuits_of_all_its_models():
    refused = {"openai": ModelHealth(blocked_at_ms=NOW_MS)}
    told = listed_all(refused)["data"]
    opened = {one["provider"] for one in told if one["health"]["circuit"] == "open"}
    assert opened == {"openai"}


@pytest.fixture
def state(state_table):
    return StateTable("State")


def _count(state, item_id, **added):
    expires_at = int((datetime.now(UTC) + timedelta(days=1)).timestamp())
    counts = {f"{name}|gpt-6-luna": value for name, value in added.items()}
    state.add(Change(item_id, expires_at, counts))


def test_health_is_summed_up_from_the_minutes_and_days_that_count(state):
    _count(state, minute_id("openai", NOW), ok=3)
    _count(state, minute_id("openai", NOW - timedelta(minutes=4)), ok=2, throttles=1)
    _count(state, minute_id("openai", NOW - timedelta(minutes=20)), faults=9)
    _count(state, day_id("openai", NOW - timedelta(days=1)), answers=2, latency_ms=900)
    health = current_health(SETTINGS, state, NOW)
    told = listed("gpt-6-luna", health=health)["health"]
    assert (told["recent_attempts"], told["mean_latency_ms"]) == (6, 450)


def test_health_is_read_once_for_all_models_and_again_when_it_is_old(state, monkeypatch):
    assert current_health(SETTINGS, state, NOW) == {}
    _count(state, minute_id("openai", NOW), ok=3)
    assert current_health(SETTINGS, state, NOW) == {}
    monkeypatch.setattr(reader, "MAX_AGE_S", 0)
    assert current_health(SETTINGS, state, NOW)["gpt-6-luna"].ok == 3


def test_health_that_cannot_be_read_is_null_and_no_error(state, state_table):
    boto3.client("dynamodb").delete_table(TableName=state_table.name)
    health = current_health(SETTINGS, state, NOW)
    assert health is None
    assert {one["health"] for one in listed_all(health)["data"]} == {None}
