import pytest

from functions.score.ranking import rank
from functions.shared.catalogue.models import load_catalogue
from functions.shared.contracts.decision import ModelHealth, RoutingContext
from functions.shared.errors import NoEligibleModel, NotFound
from functions.shared.policy.routing_policy import load_policy
from tests.support.builders import STARTED_AT_MS, profile

SMALL, LARGE, TITAN = "text-embedding-3-small", "text-embedding-3-large", "titan-embed-text-v2"
ALL = RoutingContext(
    providers_configured=["openai", "azure_openai", "anthropic", "bedrock", "gemini"]
)


def _rank(family=SMALL, context=ALL, model=None, fallback=True, max_cost_nano_usd=None, **asked):
    size = {"words": 30, "letters": 160}
    vectors = {"family": family, "inputs": 1, "longest": size, **asked}
    told = profile(
        "embedding", vectors=vectors, model=model, fallback=fallback, input_size=size,
        input_bound={"other_bytes": 200}, max_cost_nano_usd=max_cost_nano_usd,
    )  # fmt: skip
    return rank(told, load_catalogue(), load_policy("default"), context)


def _asked(decision):
    return {one.model for one in (*decision.candidates, *decision.reserve)}


def _out(decision):
    return {one.model: one.reason for one in decision.excluded}


def test_models_of_one_family_alone_stand_in_for_each_other():
    assert _asked(_rank()) == {SMALL, f"azure-{SMALL}"}
    assert _asked(_rank(TITAN)) == {"bedrock-titan-embed-text-v2"}


def test_every_other_model_of_vectors_is_out_with_its_reason_and_no_model_of_texts_is_named():
    out = _out(_rank())
    assert out[LARGE] == f"makes other vectors than {SMALL}"
    assert "gpt-4o" not in out
    texts = rank(profile(), load_catalogue(), load_policy("default"), ALL)
    assert not {SMALL, "bedrock-titan-embed-text-v2"} & {*_asked(texts), *_out(texts)}


def test_a_pinned_model_falls_back_within_its_family_and_nowhere_without():
    pinned = _rank(model=f"azure-{SMALL}")
    assert pinned.candidates[0].model == f"azure-{SMALL}"
    assert _asked(pinned) == {SMALL, f"azure-{SMALL}"}
    assert _asked(_rank(model=SMALL, fallback=False)) == {SMALL}


def test_a_family_is_asked_by_price_and_health():
    ill = ModelHealth(ok=0, faults=9, last_fault_at_ms=STARTED_AT_MS - 1000)
    context = ALL.model_copy(update={"health": {SMALL: ill}})
    assert _rank(context=context).candidates[0].model == f"azure-{SMALL}"
    dear = ALL.model_copy(update={"price_factors": {"openai": 3}})
    assert _rank(context=dear).candidates[0].model == f"azure-{SMALL}"


@pytest.mark.parametrize(
    ("family", "dimensions", "is_made"),
    [
        (SMALL, 1536, True), (SMALL, 7, True), (SMALL, 1537, False), (LARGE, 3072, True),
        (TITAN, 256, True), (TITAN, 1024, True), (TITAN, 300, False), ("cohere-embed-v4", 512, True),
        ("cohere-embed-english-v3", 1024, True), ("cohere-embed-english-v3", 512, False),
    ],
)  # fmt: skip
def test_dimensions_that_no_model_of_the_family_makes_are_said(family, dimensions, is_made):
    if is_made:
        assert _asked(_rank(family, dimensions=dimensions))
        return
    with pytest.raises(NoEligibleModel) as raised:
        _rank(family, dimensions=dimensions)
    assert f"makes no vectors of {dimensions} dimensions" in raised.value.message


def test_token_ids_are_for_models_that_take_them():
    assert _asked(_rank(token_ids=9, longest_token_ids=9)) == {SMALL, f"azure-{SMALL}"}
    with pytest.raises(NoEligibleModel, match="takes texts, and no token ids"):
        _rank(TITAN, token_ids=9, longest_token_ids=9)


def test_the_window_is_that_of_one_input_and_not_of_all():
    assert _asked(_rank(token_ids=100_000, longest_token_ids=8_192))
    with pytest.raises(NoEligibleModel, match="window"):
        _rank(token_ids=100_000, longest_token_ids=8_193)


def test_token_ids_are_priced_to_the_nano_dollar():
    decision = _rank(token_ids=1_000, longest_token_ids=1_000)
    assert {one.estimated_cost_nano_usd for one in decision.candidates} == {20_000}
    assert {one.estimated_output_tokens for one in decision.candidates} == {0}


def test_the_baseline_is_a_model_that_makes_vectors_whatever_the_stage_names():
    stage = ALL.model_copy(update={"savings_baseline": "gpt-6-astra"})
    assert _rank(context=stage).baseline_model in {SMALL, f"azure-{SMALL}"}


def test_a_limit_on_money_holds_for_vectors():
    with pytest.raises(NoEligibleModel, match="needs at least"):
        _rank(max_cost_nano_usd=1)


def test_an_unknown_model_is_not_found():
    with pytest.raises(NotFound):
        _rank("", model="text-embedding-9")
