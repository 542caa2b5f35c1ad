import re
from datetime import UTC, date, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from functions.shared.catalogue.models import TASKS, Catalogue, Model, load_catalogue
from functions.shared.vocabulary import BUILT_IN_PROVIDERS, Effort, Parameter
from tests.support.fresh_process import printed_by

TODAY = date(2026, 11, 24)
RANKED = re.compile(r"(chat & writing|coding|math|agent tasks) #(\d+) of (\d+)")
RANKING_OF_TASK = dict.fromkeys(TASKS, "chat & writing") | {
    "code": "coding",
    "analysis": "math",
    "tools": "agent tasks",
}


def _model(model_id, **changes):
    fields = {
        "id": model_id,
        "provider": "openai",
        "provider_model_id": model_id,
        "api": "chat_completions",
        "tokenizer": "o200k",
        "context_window": 1000,
        "max_output_tokens": 100,
        "capabilities": ["tools"],
        "sampling": [],
        "reasoning": False,
        "time_to_first_token_ms": 500,
        "output_tokens_per_second": 50,
        "quality_source": "made up for a test",
        "quality": dict.fromkeys(TASKS, 0.5),
    }
    return fields | changes


RETIRED = _model("a", retires_on=TODAY, successor="b")


def _catalogue(*models):
    return Catalogue.model_validate({"models": models})


def test_every_model_was_released_before_today_and_before_it_retires():
    for model in load_catalogue().models:
        assert model.released is not None, model.id
        ends = [day for day in (datetime.now(UTC).date(), model.retires_on) if day is not None]
        assert model.released < min(ends), model.id


def test_the_same_model_was_released_on_the_same_day_wherever_it_is_asked():
    days = {model.id: model.released for model in load_catalogue().models}
    for model_id, released in days.items():
        made_as = model_id.removeprefix("azure-").removeprefix("bedrock-")
        assert days.get(made_as, released) == released, model_id


@pytest.mark.parametrize(
    ("model_id", "retired_on", "live_successor"),
    [
        ("claude-3-5-sonnet", date(2025, 10, 28), "claude-sonnet-5-5"),
        ("claude-3-opus", date(2026, 1, 5), "claude-opus-5-5"),
        ("claude-3-5-haiku", date(2026, 2, 19), "claude-haiku-5-5"),
        ("gpt-4-turbo", date(2026, 10, 23), "gpt-5.6-sol"),
    ],
)
def test_models_that_their_providers_stopped_serving_are_retired(
    model_id, retired_on, live_successor
):
    model = load_catalogue().get(model_id)
    assert model.retires_on == retired_on
    assert not model.is_retired(retired_on - timedelta(days=1))
    assert model.is_retired(retired_on)
    assert load_catalogue().live_successor(model_id, TODAY).id == live_successor


@pytest.mark.parametrize(
    ("model_id", "last_day"),
    [
        ("claude-sonnet-4-5", date(2026, 11, 29)),
        ("gpt-5", date(2026, 12, 10)),
        ("gpt-4o", date(2027, 1, 13)),
        ("gpt-4o-mini", date(2027, 1, 13)),
        ("azure-gpt-4o", date(2027, 4, 13)),
    ],
)
def test_a_model_serves_until_the_day_before_it_retires(model_id, last_day):
    model = load_catalogue().get(model_id)
    assert not model.is_retired(last_day)
    assert model.is_retired(last_day + timedelta(days=1))


def test_every_retired_model_leads_to_a_live_one():
    retired = [model for model in load_catalogue().models if model.is_retired(TODAY)]
    assert retired
    for model in retired:
        assert not load_catalogue().live_successor(model.id, TODAY).is_retired(TODAY)


def test_a_live_model_is_its_own_successor():
    assert load_catalogue().live_successor("gpt-4o", TODAY).id == "gpt-4o"


def test_an_unknown_model_is_a_lookup_error():
    with pytest.raises(LookupError):
        load_catalogue().get("gpt-99")
    with pytest.raises(LookupError):
        load_catalogue().live_successor("gpt-99", TODAY)


@pytest.mark.parametrize("provider", BUILT_IN_PROVIDERS)
def test_every_provider_has_a_live_model(provider):
    models = load_catalogue().models
    assert any(model.provider == provider and not model.is_retired(TODAY) for model in models)


