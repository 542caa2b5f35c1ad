import json
from typing import Any

import pytest

from functions.shared.storage import job_table
from functions.shared.storage.request_log import LISTED
from tests.support.synthesized import Stage, flat

pytestmark = pytest.mark.xdist_group("synthesis")

STATEFUL = ("AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::SecretsManager::Secret")


def deletion_policies(stage: Stage) -> set[str]:
    resources: dict[str, Any] = stage.storage.document["Resources"]
    return {item["DeletionPolicy"] for item in resources.values() if item["Type"] in STATEFUL}


def test_prod_keeps_its_data_when_the_stack_goes(prod: Stage) -> None:
    tables = prod.storage.resources("AWS::DynamoDB::Table").values()
    assert len(tables) == 6
    for table in tables:
        assert table["DeletionProtectionEnabled"] is True
        assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert deletion_policies(prod) == {"Retain"}


def test_other_stages_clean_up_after_themselves(local: Stage) -> None:
    assert deletion_policies(local) == {"Delete"}


def test_request_rows_expire_and_are_listed_by_day_and_by_key(prod: Stage) -> None:
    table = prod.storage.named("AWS::DynamoDB::Table", "Requests")
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    keys = {
        index["IndexName"]: [key["AttributeName"] for key in index["KeySchema"]]
        for index in table["GlobalSecondaryIndexes"]
    }
    assert keys == {"by_day": ["day", "created_at"], "by_caller": ["caller_id", "created_at"]}
    for index in table["GlobalSecondaryIndexes"]:
        projection = index["Projection"]
        assert projection["ProjectionType"] == "INCLUDE"
        listed = {*projection["NonKeyAttributes"], *keys[index["IndexName"]], "request_id"}
        assert listed - {"day"} == set(LISTED)
        assert not {"attempts", "decision", "profile", "prompt"} & listed


def test_jobs_expire_and_are_listed_by_key_in_small_entries(prod: Stage) -> None:
    table = prod.storage.named("AWS::DynamoDB::Table", "Jobs")
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table["KeySchema"] == [{"AttributeName": "execution_id", "KeyType": "HASH"}]
    [index] = table["GlobalSecondaryIndexes"]
    keys = [key["AttributeName"] for key in index["KeySchema"]]
    assert (index["IndexName"], keys) == ("by_caller", ["caller_id", "submitted_at"])
    listed = {*index["Projection"]["NonKeyAttributes"], *keys, "execution_id"}
    assert listed == set(job_table.LISTED)


def test_the_request_log_tells_a_stream_of_new_rows(prod: Stage) -> None:
    table = prod.storage.named("AWS::DynamoDB::Table", "Requests")
    assert table["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}
    (source,) = (
        one
        for one in prod.pipeline.resources("AWS::Lambda::EventSourceMapping").values()
        if "FilterCriteria" in one
    )
    (pattern,) = source["FilterCriteria"]["Filters"]
    assert json.loads(pattern["Pattern"]) == {"eventName": ["INSERT"]}
    # Without windows a batch names no shard, and without the shard nothing is counted exactly once.
    assert source["TumblingWindowInSeconds"] > 0
    assert source["BisectBatchOnFunctionError"]
    assert source["MaximumRecordAgeInSeconds"] < 24 * 3600
    assert "EventDeadLetterQueue" in flat(source["DestinationConfig"]["OnFailure"]["Destination"])


def test_the_state_of_routing_expires_and_is_found_by_its_id(prod: Stage) -> None:
    table = prod.storage.named("AWS::DynamoDB::Table", "State")
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table["KeySchema"] == [{"AttributeName": "state_id", "KeyType": "HASH"}]
    assert table["BillingMode"] == "PAY_PER_REQUEST"


def test_the_tables_are_named_in_the_outputs(prod: Stage) -> None:
    assert {"RequestsTableName", "StateTableName"} <= prod.storage.document["Outputs"].keys()


def test_a_secret_per_provider_with_keys_has_no_value_that_an_update_could_write(
    prod: Stage,
) -> None:
    secrets = prod.storage.resources("AWS::SecretsManager::Secret").values()
    assert {secret["Name"]: secret["Description"].rpartition(" of ")[2] for secret in secrets} == {
        "llm-orchestrator/prod/openai": "api_key.",
        "llm-orchestrator/prod/azure_openai": "api_key and base_url.",
        "llm-orchestrator/prod/anthropic": "api_key.",
        "llm-orchestrator/prod/gemini": "api_key.",
    }
    for secret in secrets:
        assert not secret.keys() & {"SecretString", "GenerateSecretString"}


def test_queues_refuse_unencrypted_connections(prod: Stage) -> None:
    policies = prod.storage.resources("AWS::SQS::QueuePolicy").values()
    assert len(policies) == len(prod.storage.resources("AWS::SQS::Queue"))
    for policy in policies:
        statement = policy["PolicyDocument"]["Statement"][0]
        assert statement["Effect"] == "Deny"
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
