"""Callers in an empty account, and a stand-in for the gateway's control plane."""

from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from functions.shared.callers.administration import Administration
from functions.shared.callers.table import CallerTable
from functions.shared.callers.usage_plans import UsagePlans

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
SERVICE = "llm-orchestrator-test"


class GatewayStub:
    """Its keys and who is in which plan; `fails` names operations that are refused, and `flushed` the stages
    whose verdicts were forgotten."""

    def __init__(self, *fails: str) -> None:
        self.keys: dict[str, str] = {}
        self.members: dict[str, str] = {}
        self.flushed: list[str] = []
        self.fails = set(fails)

    def _fail_where_told(self, operation):
        if operation in self.fails:
            raise ClientError({"Error": {"Code": "TooManyRequestsException"}}, operation)

    def get_paginator(self, _operation):
        return self

    def paginate(self):
        names = ("other", f"{SERVICE}-standard", f"{SERVICE}-operator")
        yield from ({"items": [{"id": f"id of {name}", "name": name}]} for name in names)

    def create_api_key(self, *, name, value, enabled):
        self._fail_where_told("CreateApiKey")
        assert (enabled, name) == (True, value)
        self.keys[f"id of {value}"] = value
        return {"id": f"id of {value}"}

    def create_usage_plan_key(self, *, usagePlanId, keyId, keyType):  # noqa: N803
        self._fail_where_told("CreateUsagePlanKey")
        assert keyType == "API_KEY"
        self.members[self.keys[keyId]] = usagePlanId

    def delete_api_key(self, *, apiKey):  # noqa: N803
        self.members.pop(self.keys.pop(apiKey), None)

    def flush_stage_authorizers_cache(self, *, restApiId, stageName):  # noqa: N803
        self._fail_where_told("FlushStageAuthorizersCache")
        self.flushed.append(f"{restApiId}/{stageName}")


def administration(table, gateway: Any, now=NOW, issuer=None):
    plans = UsagePlans(gateway, SERVICE, "a1")
    return Administration(CallerTable(table), plans, now, issuer)