def test_a_reasoning_model_but_geminis_and_every_claude_of_anthropic_take_no_sampling_parameters():
    for model in load_catalogue().models:
        if (model.reasoning and model.provider != "gemini") or model.provider == "anthropic":
            assert model.sampling == (), model.id


def test_a_model_takes_what_its_interface_takes():
    for model in load_catalogue().models:
        knows_detail = model.api in {"chat_completions", "responses"} and model.provider != "gemini"
        assert model.image_detail is knows_detail, model.id
        assert model.min_output_tokens == (16 if model.api == "responses" else 1), model.id


def test_an_answer_fits_into_its_models_window():
    for model in load_catalogue().models:
        assert model.max_output_tokens < model.context_window, model.id


def test_quality_is_what_its_cited_ranks_say():
    cited = [model for model in load_catalogue().models if RANKED.search(model.quality_source)]
    assert len(cited) > 20
    for model in cited:
        found = RANKED.findall(model.quality_source)
        ranks = {name: (int(rank), int(of)) for name, rank, of in found}
        for task, value in model.quality.items():
            rank, of = ranks[RANKING_OF_TASK[task]]
            assert value == pytest.approx(1 - (rank - 1) / of, abs=0.0005), (model.id, task)


def test_quality_without_a_figure_of_its_own_is_that_of_the_model_it_names():
    borrowed = re.compile(r"(?:set equal to|the same model as) ([a-z][a-z0-9.-]*[a-z0-9])")
    for model in load_catalogue().for_text:
        if RANKED.search(model.quality_source) or model.provider == "local":
            continue
        named = borrowed.search(model.quality_source)
        assert named, model.id
        assert model.quality == load_catalogue().get(named[1]).quality, model.id


def test_the_same_model_is_of_the_same_quality_at_every_provider():
    models = load_catalogue()
    assert models.get("azure-gpt-4o").quality == models.get("gpt-4o").quality
    assert models.get("bedrock-claude-opus-5-5").quality == models.get("claude-opus-5-5").quality


@pytest.mark.parametrize(
    ("models", "problem"),
    [
        ([_model("b"), _model("a")], "unique and sorted"),
        ([_model("a"), _model("a")], "unique and sorted"),
        ([RETIRED], "is not a model"),
        ([_model("a", successor="b"), _model("b")], "no day to retire on"),
        ([RETIRED, _model("b", retires_on=TODAY)], "retires no later"),
        ([RETIRED | {"successor": "a"}, _model("b", retires_on=TODAY)], "retires no later"),
    ],
)
def test_rejects_models_out_of_order_and_successors_that_lead_nowhere(models, problem):
    with pytest.raises(ValidationError, match=problem):
        _catalogue(*models)


def test_rejects_a_quality_that_leaves_out_a_task():
    with pytest.raises(ValidationError, match="quality must name exactly"):
        Model.model_validate(_model("a", quality={"chat": 0.5}))


@pytest.mark.parametrize(
    "changes",
    [
        {"colour": "red"},
        {"context_window": 0},
        {"capabilities": ["telepathy"]},
        {"sampling": ["seed"]},
        {"provider": "No Body"},
        {"api": "telegraph"},
        {"tool_choices": ["perhaps"]},
        {"max_temperature": 0},
        {"min_output_tokens": 0},
        {"quality": dict.fromkeys(TASKS, 1.1)},
        {"quality_source": ""},
    ],
)
def test_rejects_what_the_catalogue_does_not_know(changes):
    with pytest.raises(ValidationError):
        Model.model_validate(_model("a", **changes))


def test_a_model_without_a_live_successor_is_a_lookup_error():
    catalogue = _catalogue(_model("a", retires_on=TODAY))
    with pytest.raises(LookupError, match="no live successor"):
        catalogue.live_successor("a", TODAY)


@given(st.lists(st.one_of(st.none(), st.integers(0, 5)), min_size=1, max_size=6))
def test_a_line_of_successors_ends_in_a_live_model_whenever_one_lives(gaps):
    retires_on = [None if gap is None else TODAY + timedelta(days=gap) for gap in gaps]
    models = [
        _model(f"m{index}", retires_on=day, successor=f"m{index + 1}" if day else None)
        for index, day in enumerate(retires_on)
    ]
    models[-1] |= {"retires_on": None, "successor": None}
    try:
        catalogue = _catalogue(*models)
    except ValidationError:
        return
    then = TODAY + timedelta(days=9)
    assert not catalogue.live_successor("m0", then).is_retired(then)


