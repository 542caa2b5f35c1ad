"""What the handler of every state has around it: one log line for a failure, and nothing foreign in it."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.shared.errors import EngineError
from functions.shared.telemetry.observability import count_internal_error, logger, metrics

StateHandler = Callable[[dict[str, Any], Any], dict[str, Any]]

_FRAMES = 1000  # Python's own limit


def state_handler(handle: StateHandler) -> StateHandler:
    """Whatever `handle` raises leaves as an `EngineError`.

    Lambda writes an exception's class, text and stack trace to the log, and Step Functions the first
    two to its own. So a text is made of our words, has the request's id in it, and is the one line
    about an expected failure; of an unexpected one another line has the trace, without the values, and a
    third one counts it: Lambda's `Errors` count the expected ones as well.

    What `handle` returns leaves with `took_ms`, how long it ran.
    """

    @metrics.log_metrics(capture_cold_start_metric=True)
    @logger.inject_lambda_context(clear_state=True)
    @wraps(handle)
    def handled(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        sys.tracebacklimit = _FRAMES
        began = time.perf_counter()
        request_id = _request_id(event)
        logger.append_keys(request_id=request_id)
        try:
            output = handle(event, context)
            return {**output, "took_ms": round((time.perf_counter() - began) * 1000, 2)}
        except EngineError as error:
            failure = error
        except Exception as error:
            failure = _unexpected(error)
        if failure.code == EngineError.code:
            count_internal_error(context.function_name)
        failure.request_id = request_id
        # The runtime's line, too, has no more frames than this.
        sys.tracebacklimit = 0
        raise failure.with_traceback(None) from None

    return cast(StateHandler, handled)


def _request_id(event: dict[str, Any]) -> str:
    profile = event.get("profile") or {}
    return str(event.get("request_id") or profile.get("request_id") or "")


def _unexpected(error: Exception) -> EngineError:
    name = type(error).__name__
    frames = traceback.format_list(traceback.extract_tb(error.__traceback__))
    logger.error("failed inside", error_type=name, frames=frames)
    return EngineError(f"The engine failed inside ({name}).")
