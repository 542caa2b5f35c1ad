"""`python -m bench.costs.one_request`: a happy request and a happy job through the real handlers, in a process of
their own. What each of them writes to its log is on standard output behind a line that names it."""

from __future__ import annotations

import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from ministack.services import dynamodb

from bench.capacity_units import attribute_bytes
from bench.emulated_dynamodb import Body, EmulatedDynamoDB, emulated_tables
from bench.request_path import RequestPath
from functions.api.handler import lambda_handler as api
from functions.classify.handler import lambda_handler as classify
from functions.invoke_provider.handler import lambda_handler as invoke
from functions.record_metrics.handler import lambda_handler as record
from functions.score.handler import lambda_handler as score
from functions.shared.storage import clients
from functions.shared.storage.tables import table
from functions.tally.handler import lambda_handler as tally
from stacks.compute.function_table import PROVIDER_FUNCTIONS, provider_function_name

MARK = "## "
ENVIRONMENT = {
    "POWERTOOLS_SERVICE_NAME": "llm-orchestrator-dev",
    "STAGE": "dev",
    "LOG_LEVEL": "INFO",
    "SYNC_DEADLINE_MS": "26000",
    "ASYNC_DEADLINE_MS": "240000",
    "PROVIDERS_CONFIGURED": "openai,anthropic",
    "MOCK_PROVIDERS": "never",
    "REQUESTS_TABLE": "Requests",
    "STATE_TABLE": "State",
    "BUDGETS_TABLE": "Budgets",
    "ANSWERS_TABLE": "Answers",
    "JOBS_TABLE": "Jobs",
    "DEAD_LETTER_QUEUE_URL": "",
    "LOG_RETENTION_DAYS": "30",
    "PROVIDER": "simulator",
    "CALLERS_TABLE": "Callers",
    "JOBS_PATH": "/api/v1/jobs",
    "JOBS_STATE_MACHINE_ARN": "arn:aws:states:us-east-1:123456789012:stateMachine:Jobs",
    "_X_AMZN_TRACE_ID": "Root=1-6925b0c5-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=0",
}
"""A stage with two providers; the simulator stands in for the one that is called, and answers at once."""
_TABLES = {
    "Requests": "request_id",
    "State": "state_id",
    "Budgets": "budget_id",
    "Answers": "answer_id",
    "Jobs": "execution_id",
}
_STATES = {"Classify": classify, "Score": score, "RecordMetrics": record}
_WARM, _RUNS = 5, 40
_CALLER = "k7m2x4q9ab"
_NAMED = {"name": "team-a", "plan": "standard"}
_EXECUTION: dict[str, Any] = {}
"""The job that is asked for, as Step Functions describes it."""
_PROMPT = "Tell a visitor in three sentences what makes a small town worth a day in the autumn. "


@dataclass
class _Context:
    function_name: str
    memory_limit_in_mb: int = 512
    aws_request_id: str = "0f8fad5b-d9cb-469f-a165-70867728950e"

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:us-east-1:123456789012:function:{self.function_name}"


@dataclass(frozen=True)
class Call:
    """A call of DynamoDB, and the bytes of each attribute of the item that it left, or of all that it read."""

    operation: str
    table: str
    attributes: Mapping[str, int] = field(default_factory=dict)
    read_items: int = 0


@dataclass
class Measured:
    cpu_ms: float
    calls: list[Call]
    event_bytes: int
    answer_bytes: int


