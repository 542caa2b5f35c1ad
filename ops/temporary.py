"""What a command makes for itself in a stage, and takes away whatever happens."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from functions.shared.callers.administration import new_id, new_key
from functions.shared.callers.records import (
    CALLER,
    KEY,
    NAME,
    CallerRecord,
    KeyRecord,
    key_hash,
)
from functions.shared.callers.table import CallerTable
from functions.shared.callers.usage_keys import usage_key
from functions.shared.storage.tables import Table
from ops.stage import Stage


@dataclass(frozen=True)
class Key:
    """Of a caller: the caller's id, as logs have it, and the key's value, as callers send it."""

    id: str
    value: str


@contextmanager
def temporary_key(stage: Stage) -> Iterator[Key]:
    """Of a caller of the plan `standard`."""
    with _caller(stage, stage.outputs["StandardPlanId"]) as key:
        yield key


@contextmanager
def narrow_key(stage: Stage, requests_per_second: float, burst: int = 1) -> Iterator[Key]:
    """Of a caller of a plan of its own, that grants so much."""
    gateway = stage.client("apigateway")
    plan = gateway.create_usage_plan(
        name=_name(),
        apiStages=[{"apiId": stage.outputs["ApiId"], "stage": "api"}],
        throttle={"rateLimit": requests_per_second, "burstLimit": burst},
    )["id"]
    try:
        with _caller(stage, plan) as key:
            yield key
    finally:
        _remove_plan(gateway, plan, stage.outputs["ApiId"])


def _remove_plan(gateway: Any, plan: str, api_id: str) -> None:
    # AWS deletes no plan that still has a stage of an API.
    removal = {"op": "remove", "path": "/apiStages", "value": f"{api_id}:api"}
    try:
        gateway.update_usage_plan(usagePlanId=plan, patchOperations=[removal])
    finally:
        gateway.delete_usage_plan(usagePlanId=plan)


@contextmanager
def _caller(stage: Stage, plan_id: str) -> Iterator[Key]:
    caller = CallerRecord(caller_id=new_id(), name=_name(), created_at_s=int(time.time()))
    value = new_key()
    key = KeyRecord(
        key_hash=key_hash(value),
        caller_id=caller.caller_id,
        hint=value[-4:],
        created_at_s=caller.created_at_s,
    )
    table = Table(stage.outputs["CallersTableName"], stage.client("dynamodb"))
    with _usage_key(stage, plan_id, caller.caller_id):
        CallerTable(table).enter(caller, key)
        try:
            yield Key(caller.caller_id, value)
        finally:
            for kind, id_ in ((KEY, key.key_hash), (NAME, caller.name), (CALLER, key.caller_id)):
                table.delete_item(Key={"kind": kind, "item_id": id_})


@contextmanager
def _usage_key(stage: Stage, plan_id: str, caller_id: str) -> Iterator[None]:
    gateway, value = stage.client("apigateway"), usage_key(stage.service, caller_id)
    made = gateway.create_api_key(name=value, value=value, enabled=True)["id"]
    try:
        gateway.create_usage_plan_key(usagePlanId=plan_id, keyId=made, keyType="API_KEY")
        yield
    finally:
        # It goes out of its plan with it.
        gateway.delete_api_key(apiKey=made)


def run_states(
    stage: Stage, states: Mapping[str, Any], start_at: str, timeout_s: int = 30
) -> dict[str, Any]:
    """What StartSyncExecution answers for an Express machine of these JSONata states.

    The machine has the role of the stage's own and is gone afterwards.
    """
    client = stage.client("stepfunctions")
    role = client.describe_state_machine(stateMachineArn=stage.outputs["GenerateMachineArn"])
    definition = {"QueryLanguage": "JSONata", "StartAt": start_at, "TimeoutSeconds": timeout_s}
    machine = client.create_state_machine(
        name=_name(),
        type="EXPRESS",
        roleArn=role["roleArn"],
        definition=json.dumps({**definition, "States": dict(states)}),
    )["stateMachineArn"]
    try:
        answer: dict[str, Any] = client.start_sync_execution(stateMachineArn=machine, input="{}")
        return answer
    finally:
        client.delete_state_machine(stateMachineArn=machine)


def _name() -> str:
    return f"llm-orchestrator-prove-{secrets.token_hex(8)}"
