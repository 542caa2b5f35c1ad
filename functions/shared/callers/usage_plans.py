"""A caller in API Gateway: its own usage key in its plan, and what authorizers remember of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.shared.callers.usage_keys import usage_key
from functions.shared.telemetry.observability import logger

REMEMBERED_S = 300
"""How long an authorizer's answer is taken for the next request's."""
_STAGE_NAME = "api"


@dataclass(frozen=True)
class UsagePlans:
    """Of a stage that calls itself `service`; `client` is boto3's of `apigateway`, and `api_id` the REST
    API's. The methods raise `ClientError` and `BotoCoreError`."""

    client: Any
    service: str
    api_id: str

    def enter(self, caller_id: str, plan: str) -> str:
        """Puts a key of the caller's own into the plan; answers the key's id."""
        plan_id, value = self._plan_id(plan), usage_key(self.service, caller_id)
        key_id: str = self.client.create_api_key(name=value, value=value, enabled=True)["id"]
        try:
            self.client.create_usage_plan_key(usagePlanId=plan_id, keyId=key_id, keyType="API_KEY")
        except (ClientError, BotoCoreError):
            self.leave(key_id)
            raise
        return key_id

    def leave(self, key_id: str) -> None:
        """The key goes out of its plan with it."""
        self.client.delete_api_key(apiKey=key_id)

    def forget_authorized(self) -> bool:
        """Whether every caller's next request is authorised anew; else within `REMEMBERED_S`."""
        try:
            self.client.flush_stage_authorizers_cache(restApiId=self.api_id, stageName=_STAGE_NAME)
        except (ClientError, BotoCoreError) as failure:
            logger.warning("authorizers not flushed", error_type=type(failure).__name__)
            return False
        return True

    def _plan_id(self, plan: str) -> str:
        name = f"{self.service}-{plan}"
        pages = self.client.get_paginator("get_usage_plans").paginate()
        ids: list[str] = [
            one["id"] for page in pages for one in page["items"] if one["name"] == name
        ]
        if not ids:
            raise LookupError(f"no usage plan is called {name}")
        return ids[0]
