from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from aws_cdk import App
from pydantic import ValidationError

from functions.shared.vocabulary import BUILT_IN_PROVIDERS
from stacks.compute.function_table import simulated
from stacks.config import Deadlines, StageConfig, UnknownStage
from stacks.storage import SECRET_FIELDS
from tests.support.synthesized import stages_with


def read(stage: str, stages: dict[str, Any] | None = None, /, **context: Any) -> StageConfig:
    app = App(context={"stages": stages or stages_with("dev"), "stage": stage, **context})
    return StageConfig.from_context(app.node)


@pytest.mark.parametrize("name", ["Staging", "1st", "pre_prod", "dev-", "a-very-long-stage-name"])
def test_a_name_that_not_every_resource_may_have_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="stage"):
        read(name, stages_with(name))


@pytest.mark.parametrize("name", ["s", "staging", "eu-2", "a-stage-of-20-letter"])
def test_any_other_name_is_a_stage(name: str) -> None:
    assert read(name, stages_with(name)).service == f"llm-orchestrator-{name}"


def test_an_unknown_stage_is_refused() -> None:
    with pytest.raises(UnknownStage, match=r"no stage 'staging', only local, dev, prod$"):
        read("staging")


def test_bedrocks_endpoint_is_aws_own_outside_the_local_stage() -> None:
    with pytest.raises(ValidationError, match="local stage only"):
        read("prod", bedrock_endpoint_url="http://127.0.0.1:9")


@pytest.mark.parametrize("name", ["acme", "local"])
def test_a_provider_that_no_stage_can_lack_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="providers"):
        read("local", providers=f"openai,{name}")


def test_a_stage_may_lack_every_provider_but_the_local_models() -> None:
    everything = ",".join(set(BUILT_IN_PROVIDERS) - {"local"})
    assert set(read("dev", providers=everything).providers_configured) == set(BUILT_IN_PROVIDERS)
    assert read("dev", providers="").providers_configured == ("local",)
    assert SECRET_FIELDS.keys() < set(BUILT_IN_PROVIDERS)


@pytest.mark.parametrize("name", ["requests_per_second", "burst_requests", "requests_per_day"])
@pytest.mark.parametrize("value", ["0", "many"])
def test_a_limit_that_is_none_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValidationError, match=name):
        read("local", **{name: value})


@pytest.mark.parametrize("name", ["routing_policy", "shadow_policy"])
def test_a_policy_without_a_file_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match=r"has no missing\.json"):
        read("local", **{name: "missing"})


@pytest.mark.parametrize(
    ("name", "value", "read_as"),
    [
        ("log_retention_days", "30", 30),
        ("provider_concurrency", "7", 7),
        ("snap_start", "false", False),
        ("alarm_emails", "a@example.com,b@example.com", ("a@example.com", "b@example.com")),
        ("mock_providers", "always", "always"),
    ],
)
def test_the_command_line_can_set_every_field_that_is_no_object(
    name: str, value: str, read_as: object
) -> None:
    assert getattr(read("dev", **{name: value}), name) == read_as


def test_the_day_is_todays_unless_it_is_given() -> None:
    assert read("dev", today="2026-11-26").today.isoformat() == "2026-11-26"
    before = datetime.now(UTC).date()
    assert before <= read("dev").today <= datetime.now(UTC).date()


@pytest.mark.parametrize(
    "deadlines", [{"sync_ms": 28_001}, {"async_ms": 870_001}, {"sync_ms": 0}, {"async_ms": 0}]
)
def test_a_deadline_that_aws_would_cut_short_is_refused(deadlines: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match=next(iter(deadlines))):
        read("dev", stages_with("dev", deadlines=deadlines))


@pytest.mark.parametrize(
    ("deadlines", "timeout_s"),
    [
        (Deadlines(), 270),
        (Deadlines(async_ms=870_000), 900),
        (Deadlines(async_ms=5_000), 56),
        (Deadlines(async_ms=100_001), 131),
    ],
)
def test_a_provider_function_outlives_the_longest_deadline(
    deadlines: Deadlines, timeout_s: int
) -> None:
    assert deadlines.function_timeout_s == timeout_s


def test_a_stage_says_what_it_pays_a_provider_as_a_multiple_of_the_list_price() -> None:
    assert read("dev").price_factors == {}
    told = read("dev", stages_with("dev", price_factors={"azure_openai": 1.2, "openai": "1.1"}))
    assert told.price_factors == {"azure_openai": Decimal("1.2"), "openai": Decimal("1.1")}


@pytest.mark.parametrize(
    "told", [{"gpt-4o": "cut"}, '{"gpt-4o": {"fault": "cut"}}'], ids=["in the file", "as a text"]
)
def test_a_stage_says_how_its_simulator_fails(told: Any) -> None:
    assert read("dev").simulator_faults == {}
    assert read("dev").simulator_latency is False
    faults = read("dev", stages_with("dev", simulator_faults=told)).simulator_faults
    assert (faults["gpt-4o"].fault, faults["gpt-4o"].share) == ("cut", 1)


def test_the_simulators_function_alone_is_told_of_it() -> None:
    told = stages_with("dev", simulator_latency=True, simulator_faults={"openai": "cut"})
    assert simulated(read("dev", told)) == {
        "SIMULATOR_LATENCY": "1",
        "SIMULATOR_FAULTS": '{"openai": {"fault": "cut", "share": 1.0}}',
    }
    assert simulated(read("dev")) == {}


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"gpt-99": "cut"}, "simulator_faults"),
        ({"gpt-4o": "slow"}, "simulator_faults.gpt-4o.fault"),
        ({"*": {"fault": "cut", "share": -1}}, r"simulator_faults.\*.share"),
    ],
)
def test_a_fault_that_is_none_is_refused_by_its_field(told: Any, field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        read("dev", stages_with("dev", simulator_faults=told))


def test_a_stage_names_the_model_that_savings_are_reckoned_against() -> None:
    assert read("dev").savings_baseline is None
    told = read("dev", stages_with("dev", savings_baseline="gpt-4o"))
    assert told.savings_baseline == "gpt-4o"
    with pytest.raises(ValidationError, match="savings_baseline"):
        read("dev", stages_with("dev", savings_baseline="gpt-99"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("unstreamed_providers", ["acme"]),
        ("silence", {"first_token_s": 0}),
        ("silence", {"last_token_s": 5}),
    ],
)
def test_a_stream_or_a_silence_that_means_nothing_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValidationError, match=name):
        read("dev", stages_with("dev", **{name: value}))


@pytest.mark.parametrize("factors", [{"openai": 0}, {"openai": -1}, {"acme": 1}, {"openai": 11}])
def test_a_factor_that_no_provider_can_cost_is_refused(factors: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match="price_factors"):
        read("dev", stages_with("dev", price_factors=factors))