class _Engine:
    """Runs the states one after the other, as the machine does on its happy path."""

    def __init__(self, emulator: EmulatedDynamoDB) -> None:
        self._emulator = emulator
        self._sent: list[tuple[str, dict[str, Any]]] = []
        events = clients.client("dynamodb").meta.events
        events.register("before-call.dynamodb", self._note)
        executions = clients.client("stepfunctions").meta.events
        executions.register("before-send.stepfunctions", _describe)
        self.cpu_ms: dict[str, list[float]] = defaultdict(list)
        self.latest: dict[str, Measured] = {}
        self.health_keys = 0

    def _note(self, model: Any, params: Mapping[str, Any], **_: object) -> None:
        self._sent.append((model.name, json.loads(params["body"])))

    def step(self, name: str, handler: Any, event: dict[str, Any]) -> dict[str, Any]:
        context = _Context(f"LlmOrchestrator-dev-Pipeline-Functions{name}5C8A9E1B-X2y3Z4a5B6c7")
        self._sent.clear()
        answers: list[dict[str, Any]] = []
        given = json.loads(json.dumps(event))
        _say(MARK + name)
        ms = self._emulator.own_ms(lambda: answers.append(handler(given, context)))
        _say(MARK)
        self.cpu_ms[name].append(ms)
        calls = [one for sent in self._sent for one in _calls_of(*sent)]
        self.health_keys = max(self.health_keys, sum(one.read_items for one in calls))
        # Health is read again after some seconds, and not by each request.
        calls = [one for one in calls if not one.read_items]
        text = json.dumps(answers[0])
        self.latest[name] = Measured(ms, calls, len(json.dumps(event)), len(text))
        answer: dict[str, Any] = json.loads(text)
        return answer

    def medians(self) -> dict[str, dict[str, Any]]:
        """Of all warm runs since the last call of this; whatever else is of the latest."""
        told = {
            name: asdict(replace(self.latest[name], cpu_ms=round(statistics.median(ms[_WARM:]), 2)))
            for name, ms in self.cpu_ms.items()
        }
        self.cpu_ms.clear()
        return told

    def poll(self, job: str, answer: dict[str, Any]) -> None:
        """Of a job that has ended: the longest answer."""
        started = {"input": json.dumps({"caller_id": _CALLER}), "output": json.dumps(answer)}
        told = {**started, "name": job, "status": "SUCCEEDED", "startDate": 0, "stopDate": 2}
        _EXECUTION.clear()
        _EXECUTION.update(told)
        self.step(
            "Api",
            api,
            {
                "resource": "/v1/jobs/{execution_id}",
                "path": f"/v1/jobs/{job}",
                "httpMethod": "GET",
                "headers": {},
                "multiValueHeaders": {},
                "queryStringParameters": None,
                "pathParameters": {"execution_id": job},
                "requestContext": {
                    "apiId": "a1",
                    "extendedRequestId": "1-2-3=",
                    "authorizer": {"caller_id": _CALLER, "caller": json.dumps(_NAMED)},
                },
                "body": None,
                "isBase64Encoded": False,
            },
        )

    def run(self, number: int, mode: str) -> None:
        begun = {"request_id": f"req_{number:08}-0123-4567-89ab-0123456789ab", "caller_id": _CALLER}
        if mode == "async":
            _list_job(begun["request_id"])
        asked = {"task": "chat", "text": _PROMPT * 6, "model_preference": "balanced"}
        told = {"request": asked, "caller": _NAMED, "mode": mode, "idempotency_key": ""}
        answer = RequestPath(self._functions()).run(begun | told)
        row = _item("Requests", begun["request_id"])
        stream = {"SequenceNumber": str(number + 1), "NewImage": row}
        batch = {"shardId": "shardId-00000001795000000000-00000001"}
        self.step("Tally", tally, {**batch, "Records": [{"dynamodb": stream}]})
        if mode == "async":
            self.poll(begun["request_id"], answer)

    def _functions(self) -> dict[str, Any]:
        """Of the states; whichever provider is asked, the simulator stands in for it."""
        providers = [provider_function_name(row.provider) for row in PROVIDER_FUNCTIONS]
        return {
            **{name: partial(self.step, name, handler) for name, handler in _STATES.items()},
            **dict.fromkeys(providers, partial(self.step, "Invoke", invoke)),
        }


def _list_job(execution_id: str) -> None:
    """As the state `List Job` does."""
    item = {"execution_id": execution_id, "caller_id": _CALLER}
    now = datetime.now(UTC).isoformat()
    listed = {"submitted_at": now, "status": "RUNNING", "expires_at": 1_795_810_694}
    table("Jobs").put_item(Item=item | listed)


def _describe(request: Any, **_: object) -> AWSResponse:
    body = Body(json.dumps(_EXECUTION | {"stateMachineArn": "", "executionArn": ""}).encode())
    return AWSResponse(request.url, 200, HTTPHeaders(), body)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _item(table: str, key: str) -> dict[str, Any]:
    """Typed values; none of them where there is no such item."""
    found: dict[str, Any] = next(iter(dynamodb._tables[table]["items"].get(key, {}).values()), {})
    return found


def _calls_of(operation: str, body: Mapping[str, Any]) -> list[Call]:
    if operation == "BatchGetItem":
        return [
            Call(operation, name, read_items=len(asked["Keys"]))
            for name, asked in body["RequestItems"].items()
        ]
    name = body["TableName"]
    key = body.get("Key") or {_TABLES[name]: body["Item"][_TABLES[name]]}
    item = _item(name, key[_TABLES[name]]["S"])
    sizes = {one: attribute_bytes(one, value) for one, value in item.items()}
    return [Call(operation, name, sizes)]


def main() -> None:
    target = Path(sys.argv[1])
    with emulated_tables(*_TABLES.items()) as emulator:
        engine = _Engine(emulator)
        numbers, measured = count(), {}
        for mode in ("async", "sync"):
            for number in islice(numbers, _WARM + _RUNS):
                engine.run(number, mode)
            measured[mode] = engine.medians()
    told = {"health_keys": engine.health_keys, "functions": measured}
    target.write_text(json.dumps(told), "utf-8")


if __name__ == "__main__":
    main()
