"""The account's quotas, as small as whoever tests a growing load wants them; without any, only Lambda's holds.

`LOCAL_QUOTAS` names a JSON file of them, read anew whenever it changes: `{"starts": [3, 13]}` are three a second
and a bucket of 13. What refuses and how:
    gateway           requests to all APIs: 429
                      https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-request-throttling.html
    starts, look_ups  StartExecution of Standard executions, DescribeExecution: ThrottlingException
                      https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
    transitions       steps of Standard executions, which wait; the same page
    partition_writes  writes of one item, or of one key of an index, which refuses its table's: ThrottlingException
                      Each counts as one unit: a row of several fits into no partition that is made so small.
                      https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/gsi-throttling.html
    concurrency       functions at once, a number: Lambda's own, which ministack knows
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ministack.services import apigateway_v1, cloudwatch, dynamodb, lambda_svc, stepfunctions

VARIABLE = "LOCAL_QUOTAS"
_AGAIN_S = 0.05
"""Until a step that waits looks for a token again."""

_check_throttle = apigateway_v1._check_throttle
_describe = stepfunctions._describe_execution
_put_item, _update_item = dynamodb._put_item, dynamodb._update_item


class Quotas:
    """Token buckets, by the name of a quota and by what it holds for."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._clock = path, clock
        self._lock = threading.Lock()
        self._told: dict[str, Any] = {}
        self._written_ns = 0
        self._buckets: dict[tuple[str, ...], tuple[float, float]] = {}

    def take(self, name: str) -> bool:
        """Whether there was a token, which is gone then."""
        return not self.lacking(name, [()])

    def lacking(self, name: str, of: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
        """Those that have no token; where all have one, it is gone."""
        with self._lock:
            self._read()
            if name not in self._told:
                return []
            rate, burst = self._told[name]
            now = self._clock()
            left = {key: self._left((name, *key), rate, burst, now) for key in of}
            empty = [key for key, tokens in left.items() if tokens < 1]
            for key, tokens in left.items():
                self._buckets[name, *key] = (tokens if empty else tokens - 1, now)
            return empty

    def _left(self, bucket: tuple[str, ...], rate: float, burst: float, now: float) -> float:
        tokens, at = self._buckets.get(bucket, (burst, now))
        return min(burst, tokens + (now - at) * rate)

    def _read(self) -> None:
        written_ns = self._path.stat().st_mtime_ns
        if written_ns != self._written_ns:
            self._told, self._written_ns = json.loads(self._path.read_text("utf-8")), written_ns
            self._buckets.clear()
            lambda_svc._ACCOUNT_CONCURRENCY_CAP = self._told.get("concurrency", 0)


def _limit_gateway(quotas: Quotas) -> None:
    def check(*arguments: Any) -> Any:
        if quotas.take("gateway"):
            return _check_throttle(*arguments)
        return apigateway_v1._gw_error("THROTTLED", "Too Many Requests")

    apigateway_v1._check_throttle = check


def _limit_executions(quotas: Quotas) -> None:
    # As the other parts of the emulator have left them by now.
    start, add_event = stepfunctions._start_execution, stepfunctions._add_event

    def started(request: dict[str, Any]) -> Any:
        machine = stepfunctions._state_machines.get(request.get("stateMachineArn")) or {}
        if machine.get("type") != "STANDARD" or quotas.take("starts"):
            return start(request)
        return _throttled_call("StartExecution")

    def described(request: dict[str, Any]) -> Any:
        return (
            _describe(request) if quotas.take("look_ups") else _throttled_call("DescribeExecution")
        )

    def added(execution: dict[str, Any], kind: str, details: dict[str, Any] | None = None) -> Any:
        machine = stepfunctions._state_machines.get(execution["stateMachineArn"]) or {}
        if kind.endswith("StateEntered") and machine.get("type") == "STANDARD":
            _wait_for_step(quotas)
        return add_event(execution, kind, details)

    stepfunctions._start_execution = started
    stepfunctions._describe_execution = described
    stepfunctions._add_event = added


def _wait_for_step(quotas: Quotas) -> None:
    if quotas.take("transitions"):
        return
    _record("AWS/States", "ThrottledEvents", {"ServiceMetric": "StateTransition"})
    while not quotas.take("transitions"):
        time.sleep(_AGAIN_S)


def _throttled_call(action: str) -> Any:
    _record("AWS/States", "ThrottledEvents", {"APIName": action})
    return stepfunctions.error_response_json("ThrottlingException", "Rate exceeded", 400)


def _limit_partitions(quotas: Quotas) -> None:
    def put(request: dict[str, Any]) -> Any:
        return _refused(quotas, request, request.get("Item", {})) or _put_item(request)

    def update(request: dict[str, Any]) -> Any:
        return _refused(quotas, request, request.get("Key", {})) or _update_item(request)

    dynamodb._put_item, dynamodb._update_item = put, update


def _refused(quotas: Quotas, request: dict[str, Any], written: dict[str, Any]) -> Any:
    table = str(request.get("TableName"))
    lacking = quotas.lacking("partition_writes", list(_partitions(table, written)))
    if not lacking:
        return None
    for _, index, _ in lacking:
        named = {"GlobalSecondaryIndexName": index} if index else {}
        _record("AWS/DynamoDB", "WriteThrottleEvents", {"TableName": table, **named})
    return dynamodb.error_response_json(
        "ThrottlingException",
        "Throughput exceeds the current throughput limit for your table or index.",
        400,
    )


def _partitions(table: str, written: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """By table, index and key: of the table and of the indexes that an item which is put has an entry in."""
    known = dynamodb._tables.get(table) or {}
    indexes = [(one["IndexName"], one) for one in known.get("GlobalSecondaryIndexes", ())]
    for name, described in (("", known), *indexes):
        keys = [one["AttributeName"] for one in described.get("KeySchema", ())]
        if keys and all(key in written for key in keys):
            yield table, name, json.dumps(written[keys[0]])


def _record(namespace: str, name: str, dimensions: dict[str, str]) -> None:
    cloudwatch.record_metric(namespace, name, 1, "Count", dimensions)


def install() -> None:
    """Replace ministack's functions, where there is a file of quotas."""
    if path := os.environ.get(VARIABLE):
        quotas = Quotas(Path(path))
        for limit in (_limit_gateway, _limit_executions, _limit_partitions):
            limit(quotas)
