from datetime import date

from functions.shared.catalogue.models import load_catalogue
from stacks.compute.bedrock_access import (
    ModelArns,
    Place,
    arns_of,
    bedrock_models,
    model_statements,
    wildcards_of,
)

HERE = Place("aws", "eu-west-1", "123456789012")


def test_a_models_own_id_is_called_here_and_nowhere_else():
    assert arns_of("meta.llama3-8b-instruct-v1:0", HERE) == ModelArns(
        "arn:aws:bedrock:eu-west-1::foundation-model/meta.llama3-8b-instruct-v1:0"
    )


def test_a_geographys_profile_reaches_its_model_in_every_region():
    assert arns_of("eu.anthropic.claude-haiku-5-5", HERE) == ModelArns(
        "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-haiku-5-5",
        ("arn:aws:bedrock:*::foundation-model/anthropic.claude-haiku-5-5",),
    )


def test_a_global_profile_reaches_its_model_here_and_without_a_region():
    assert arns_of("global.anthropic.claude-haiku-5-5", HERE) == ModelArns(
        "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/global.anthropic.claude-haiku-5-5",
        (
            "arn:aws:bedrock:eu-west-1::foundation-model/anthropic.claude-haiku-5-5",
            "arn:aws:bedrock:::foundation-model/anthropic.claude-haiku-5-5",
        ),
    )


def test_a_model_behind_a_profile_is_called_model_way_of_its_profile_only():
    own, profile = "meta.llama3-8b-instruct-v1:0", "us.meta.llama4-maverick-17b-instruct-v1:0"
    direct, reached = (
        statement.to_statement_json()
        for statement in model_statements([own, profile], HERE, streamed=True)
    )
    profile_arn = f"arn:aws:bedrock:eu-west-1:123456789012:inference-profile/{profile}"
    assert "Condition" not in direct
    assert direct["Resource"] == [f"arn:aws:bedrock:eu-west-1::foundation-model/{own}", profile_arn]
    assert reached["Resource"] == (
        "arn:aws:bedrock:*::foundation-model/meta.llama4-maverick-17b-instruct-v1:0"
    )
    assert reached["Condition"] == {"StringEquals": {"bedrock:InferenceProfileArn": [profile_arn]}}


def test_without_models_nothing_is_allowed():
    assert list(model_statements([], HERE, streamed=True)) == []


def test_only_who_is_asked_for_streams_may_be_called_for_one():
    (whole,) = model_statements(["meta.llama3-8b-instruct-v1:0"], HERE, streamed=False)
    (streamed,) = model_statements(["meta.llama3-8b-instruct-v1:0"], HERE, streamed=True)
    assert whole.to_statement_json()["Action"] == "bedrock:InvokeModel"
    assert streamed.to_statement_json()["Action"] == [
        "bedrock:InvokeModel",
        "bedrock:InvokeModelWithResponseStream",
    ]


def test_only_a_geographys_profile_leaves_the_region_open():
    ids = ["meta.llama3-8b-instruct-v1:0", "global.anthropic.claude-haiku-5-5", "us.meta.llama4"]
    assert wildcards_of(ids, HERE) == ("arn:aws:bedrock:*::foundation-model/meta.llama4",)


def test_a_retired_model_cannot_be_called_any_more():
    catalogue = load_catalogue()
    retired = catalogue.get("bedrock-claude-3-opus")
    assert retired.retires_on is not None
    assert retired.provider_model_id not in bedrock_models(catalogue, retired.retires_on)
    assert retired.provider_model_id in bedrock_models(catalogue, date(2025, 1, 1))


def test_only_bedrocks_models_are_called_on_bedrock():
    named = set(bedrock_models(load_catalogue(), date(2025, 1, 1)))
    others = {m.provider_model_id for m in load_catalogue().models if m.provider != "bedrock"}
    assert named
    assert not named & others
