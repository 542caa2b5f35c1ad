import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from botocore.retries.standard import ThrottledRetryableChecker

from functions.api.handler import lambda_handler as api
from functions.metrics.handler import lambda_handler as metrics
from functions.shared.errors import BudgetExceeded, EngineError, RateLimited, ServiceUnavailable
from functions.shared.gateway import aws_errors
from functions.shared.gateway.aws_errors import aws_error
from functions.shared.storage import clients
from functions.shared.storage.tables import Table
from stacks.compute.function_table import FunctionSpec
from tests.support.gateway_events import answered

URL = "https://dynamodb.us-east-1.amazonaws.com"
UNREACHABLE = [
    EndpointConnectionError(endpoint_url=URL),
    ConnectTimeoutError(endpoint_url=URL),
    ReadTimeoutError(endpoint_url=URL),
    ConnectionClosedError(endpoint_url=URL),
]
PATHS = [
    (api, "GET", "/v1/requests/req_1", None),
    (api, "POST", "/v1/requests/req_1/feedback", '{"score": 1}'),
    (metrics, "GET", "/v1/metrics/logs", None),
    (metrics, "GET", "/v1/metrics/realtime", None),
    (metrics, "GET", "/v1/metrics/costs", None),
]


def refusal(code, status=400, operation="GetItem"):
    told: Any = {"Error": {"Code": code, "Message": "secret"}}
    return ClientError(told | {"ResponseMetadata": {"HTTPStatusCode": status}}, operation)


@pytest.mark.parametrize(
    "error",
    [
        *UNREACHABLE,
        *(refusal(code) for code in sorted(aws_errors._THROTTLES | aws_errors._PASSING)),
        refusal("SomethingNew", 500),
        refusal("SomethingNew", 503),
        refusal("ThrottlingException", operation="BatchGetItem"),
    ],
    ids=str,
)
def test_what_passes_by_itself_is_told_with_the_time_to_wait(error):
    found = aws_error(error)
    assert isinstance(found, ServiceUnavailable)
    assert found.retry_after_seconds > 0
    assert "secret" not in found.message


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("DescribeExecution", "ThrottlingException"),
        ("StopExecution", "TooManyRequestsException"),
        ("GetMetricData", "Throttling"),
    ],
)
def test_a_caller_that_looks_too_often_is_told_so(operation, code):
    found = aws_error(refusal(code, operation=operation))
    assert isinstance(found, RateLimited)
    assert found.retry_after_seconds > 0


@pytest.mark.parametrize(
    "error",
    [
        refusal("AccessDeniedException"),
        refusal("ResourceNotFoundException"),
        refusal("ValidationException"),
        refusal("ConditionalCheckFailedException"),
        ClientError({}, "GetItem"),
        NoCredentialsError(),
        KeyError("x"),
        EngineError("x"),
    ],
    ids=str,
)
def test_what_no_wait_mends_stays_a_fault_of_ours(error):
    assert aws_error(error) is None


def test_the_throttles_are_codes_that_botocore_takes_for_such():
    known = vars(ThrottledRetryableChecker)["_THROTTLED_ERROR_CODES"]
    assert set(known) >= aws_errors._THROTTLES


def test_a_service_that_hangs_is_given_up_before_the_functions_time_is_over():
    hangs_s = clients.MOST_CALLS * clients.READ_TIMEOUT_S + clients.BACKOFF_S
    assert hangs_s < FunctionSpec("Api", "api").timeout_s


@pytest.fixture
def _environment(environment, requests_table, state_table):
    environment(REQUESTS_TABLE="Requests", STATE_TABLE="State")
    environment(JOBS_STATE_MACHINE_ARN="arn", POWERTOOLS_SERVICE_NAME="test")


def _told(handler, method, path, body):
    response = answered(handler, method, path, body)
    error = json.loads(response["body"])
    assert error.keys() == {"success", "error", "request_id"}
    waits = response["multiValueHeaders"].get("Retry-After")
    return response["statusCode"], error["error"]["code"], waits


@pytest.mark.usefixtures("_environment")
@pytest.mark.parametrize("asked", PATHS, ids=lambda asked: asked[2])
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (refusal("ProvisionedThroughputExceededException"), (503, "service_unavailable", ["5"])),
        (refusal("InternalServerError", 500), (503, "service_unavailable", ["5"])),
        (UNREACHABLE[0], (503, "service_unavailable", ["5"])),
        (refusal("AccessDeniedException"), (500, "internal_error", None)),
    ],
    ids=str,
)
def test_every_path_that_reads_a_table_says_whether_to_wait(monkeypatch, asked, error, told):
    def refuses(self, operation, _):
        if self.meta.service_model.service_name == "dynamodb":
            raise error
        return {"items": [], "MetricDataResults": []}

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", refuses)
    assert _told(*asked) == told


@pytest.mark.usefixtures("_environment")
def test_a_table_behind_a_closed_port_is_unavailable(monkeypatch):
    config = clients.client("dynamodb").meta.config
    closed = boto3.client("dynamodb", endpoint_url="http://127.0.0.1:9", config=config)
    monkeypatch.setattr(
        "functions.shared.storage.request_log.table", lambda name: Table(name, closed)
    )
    assert _told(*PATHS[0])[:2] == (503, "service_unavailable")


@pytest.mark.usefixtures("_environment")
def test_health_that_cannot_be_read_leaves_the_list_of_models(monkeypatch):
    def refuses(*_):
        raise UNREACHABLE[0]

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", refuses)
    assert answered(api, "GET", "/v1/models")["statusCode"] == 200


@pytest.mark.usefixtures("_environment")
def test_who_has_no_budget_left_is_told_not_to_try_again(monkeypatch):
    def poor(*_, **__):
        raise BudgetExceeded("Nothing is left.")

    monkeypatch.setattr("functions.shared.jobs.executions.Jobs.get", poor)
    response = answered(api, "GET", "/v1/jobs/req_1")
    assert response["statusCode"] == 402
    assert response["multiValueHeaders"]["x-should-retry"] == ["false"]
