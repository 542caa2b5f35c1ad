"""A stage that lets pages of another origin in: it is one more to synthesize."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from functions.shared.gateway.response_headers import json_headers
from stacks.api.routes import ROUTES
from tests.infrastructure.test_api import gateway_responses, methods
from tests.support.synthesized import Stage, synthesized

pytestmark = pytest.mark.xdist_group("synthesis")

ROOT = Path(__file__).parents[2]
_OWN_HEADER = re.compile(r"(?i)x-stainless-[a-z-]+")
ORIGIN = "https://app.example.com"


@pytest.fixture(scope="module")
def open_stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return synthesized("dev", tmp_path_factory.mktemp("dev"), cors_allow_origin=ORIGIN)


def quoted(headers: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {f"{prefix}.header.{name}": f"'{value}'" for name, value in headers.items()}


def test_every_path_of_the_api_answers_a_preflight_without_a_key(open_stage: Stage) -> None:
    preflights = {
        path: method for (verb, path), method in methods(open_stage).items() if verb == "OPTIONS"
    }
    assert preflights.keys() == {f"/{route.path}" for route in ROUTES if route.is_of_api}
    for path, method in preflights.items():
        assert (method["AuthorizationType"], method["ApiKeyRequired"]) == ("NONE", False)
        assert method["Integration"]["Type"] == "MOCK"
        (answer,) = method["Integration"]["IntegrationResponses"]
        told = answer["ResponseParameters"]
        allowed = told["method.response.header.Access-Control-Allow-Methods"].strip("'")
        verbs = {route.verb for route in ROUTES if f"/{route.path}" == path}
        assert {*allowed.split(",")} == verbs
        assert told["method.response.header.Access-Control-Allow-Origin"] == f"'{ORIGIN}'"
        assert told["method.response.header.Vary"] == "'Origin'"
        asked = told["method.response.header.Access-Control-Allow-Headers"].strip("'").split(",")
        assert {*asked} >= {"X-API-Key", "Authorization", "Content-Type", "Idempotency-Key"}
        told = (name.lower() for name in asked)
        assert {*told} >= {"openai-organization", "openai-project", *_sent_by_openais_client()}


def _sent_by_openais_client() -> set[str]:
    """Whatever of its own its JavaScript sends."""
    files = (ROOT / "node_modules" / "openai").rglob("*.js")
    named = {one.lower() for file in files for one in _OWN_HEADER.findall(file.read_text("utf-8"))}
    assert "x-stainless-retry-count" in named
    return named


def test_whoever_makes_an_answer_lets_the_origin_read_it(open_stage: Stage) -> None:
    headers = json_headers(ORIGIN)
    assert headers["Access-Control-Allow-Origin"] == ORIGIN
    for response in gateway_responses(open_stage).values():
        told = response["ResponseParameters"]
        assert quoted(headers, "gatewayresponse").items() <= told.items()
    wanted = quoted(headers, "method.response")
    for path in ("/v1/generate", "/v1/jobs"):
        method = methods(open_stage)["POST", path]
        for answer in method["Integration"]["IntegrationResponses"]:
            assert answer["ResponseParameters"] == wanted
        for declared in method["MethodResponses"]:
            assert declared["ResponseParameters"] == dict.fromkeys(wanted, True)
    functions = open_stage.pipeline.resources("AWS::Lambda::Function")
    told_to = {
        name
        for name in ("Api", "Admin", "Metrics", "Route", "Console", "Classify", "Authorize")
        for logical_id, function in functions.items()
        if logical_id.startswith(f"Functions{name}")
        and function["Environment"]["Variables"].get("CORS_ALLOW_ORIGIN") == ORIGIN
    }
    assert told_to == {"Api", "Admin", "Metrics", "Route"}


def test_without_an_origin_no_answer_lets_another_in(prod: Stage) -> None:
    assert "Access-Control" not in prod.pipeline.text
    assert "CORS_ALLOW_ORIGIN" not in prod.pipeline.text
    assert "OPTIONS" not in {verb for verb, _ in methods(prod)}
