"""Lambda's queue of asynchronous invocations: what failed is repeated, then a dead letter.

Upstream lets no state invoke so, repeats what is throttled as seldom as what failed, and sends a dead-letter
queue what a destination gets.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

from __future__ import annotations

import contextvars
import json
import threading
import time
from typing import Any

from ministack.core.responses import new_uuid
from ministack.services import lambda_svc, sqs, stepfunctions

_AFTER_FAILURES_S = (1.0, 2.0)
"""Minutes on AWS."""
_AFTER_THROTTLE_S, _LONGEST_WAIT_S = 1.0, 300.0
_KEPT_FOR_S = 6 * 3600.0

_invoke_resource = stepfunctions._invoke_resource


def invoked(resource: str, arguments: Any) -> Any:
    """The result of a task. `executions` installs it, with its own."""
    is_waited_for = not isinstance(arguments, dict) or arguments.get("InvocationType") != "Event"
    if is_waited_for or "states:::lambda:invoke" not in resource:
        return _invoke_resource(resource, arguments)
    function, config, name = lambda_svc._get_func_record_for_ref(arguments["FunctionName"])
    if not function or not config:
        raise stepfunctions._ExecutionError(
            "Lambda.ResourceNotFoundException", f"Function not found: {name}"
        )
    enqueue(lambda_svc._execution_record_for_config(function, config), arguments["Payload"])
    return {"StatusCode": 202, "Payload": ""}


def enqueue(function: dict[str, Any], event: Any) -> None:
    arn = (function.get("config") or function)["FunctionArn"]
    run = contextvars.copy_context().run
    threading.Thread(target=run, args=(_work_off, arn, event), daemon=True).start()


def _work_off(arn: str, event: Any) -> None:
    began_s, failed, throttled = time.monotonic(), 0, 0
    while True:
        # Anew, as it may have been changed meanwhile.
        function, config, _name = lambda_svc._get_func_record_for_ref(arn)
        if not function or not config:
            return
        record = lambda_svc._execution_record_for_config(function, config)
        result = lambda_svc._execute_function_with_config_scope(record, event)
        if not result.get("error"):
            return
        if result.get("throttle"):
            wait_s = min(_AFTER_THROTTLE_S * 2**throttled, _LONGEST_WAIT_S)
            throttled += 1
        elif failed < len(_AFTER_FAILURES_S):
            wait_s = _AFTER_FAILURES_S[failed]
            failed += 1
        else:
            break
        if time.monotonic() - began_s + wait_s > _KEPT_FOR_S:
            break
        time.sleep(wait_s)
    if target := (config.get("DeadLetterConfig") or {}).get("TargetArn"):
        _bury(target, event, result)


def _bury(queue_arn: str, event: Any, result: dict[str, Any]) -> None:
    body = result["body"] if isinstance(result.get("body"), dict) else {}
    told = {
        "RequestID": new_uuid(),
        "ErrorCode": "429" if result.get("throttle") else "200",
        "ErrorMessage": str(body.get("errorMessage", ""))[:1024],
    }
    kinds = {"RequestID": "String", "ErrorCode": "Number", "ErrorMessage": "String"}
    attributes = {
        name: {"DataType": kinds[name], "StringValue": value}
        for name, value in told.items()
        if value
    }
    message = {"MessageBody": json.dumps(event), "MessageAttributes": attributes}
    sqs._act_send_message(message, sqs._queue_name_to_url[queue_arn.rpartition(":")[2]])


def install() -> None:
    """Replace ministack's function."""
    lambda_svc.invoke_async_with_retry = enqueue