def test_reading_the_catalogue_and_its_prices_loads_neither_an_sdk_nor_the_price_package():
    script = """
import sys
from functions.shared.catalogue.models import load_catalogue
from functions.shared.catalogue.pricing import load_prices
load_catalogue(), load_prices()
print(*(name for name in sys.modules if "." not in name))
"""
    loaded = set(printed_by(script).split())
    assert not {"boto3", "botocore", "genai_prices", "openai", "anthropic"} & loaded


def test_a_model_that_sees_images_says_what_the_largest_one_costs():
    for model in load_catalogue().models:
        assert bool(model.image_tokens_most) is ("images" in model.capabilities), model.id
        assert (model.image_tokens_low is not None) is model.image_detail, model.id
        if model.image_tokens_low is not None:
            assert 0 < model.image_tokens_low < model.image_tokens_most, model.id


@pytest.mark.parametrize(
    ("model_id", "most", "low"),
    [
        ("gpt-4o", 85 + 8 * 170, 85),
        ("gpt-4o-mini", 2_833 + 8 * 5_667, 2_833),
        ("azure-gpt-4o-mini", 48_169, 2_833),
        ("gpt-5", 70 + 8 * 140, 70),
        ("claude-sonnet-4-5", 1_600, None),
    ],
)
def test_the_largest_image_is_counted_as_its_provider_does(model_id, most, low):
    model = load_catalogue().get(model_id)
    assert (model.image_tokens_most, model.image_tokens_low) == (most, low)


def test_a_photo_of_twelve_megapixels_is_within_the_largest_image():
    assert load_catalogue().get("gpt-6-astra").image_tokens_most >= 14_364
    assert load_catalogue().get("claude-opus-5-5").image_tokens_most >= 4_005


def test_an_effort_is_known_by_models_that_reason_where_their_interface_has_a_word_for_it():
    for model in load_catalogue().models:
        assert bool(model.efforts) is (model.reasoning and model.api != "converse"), model.id
        assert list(model.efforts) == [one for one in get_args(Effort) if one in model.efforts]
        if model.effort_with_tools:
            assert (model.api, model.efforts[0]) == ("chat_completions", "none")


def test_no_model_takes_what_its_interface_has_no_word_for():
    words = {
        "chat_completions": set(get_args(Parameter)),
        "responses": {"parallel_tool_calls", "verbosity", "user"},
        "messages": {"stop", "parallel_tool_calls", "user"},
        "converse": {"stop"},
        "onnx": set(),
        "embeddings": {"user"},
        "titan_embeddings": set(),
        "cohere_embeddings": set(),
    }
    for model in load_catalogue().models:
        assert set(model.parameters) <= words[model.api], model.id
        assert not (model.reasoning and {"logit_bias", "frequency_penalty"} & set(model.parameters))


def test_claude_goes_on_from_its_own_words_up_to_4_5():
    goes_on = {model.id for model in load_catalogue().models if model.prefill}
    claude = {one.removeprefix("bedrock-") for one in goes_on if "claude" in one}
    assert claude == {
        "claude-3-opus", "claude-3-5-haiku", "claude-3-5-sonnet", "claude-haiku-4-5",
        "claude-sonnet-4-5",
    }  # fmt: skip


def test_a_cache_is_written_unasked_by_openais_models_from_gpt_5_6_on():
    writing = {model.id for model in load_catalogue().models if model.implicit_cache_writes}
    newer = re.compile(r"(azure-)?gpt-(5\.6|6)")
    assert writing == {model.id for model in load_catalogue().models if newer.match(model.id)}


def test_inference_geo_is_taken_by_anthropics_models_from_4_6_on():
    older = {"claude-haiku-4-5", "claude-sonnet-4-5"}
    for model in load_catalogue().models:
        newer = model.provider == "anthropic" and not model.id.startswith("claude-3")
        assert model.inference_geo is (newer and model.id not in older), model.id
