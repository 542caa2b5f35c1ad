"""What it means to a caller that an AWS service refused us, or did not answer."""

from __future__ import annotations

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

from functions.shared.errors import EngineError, RateLimited, ServiceUnavailable

_WAIT_S = 1
_UNAVAILABLE_WAIT_S = 5

_THROTTLES = frozenset(
    (
        "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled",
        "RequestThrottledException", "TooManyRequestsException", "RequestLimitExceeded",
        "ProvisionedThroughputExceededException", "SlowDown",
    )
)  # fmt: skip
"""The codes that botocore repeats a call after, of those that our services know."""

_LOOK_UPS = frozenset({"DescribeExecution", "StopExecution", "GetMetricData"})
"""Of a small rate for the whole account; they are throttled because callers look too often."""

_PASSING = frozenset(
    (
        "InternalServerError", "InternalFailure", "InternalError", "InternalServiceError",
        "ServiceUnavailable", "ServiceUnavailableException", "RequestTimeout",
        "RequestTimeoutException",
    )
)  # fmt: skip


def aws_error(error: Exception) -> EngineError | None:
    """None where waiting does not help: a right that is missing, a table that is gone, a bad call."""
    if isinstance(error, (ConnectionError, HTTPClientError)):
        return _unavailable()
    if not isinstance(error, ClientError):
        return None
    code = error.response.get("Error", {}).get("Code", "")
    if code in _THROTTLES and error.operation_name in _LOOK_UPS:
        return RateLimited("Too many look-ups.", retry_after_seconds=_WAIT_S)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return _unavailable() if code in _THROTTLES | _PASSING or status >= 500 else None


def _unavailable() -> ServiceUnavailable:
    message = "A service that the engine stands on does not answer now."
    return ServiceUnavailable(message, retry_after_seconds=_UNAVAILABLE_WAIT_S)
