"""Lambda: errors by their class name, logging as the runtime sets it up, environments that survive
errors, a bound on concurrency."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from typing import Any

from ministack.core import lambda_runtime
from ministack.core.responses import new_uuid
from ministack.services import lambda_svc, stepfunctions

from local.emulator import traces

_WORKERS_PER_FUNCTION = int(os.environ.get("LOCAL_WORKERS_PER_FUNCTION", "4"))
_execute_warm = lambda_svc._execute_function_warm
_call = stepfunctions._call_lambda
_reserved_of = lambda_svc._reserved_concurrency

# Upstream reports every exception as Runtime.HandlerError, so that no Retry or Catch matches, and
# ends the process, so that the next invocation imports everything again. "ok" keeps it alive.
_UPSTREAM_REPORT = '{"status": "error", "error": str(e), "trace": traceback.format_exc()}'
_REPORT = (
    '{"status": "ok", "failure": {"errorType": type(e).__name__, "errorMessage": str(e), '
    '"stackTrace": traceback.format_tb(e.__traceback__)}}'
)
# What Lambda's runtime does before it imports a handler; upstream does none of it:
# https://github.com/aws/aws-lambda-python-runtime-interface-client (bootstrap.py, _setup_logging)
_AFTER_ENVIRONMENT = "    sys.path.insert(0, code_dir)\n"
_SET_UP_LOGGING = """    import logging
    class _RuntimeHandler(logging.Handler):
        def emit(self, record):
            at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            print(json.dumps({"timestamp": at, "level": record.levelname,
                              "message": record.getMessage(), "logger": record.name}))
    logging.getLogger().addHandler(_RuntimeHandler())
    if os.environ.get("AWS_LAMBDA_LOG_LEVEL"):
        logging.getLogger().setLevel(os.environ["AWS_LAMBDA_LOG_LEVEL"])
"""
# The runtime reads an event before it calls the handler, and says so where it cannot.
_READS_EVENT = "        _ms_msg = json.loads(line)\n"
_READ_EVENT = """        try:
            _ms_msg = json.loads(line)
        except ValueError as e:
            _unread = {"errorType": "Runtime.UnmarshalError", "stackTrace": [],
                       "errorMessage": "Unable to unmarshal input: " + str(e)}
            _real_stdout.write(json.dumps({"status": "ok", "failure": _unread}) + "\\n")
            _real_stdout.flush()
            continue
"""
_TIMED_OUT = re.compile(r"Task timed out after .* seconds")


class _Pools:
    """Leases execution environments, at most so many per function; further invocations wait.

    Upstream starts one process per concurrent invocation, and a hundred jobs at once would import
    a hundred times. Environments of one function start one after the other: a function that
    answers in milliseconds needs no second one.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._starting: dict[str, Any] = {}

    def lease(self, name: str, config: dict[str, Any], code: bytes, qualifier: str) -> Any:
        """An environment that has started."""
        worker, _ = self.reserve(name, config, code, qualifier)
        try:
            lambda_runtime.ensure_spawned(worker)
        except BaseException:
            self.release(worker)
            raise
        with self._changed:
            self._end_start(worker)
        return worker

    def reserve(
        self, name: str, config: dict[str, Any], code: bytes, qualifier: str
    ) -> tuple[Any, str]:
        """An environment that may have to start, as upstream's `acquire_worker` answers it.

        It counts as starting until it is released: who publishes a version with a snapshot starts
        its environment for others.
        """
        key = lambda_runtime._worker_key(name, config, qualifier)
        with self._changed:
            self._changed.wait_for(lambda: self._is_free(key) or self._may_start(key))
            starts = not self._is_free(key)
            worker, how = lambda_runtime.acquire_worker(name, config, code, qualifier=qualifier)
            worker.config = _with_log_level(worker.config)
            if starts:
                self._starting[key] = worker
        return worker, how

    def release(self, worker: Any) -> None:
        with self._changed:
            lambda_runtime.release_worker(worker)
            self._end_start(worker)

    def _end_start(self, worker: Any) -> None:
        started = [key for key, starting in self._starting.items() if starting is worker]
        for key in started:
            del self._starting[key]
        self._changed.notify_all()

    @staticmethod
    def _is_free(key: str) -> bool:
        return any(not worker.in_use for worker in lambda_runtime._workers.get(key, ()))

    def _may_start(self, key: str) -> bool:
        running = len(lambda_runtime._workers.get(key, ()))
        return running < _WORKERS_PER_FUNCTION and key not in self._starting


