"""What a command makes for itself in a stage, and takes away whatever happens."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ops.stage import Stage


@dataclass(frozen=True)
class Key:
    """An API key: its id, as logs have it, and its value, as callers send it."""

    id: str
    value: str


@contextmanager
def temporary_key(stage: Stage) -> Iterator[Key]:
    """A key of the plan `standard`. Raises LookupError where the stage has no such plan."""
    gateway, name = stage.client("apigateway"), f"{stage.service}-standard"
    pages = gateway.get_paginator("get_usage_plans").paginate()
    plans = [plan["id"] for page in pages for plan in page["items"] if plan["name"] == name]
    if not plans:
        raise LookupError(f"no usage plan is called {name}")
    with _key(gateway) as key, _membership(gateway, plans[0], key):
        yield key


@contextmanager
def narrow_key(stage: Stage, requests_per_second: float) -> Iterator[Key]:
    """A key of a plan of its own, that grants so much and no burst."""
    gateway = stage.client("apigateway")
    plan = gateway.create_usage_plan(
        name=_name(),
        apiStages=[{"apiId": stage.outputs["ApiId"], "stage": "api"}],
        throttle={"rateLimit": requests_per_second, "burstLimit": 1},
    )["id"]
    try:
        with _key(gateway) as key, _membership(gateway, plan, key):
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
def _key(gateway: Any) -> Iterator[Key]:
    made = gateway.create_api_key(name=_name(), value=secrets.token_urlsafe(30), enabled=True)
    try:
        yield Key(made["id"], made["value"])
    finally:
        gateway.delete_api_key(apiKey=made["id"])


@contextmanager
def _membership(gateway: Any, plan: str, key: Key) -> Iterator[None]:
    gateway.create_usage_plan_key(usagePlanId=plan, keyId=key.id, keyType="API_KEY")
    try:
        yield
    finally:
        gateway.delete_usage_plan_key(usagePlanId=plan, keyId=key.id)


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
