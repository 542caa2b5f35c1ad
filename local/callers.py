"""Callers whose keys are given: those of the environment, by the names that pages show them with."""

from __future__ import annotations

import secrets
import time
from base64 import b32encode
from collections.abc import Mapping
from typing import Any

import boto3

from functions.shared.callers.records import CALLER, KEY, CallerRecord, KeyRecord, item_of, key_hash
from functions.shared.callers.usage_keys import usage_key
from local.settings import REGION, STAGE, Settings

_STACKS = tuple(f"LlmOrchestrator-{STAGE}-{part}" for part in ("Storage", "Pipeline"))


def put_callers(settings: Settings, emulator_url: str) -> None:
    """One for each key of `API_KEYS` and `OPERATOR_API_KEYS`."""
    session = boto3.Session("test", "test", region_name=REGION)
    outputs = _outputs(session.client("cloudformation", endpoint_url=emulator_url))
    table = session.resource("dynamodb", endpoint_url=emulator_url).Table(
        outputs["CallersTableName"]
    )
    gateway = session.client("apigateway", endpoint_url=emulator_url)
    for plan, prefix, values in (
        ("standard", "key", settings.api_keys),
        ("operator", "operator", settings.operator_api_keys),
    ):
        for number, value in enumerate(values, start=1):
            record = caller_record(f"{prefix}-{number}", plan)
            enter(table, gateway, outputs[f"{plan.title()}PlanId"], record, value)


def caller_record(name: str, plan: str) -> CallerRecord:
    caller_id = b32encode(secrets.token_bytes(10)).decode().lower()[:10]
    return CallerRecord.model_validate(
        {
            "caller_id": caller_id,
            "name": name,
            "plan": plan,
            "created_at_s": int(time.time()),
        }
    )


def enter(table: Any, gateway: Any, plan_id: str, record: CallerRecord, value: str) -> str:
    """The id of the gateway's key for it."""
    own = usage_key(f"llm-orchestrator-{STAGE}", record.caller_id)
    made = gateway.create_api_key(name=own, value=own, enabled=True)
    gateway.create_usage_plan_key(usagePlanId=plan_id, keyId=made["id"], keyType="API_KEY")
    key = KeyRecord(
        key_hash=key_hash(value),
        caller_id=record.caller_id,
        hint=value[-4:],
        created_at_s=record.created_at_s,
    )
    table.put_item(Item=item_of(CALLER, record.caller_id, record))
    table.put_item(Item=item_of(KEY, key.key_hash, key))
    table.put_item(Item={"kind": "name", "item_id": record.name, "caller_id": record.caller_id})
    return str(made["id"])


def _outputs(client: Any) -> Mapping[str, str]:
    described = (client.describe_stacks(StackName=name)["Stacks"][0] for name in _STACKS)
    return {one["OutputKey"]: one["OutputValue"] for it in described for one in it["Outputs"]}
