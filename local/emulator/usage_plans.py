"""Usage plans of one key: upstream lists all plans, whichever key is asked for."""

from __future__ import annotations

from typing import Any

from ministack.services import apigateway_v1 as gateway

_get_usage_plans = gateway._get_usage_plans


def _plans(query: Any) -> Any:
    key_id = gateway._qp(query, "keyId")
    if not key_id:
        return _get_usage_plans(query)
    held = [
        plan
        for plan_id, plan in gateway._usage_plans.items()
        if key_id in gateway._usage_plan_keys.get(plan_id, {})
    ]
    return gateway._v1_paginated_response(held, query)


def install() -> None:
    """Replace ministack's function."""
    gateway._get_usage_plans = _plans
