"""What a request tells beside its body."""

from __future__ import annotations

import re

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from functions.openai.executions import Started
from functions.shared.contracts.states import json_of
from functions.shared.errors import InvalidRequest
from functions.shared.gateway.rest import caller_id_of, caller_of, id_of
from functions.shared.request_ids import IDEMPOTENCY_KEY, NO_KEY
from functions.shared.vocabulary import Mode

_RETRY_COUNT = "x-stainless-retry-count"
"""OpenAI's clients number the calls of one request, from 0, and send no key:
https://github.com/openai/openai-python/blob/main/src/openai/_base_client.py"""


def started_by(event: APIGatewayProxyEvent, mode: Mode) -> Started:
    """Raises `InvalidRequest` for a key that is none, and `Forbidden` once the caller's time has passed."""
    key = event.headers.get("idempotency-key")
    # An empty one is refused too: its caller believes that the request has a key.
    if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
        raise InvalidRequest.at("Idempotency-Key", NO_KEY)
    count = event.headers.get(_RETRY_COUNT) or ""
    return Started(
        request_id=id_of(event),
        caller_id=caller_id_of(event),
        caller=json_of(caller_of(event)),
        mode=mode,
        idempotency_key=key or "",
        client_retry_count=int(count) if re.fullmatch("[0-9]{1,4}", count) else None,
    )