_pools = _Pools()


def _execute(function: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
    config = function.get("config") or function
    code = function.get("code_zip")
    if not code or not str(config.get("Runtime", "")).startswith("python"):
        return dict(_execute_warm(function, event, request_id))
    qualifier = config.get("Version", "$LATEST")
    lambda_svc._ensure_reaper_thread()
    try:
        worker = _pools.lease(config["FunctionName"], config, code, qualifier)
    except (RuntimeError, OSError) as error:
        lambda_svc.logger.error("%s does not start: %s", config["FunctionName"], error)
        return _failure("Runtime.ImportModuleError", str(error))
    started = time.perf_counter()
    try:
        result = worker.invoke(
            event,
            request_id,
            trace_id=traces.header_of_invocation(),
            invoked_function_arn=config.get("FunctionArn", ""),
        )
    finally:
        duration_ms = (time.perf_counter() - started) * 1000
        _pools.release(worker)
    # AWS's duration, too, leaves out the wait for an environment and its start.
    return {**_outcome(result, request_id), "duration_ms": duration_ms}


def _with_log_level(config: dict[str, Any]) -> dict[str, Any]:
    """Lambda tells a function the level of the filter of its log, which upstream does not."""
    level = (config.get("LoggingConfig") or {}).get("ApplicationLogLevel")
    if not level:
        return config
    variables = (config.get("Environment") or {}).get("Variables", {})
    return {**config, "Environment": {"Variables": variables | {"AWS_LAMBDA_LOG_LEVEL": level}}}


def _outcome(result: dict[str, Any], request_id: str) -> dict[str, Any]:
    log = result.get("log", "")
    if result.get("status") != "ok":
        message = result.get("error", "")
        timed_out = _TIMED_OUT.fullmatch(message)
        return _failure("Sandbox.Timedout" if timed_out else "Runtime.ExitError", message, log)
    if "failure" in result:
        failure = result["failure"] | {"requestId": request_id}
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        line = json.dumps({"timestamp": at, "level": "ERROR", **failure})
        return {"body": failure, "error": True, "log": f"{log}\n{line}".lstrip("\n")}
    return {"body": result.get("result"), "log": log}


def _failure(error_type: str, message: str, log: str = "") -> dict[str, Any]:
    body = {"errorMessage": message, "errorType": error_type}
    return {"body": body, "error": True, "log": "\n".join(filter(None, (log, message)))}


def _reserved(function: dict[str, Any], config: dict[str, Any]) -> int | None:
    """What a function reserves holds for its versions and aliases, which upstream keeps apart."""
    whole = lambda_svc._functions.get(config.get("FunctionName")) or function
    reserved: int | None = _reserved_of(whole, config)
    return reserved


def _called(function: str, event: Any) -> Any:
    """Upstream refuses what is over the limit of the account or the function, but a state does not
    get AWS's name of it."""
    try:
        return _call(function, event)
    except stepfunctions._ExecutionError as error:
        if not is_refusal(error.cause):
            raise
        cause = f"Rate Exceeded. (Service: Lambda, Status Code: 429, Request ID: {new_uuid()})"
        name = "Lambda.TooManyRequestsException"
        raise stepfunctions._ExecutionError(name, cause) from None


def is_refusal(body: str | bytes) -> bool:
    """Whether Lambda itself says so, and not a function that ran."""
    try:
        return bool(json.loads(body)["__type"] == "TooManyRequestsException")
    except (ValueError, KeyError, TypeError):
        return False


def install() -> None:
    """Replace ministack's functions."""
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    if any(
        script.count(part) != 1 for part in (_UPSTREAM_REPORT, _AFTER_ENVIRONMENT, _READS_EVENT)
    ):
        raise RuntimeError("ministack's worker reports errors in another way than 1.5.33 did")
    script = script.replace(_UPSTREAM_REPORT, _REPORT).replace(_READS_EVENT, _READ_EVENT)
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(
        _AFTER_ENVIRONMENT, _AFTER_ENVIRONMENT + _SET_UP_LOGGING
    )
    stepfunctions._call_lambda = _called
    lambda_svc._reserved_concurrency = _reserved
    lambda_svc._execute_function_warm = _execute
    # Upstream starts the environment of a version with a snapshot behind the pools' back.
    lambda_svc.acquire_worker = _pools.reserve
    lambda_svc.release_worker = _pools.release


def stop_all() -> None:
    """End every execution environment and remove its files."""
    lambda_runtime.reset()
