"""Whether a key may see the requests of all others: whether it is in the plan of the operators."""

from __future__ import annotations

import time
from functools import lru_cache

from botocore.exceptions import BotoCoreError, ClientError

from functions.shared.storage.clients import client
from functions.shared.telemetry.observability import logger

_KNOWN_FOR_S = 60


def is_operator(caller_id: str, operator_plan: str) -> bool:
    """As API Gateway had it at most a minute ago; not while it does not answer."""
    try:
        return _is_in_plan(caller_id, operator_plan, int(time.time() // _KNOWN_FOR_S))
    except (BotoCoreError, ClientError) as failure:
        logger.warning("usage plans unavailable", error_type=type(failure).__name__)
        return False


@lru_cache(maxsize=256)
def _is_in_plan(caller_id: str, operator_plan: str, _minute: int) -> bool:
    pages = client("apigateway").get_paginator("get_usage_plans").paginate(keyId=caller_id)
    return any(plan.get("name") == operator_plan for page in pages for plan in page["items"])
