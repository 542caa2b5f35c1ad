"""What a request is called: in its execution's name, its row and every answer about it; and by its caller."""

from __future__ import annotations

import re

REQUEST_ID = re.compile(r"req_[A-Za-z0-9_-]{1,76}")
"""An execution has its request's id for a name, and a name has at most 80 characters."""
IDEMPOTENCY_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")
NO_KEY = "must be 1 to 64 of A-Z a-z 0-9 _ -"


def request_id_of(extended_request_id: str) -> str:
    """A request's id from API Gateway's `extendedRequestId`, which no client can choose; it can choose
    `requestId`, by the header `x-amzn-RequestId`. The mapping templates make the same of it.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-variables-for-access-logging.html
    """
    return f"req_{re.sub(r'[^A-Za-z0-9_-]', '', extended_request_id)}"
