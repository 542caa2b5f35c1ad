"""Callers whose keys are given: those of the environment, by the names that pages show them with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import boto3

from functions.shared.callers.administration import Administration
from functions.shared.callers.forms import NewCaller
from functions.shared.callers.table import CallerTable
from functions.shared.callers.usage_plans import UsagePlans
from functions.shared.storage.tables import Table
from local.settings import REGION, STAGE, Settings

_STACKS = tuple(f"LlmOrchestrator-{STAGE}-{part}" for part in ("Storage", "Pipeline"))


def put_callers(settings: Settings, emulator_url: str) -> None:
    """One for each key of `API_KEYS` and `OPERATOR_API_KEYS`."""
    administration = _administration(emulator_url)
    for number, value in enumerate(settings.api_keys, start=1):
        administration.create(NewCaller(name=f"key-{number}", plan="standard"), value)
    for number, value in enumerate(settings.operator_api_keys, start=1):
        administration.create(NewCaller(name=f"operator-{number}", plan="operator"), value)


def _administration(emulator_url: str) -> Administration:
    session = boto3.Session("test", "test", region_name=REGION)
    outputs = _outputs(session.client("cloudformation", endpoint_url=emulator_url))
    database = session.client("dynamodb", endpoint_url=emulator_url)
    gateway = session.client("apigateway", endpoint_url=emulator_url)
    return Administration(
        callers=CallerTable(Table(outputs["CallersTableName"], database)),
        usage_plans=UsagePlans(gateway, f"llm-orchestrator-{STAGE}", outputs["ApiId"]),
        now=datetime.now(UTC),
    )


def _outputs(client: Any) -> Mapping[str, str]:
    described = (client.describe_stacks(StackName=name)["Stacks"][0] for name in _STACKS)
    return {one["OutputKey"]: one["OutputValue"] for it in described for one in it["Outputs"]}
