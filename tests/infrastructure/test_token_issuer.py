import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from functions.shared.token_issuer import TokenIssuer
from stacks.config import StageConfig
from tests.support.synthesized import Stage, flat, stages_with, synthesized

pytestmark = pytest.mark.xdist_group("synthesis")

JWT = {"issuer": "https://issuer.example", "audience": "the-gateway"}
COGNITO = ("AWS::Cognito::UserPool", "AWS::Cognito::UserPoolClient")


def config(stage: str = "dev", **settings: Any) -> StageConfig:
    return StageConfig.model_validate({**stages_with(stage)[stage], "stage": stage, **settings})


def authorize(stage: Stage) -> dict[str, Any]:
    return stage.pipeline.named("AWS::Lambda::Function", "FunctionsAuthorize")


def layers_of(function: dict[str, Any]) -> set[str]:
    return {
        one["Ref"].removeprefix("Functions").partition("Layer")[0] for one in function["Layers"]
    }


@pytest.fixture(scope="module")
def pooled(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    auth = {"cognito": True, "plan_claim": "cognito:groups"}
    stages = stages_with("pooled", auth=auth, protect_data=True)
    return synthesized("pooled", tmp_path_factory.mktemp("pooled"), stages=stages)


def test_a_stage_without_an_issuer_takes_keys_alone(prod: Stage) -> None:
    assert "JWT" not in authorize(prod)["Environment"]["Variables"]
    assert layers_of(authorize(prod)) == {"Core"}
    assert not [kind for kind in COGNITO if prod.storage.resources(kind)]


def test_an_issuer_reaches_the_authorizer_and_what_verifies_its_tokens(tmp_path: Path) -> None:
    stage = synthesized("dev", tmp_path, stages=stages_with("dev", jwt=JWT))
    told = TokenIssuer.model_validate_json(authorize(stage)["Environment"]["Variables"]["JWT"])
    assert (told.issuer, told.audience, told.caller_claim) == (*JWT.values(), "sub")
    # Who enters a subject has to say whose it is.
    admin = stage.pipeline.named("AWS::Lambda::Function", "FunctionsAdmin")["Environment"]
    assert admin["Variables"]["JWT"] == authorize(stage)["Environment"]["Variables"]["JWT"]
    functions = stage.pipeline.resources("AWS::Lambda::Function")
    carrying = [name for name, one in functions.items() if "Jwt" in layers_of(one)]
    assert [name[:18] for name in carrying] == ["FunctionsAuthorize"]


def test_a_pool_is_the_issuer_and_its_client_the_audience(pooled: Stage) -> None:
    told = TokenIssuer.model_validate_json(
        flat(authorize(pooled)["Environment"]["Variables"]["JWT"])
    )
    assert told.issuer.startswith("https://<")
    assert "UserPool" in told.issuer
    assert "ProviderName" in told.issuer
    assert "UserPoolCallers" in told.audience
    assert (told.plan_claim, told.jwks_url) == ("cognito:groups", None)
    assert {"UserPoolId", "UserPoolClientId"} <= pooled.storage.document["Outputs"].keys()


def test_nobody_enters_himself_into_the_pool_and_passwords_are_strong(pooled: Stage) -> None:
    (pool,) = pooled.storage.resources(COGNITO[0]).values()
    assert pool["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}
    assert pool["Policies"]["PasswordPolicy"]["MinimumLength"] == 12
    assert (pool["MfaConfiguration"], pool["EnabledMfas"]) == ("OPTIONAL", ["SOFTWARE_TOKEN_MFA"])
    assert pool["DeletionProtection"] == "ACTIVE"
    (client,) = pooled.storage.resources(COGNITO[1]).values()
    assert "ALLOW_USER_PASSWORD_AUTH" not in client["ExplicitAuthFlows"]
    assert client["PreventUserExistenceErrors"] == "ENABLED"
    policies = {
        item["DeletionPolicy"]
        for item in pooled.storage.document["Resources"].values()
        if item["Type"] == COGNITO[0]
    }
    assert policies == {"Retain"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"issuer": "http://issuer.example"}, "issuer"),
        ({"jwks_url": "http://issuer.example/keys"}, "jwks_url"),
        ({"jwks_url": "file:///etc/hostname"}, "jwks_url"),
        ({"issuer": ""}, "issuer"),
        ({"audience": ""}, "audience"),
        ({"audience": None}, "audience"),
        ({"caller_claim": ""}, "caller_claim"),
        ({"algorithms": []}, "algorithms"),
        ({"algorithms": ["RS256", "HS256"]}, "algorithms"),
        ({"algorithms": ["none"]}, "algorithms"),
        ({"secret": "x"}, "secret"),
    ],
)
def test_an_issuer_that_could_be_forged_or_is_none_is_refused(
    changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(ValidationError, match=field):
        config(jwt=JWT | changes)


def test_an_issuer_without_tls_is_for_the_local_stage() -> None:
    local = config("local", jwt=json.dumps({**JWT, "issuer": "http://127.0.0.1:9"}))
    assert local.jwt is not None
    assert local.jwt.issuer == "http://127.0.0.1:9"
    with pytest.raises(ValidationError, match="jwks_url"):
        config("local", jwt={**JWT, "jwks_url": "file:///etc/hostname"})


def test_tokens_have_one_issuer() -> None:
    with pytest.raises(ValidationError, match="one issuer"):
        config(jwt=JWT, auth={"cognito": True})


def test_a_pools_keys_are_aws_own_outside_the_local_stage() -> None:
    with pytest.raises(ValidationError, match="local stage only"):
        config(auth={"cognito": True, "cognito_endpoint_url": "http://127.0.0.1:9"})


def test_locally_a_pools_keys_are_at_the_local_aws(tmp_path: Path) -> None:
    auth = {"cognito": True, "cognito_endpoint_url": "http://127.0.0.1:9"}
    stage = synthesized("local", tmp_path, auth=json.dumps(auth))
    told = flat(authorize(stage)["Environment"]["Variables"]["JWT"])
    jwks_url = str(TokenIssuer.model_validate_json(told).jwks_url)
    assert jwks_url.startswith("http://127.0.0.1:9/<")
    assert jwks_url.endswith(">/.well-known/jwks.json")
