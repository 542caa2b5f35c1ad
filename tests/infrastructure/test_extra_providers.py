"""Providers that a stage adds, from their configuration to what the functions get of it."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App
from pydantic import ValidationError

from functions.shared.catalogue.additions import Additions
from functions.shared.catalogue.models import TASKS, catalogue_with
from functions.shared.catalogue.pricing import prices_with
from stacks.config import StageConfig
from stacks.lint import LONGEST_NAME, stage_findings
from tests.support.synthesized import TODAY, Stage, flat, stages_with, synthesized

pytestmark = pytest.mark.xdist_group("synthesis")

MODEL: dict[str, Any] = {
    "id": "acme-1",
    "context_window": 64_000,
    "prices": {"input": 0.5, "output": "1.5", "cached_input": 0},
}
ACME: dict[str, Any] = {
    "name": "acme_ai",
    "base_url": "https://api.acme.example/v1",
    "models": [MODEL, {"id": "acme-unpriced", "context_window": 8_000}],
}
VLLM: dict[str, Any] = {
    "name": "vllm",
    "base_url": "https://models.example.org/v1",
    "secret": "team/vllm",
    "streamed": False,
    "models": [
        {"id": "llama3.2", "context_window": 8_192, "prices": {"input": 0, "output": 0}}
        | {"provider_model_id": "meta-llama/Llama-3.2-3B", "quality": {"chat": 0.4}}
    ],
}
BOTH = [ACME, VLLM]


def read(*extra: dict[str, Any], stage: str = "dev", **settings: Any) -> StageConfig:
    stages = stages_with(stage, extra_providers=list(extra), **settings)
    return StageConfig.from_context(App(context={"stages": stages, "stage": stage}).node)


def _with_model(**changes: Any) -> dict[str, Any]:
    return {**ACME, "models": [{**MODEL, **changes}]}


@pytest.mark.parametrize(
    ("extra", "way"),
    [
        ([{**ACME, "name": "Acme"}], r"extra_providers\.0\.name"),
        ([{**ACME, "name": "a"}], r"extra_providers\.0\.name"),
        ([{**ACME, "name": "openai"}], r"name: openai is built in"),
        ([{**ACME, "name": "simulator"}], r"name: simulator is built in"),
        ([{**ACME, "name": "azure__openai"}], r"0\.name: azure__openai is too like"),
        ([ACME, {**VLLM, "name": "acme_ai"}], r"1\.name: acme_ai is too like"),
        ([{**ACME, "base_url": "ftp://api.acme.example"}], "base_url: must be an address"),
        ([{**ACME, "base_url": "https://u:p@api.acme.example"}], "base_url: must hold no user"),
        ([{**ACME, "base_url": "https://api.acme.example?key=1"}], "base_url: must hold no user"),
        ([{**ACME, "base_url": "http://api.acme.example"}], r"0\.base_url: must be https"),
        ([VLLM, {**ACME, "base_url": "https://10.0.0.1/v1"}], r"1\.base_url: must have a host"),
        ([{**ACME, "base_url": "https://vllm.internal/v1"}], r"0\.base_url: must not lead into"),
        ([{**ACME, "secret": "two words"}], r"extra_providers\.0\.secret"),
        ([{**ACME, "api_key": "sk-1"}], r"extra_providers\.0\.api_key"),
        ([{**ACME, "models": []}], r"extra_providers\.0\.models"),
        ([_with_model(id="gpt-4o")], r"0\.models\.0\.id: there is a gpt-4o already"),
        ([ACME, {**VLLM, "models": [MODEL]}], r"1\.models\.0\.id: there is a acme-1 already"),
        ([_with_model(context_window=0)], r"extra_providers\.0\.models\.0\.context_window"),
        ([_with_model(context=1)], r"extra_providers\.0\.models\.0\.context\b"),
        ([_with_model(api="messages")], r"extra_providers\.0\.models\.0\.api"),
        ([_with_model(capabilities=["fly"])], r"extra_providers\.0\.models\.0\.capabilities"),
        ([_with_model(quality=1.5)], r"extra_providers\.0\.models\.0\.quality"),
        ([_with_model(quality={"cook": 1})], r"extra_providers\.0\.models\.0"),
        ([_with_model(provider="openai")], r"extra_providers\.0\.models\.0\.provider"),
        ([_with_model(prices={"input": 1})], r"extra_providers\.0\.models\.0\.prices\.output"),
        (
            [_with_model(prices={"input": -1, "output": 1})],
            r"extra_providers\.0\.models\.0\.prices\.input",
        ),
    ],
)
def test_what_is_wrong_with_a_provider_is_refused_by_its_place(extra: Any, way: str) -> None:
    with pytest.raises(ValidationError, match=way):
        read(*extra)


def test_locally_a_provider_may_stand_on_this_machine() -> None:
    ours = {**ACME, "base_url": "http://127.0.0.1:11434/v1"}
    assert read(ours, stage="local").extra_providers[0].base_url == ours["base_url"]


def test_an_extra_provider_counts_as_configured_and_may_have_a_factor_and_the_baseline() -> None:
    config = read(*BOTH, price_factors={"acme_ai": "1.1"}, savings_baseline="acme-1")
    assert {"acme_ai", "vllm"} < set(config.providers_configured)
    assert config.price_factors == {"acme_ai": Decimal("1.1")}
    with pytest.raises(ValidationError, match="price_factors"):
        read(ACME, price_factors={"vllm": 1})
    with pytest.raises(ValidationError, match="savings_baseline"):
        read(ACME, savings_baseline="acme-unpriced")


def test_what_is_left_out_of_a_model_is_the_careful_guess() -> None:
    model = catalogue_with(read(*BOTH).additions).get("acme-1")
    assert (model.provider, model.provider_model_id) == ("acme_ai", "acme-1")
    assert (model.api, model.output_limit_name) == ("chat_completions", "max_tokens")
    assert (model.tokenizer, model.capabilities) == ("claude", frozenset())
    assert model.quality == dict.fromkeys(TASKS, 0.5)
    named = catalogue_with(read(*BOTH).additions).get("llama3.2")
    assert (named.provider_model_id, named.streamed) == ("meta-llama/Llama-3.2-3B", False)
    assert (named.quality["chat"], named.quality["code"]) == (0.4, 0.5)


def test_nought_is_a_price_and_none_is_none() -> None:
    prices = prices_with(read(*BOTH).additions)
    rates = prices.in_force("acme-1", date(2026, 11, 26)).rates[0]
    assert (rates.input_usd_per_mtok, rates.cached_input_usd_per_mtok) == (
        Decimal("0.5"),
        Decimal(0),
    )
    assert prices.in_force("llama3.2", date(2026, 11, 26)).rates[0].output_usd_per_mtok == 0
    assert "acme-unpriced" not in prices.models


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    stages = stages_with("dev", extra_providers=BOTH)
    return synthesized("dev", tmp_path_factory.mktemp("extra"), stages=stages)


def test_every_function_gets_the_same_additions_with_its_code(stage: Stage) -> None:
    found = {file.read_text("utf-8") for file in stage.directory.rglob("additions.json")}
    assert len(found) == 1
    assert Additions.model_validate_json(found.pop()) == read(*BOTH).additions
    code = {
        json.dumps(one["Code"])
        for one in stage.pipeline.resources("AWS::Lambda::Function").values()
        if one["Handler"].startswith("functions.")
    }
    assets = [file.parents[3] for file in stage.directory.rglob("additions.json")]
    assert len(code) == len(assets)
    assert all((asset / "functions/score/handler.py").exists() for asset in assets)


def test_a_stage_without_extra_providers_carries_no_additions(prod: Stage) -> None:
    assert list(prod.directory.rglob("additions.json")) == []


def test_an_extra_provider_has_a_function_a_layer_and_a_way_in_the_machine(stage: Stage) -> None:
    for name, provider in (("InvokeAcmeAi", "acme_ai"), ("InvokeVllm", "vllm")):
        function = stage.pipeline.named("AWS::Lambda::Function", f"Functions{name}")
        assert function["Environment"]["Variables"]["PROVIDER"] == provider
        assert len(function["Layers"]) == 2
        machine = stage.pipeline.named("AWS::StepFunctions::StateMachine", "GenerateMachine")
        states = json.loads(machine["DefinitionString"])["States"]
        assert states["Score"]["Assign"]["functions"][provider] == f"${{{name}Arn}}"
        assert f"{name}Arn" in machine["DefinitionSubstitutions"]


def test_an_extra_provider_reads_its_own_secret_and_no_other(stage: Stage) -> None:
    secrets = stage.storage.resources("AWS::SecretsManager::Secret").values()
    names = {secret["Name"] for secret in secrets}
    assert "llm-orchestrator/dev/acme_ai" in names
    assert not any("vllm" in name for name in names)
    readable = {
        role: flat(statement["Resource"])
        for role in stage.pipeline.resources("AWS::IAM::Role")
        for statement in stage.pipeline.statements(role)
        if statement["Action"] == "secretsmanager:GetSecretValue"
    }
    [acme] = [arn for role, arn in readable.items() if "InvokeAcmeAi" in role]
    [vllm] = [arn for role, arn in readable.items() if "InvokeVllm" in role]
    assert "AcmeAiSecret" in acme
    assert vllm.endswith(":secret:team/vllm-??????")
    assert [arn for arn in readable.values() if arn.endswith("??????")] == [vllm]


def test_a_stage_of_another_name_with_extra_providers_and_a_pool_has_no_finding(
    tmp_path: Path,
) -> None:
    stages = stages_with(LONGEST_NAME, extra_providers=BOTH, auth={"cognito": True})
    assert stage_findings(LONGEST_NAME, tmp_path, stages=stages, today=TODAY) == []
    report = json.loads((tmp_path / "validation-report.json").read_text("utf-8"))
    assert [item["conclusion"] for item in report["pluginReports"]] == ["success"]
