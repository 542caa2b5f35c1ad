"""A failing test here is good news: ministack has closed a gap, and what closes it in local/ can go."""

import ast
import inspect
from pathlib import Path

import pytest
from ministack.core import lambda_runtime
from ministack.services import apigateway_v1, cloudwatch, lambda_svc, stepfunctions
from ministack.services.cloudformation import provisioners

import local.emulator

# By what upstream's source has not, or has, as long as there is the gap.
WITHOUT = {
    "the gateway's integration with Step Functions": (apigateway_v1._execute_in_scope, '"states"'),
    "the gateway's limit of a body": (apigateway_v1._execute_in_scope, "REQUEST_TOO_LARGE"),
    "constants that are no JSON": (apigateway_v1._check_request_validation, "parse_constant"),
    "the API key's id in functions": (apigateway_v1._build_lambda_event_v1, "apiKeyId"),
    "request validators": (
        provisioners._apigw_request_validator_create,
        "_create_request_validator",
    ),
    "validators of methods": (provisioners._apigw_method_create, "RequestValidatorId"),
    "access logs of new stages": (provisioners._apigw_stage_create, "AccessLogSetting"),
    "access logs of changed stages": (provisioners._apigw_stage_update, "AccessLogSetting"),
    "paths of method settings": (provisioners._apigw_method_settings, "~1"),
    "the input's limit": (stepfunctions._start_execution, "262144"),
    "the sync input's limit": (stepfunctions._start_sync_execution, "262144"),
    "names that are refused": (stepfunctions, "InvalidName"),
    "forgetting an Express execution": (stepfunctions._start_sync_execution, "_executions.pop"),
    "the same name and input twice": (stepfunctions._start_execution, '"RUNNING" and'),
    "timeouts by expression": (stepfunctions._execute_task, '_jsonata_state_field(state_def, "Tim'),
    "what a task is scheduled with": (stepfunctions._execute_task, '"parameters"'),
    "assigning all at once": (stepfunctions._apply_state_assign, ".update("),
    "errors by their class": (lambda_svc._execute_function_warm, 'result.get("errorType")'),
    "waiting for an environment": (lambda_runtime.acquire_worker, ".wait("),
    "the shard of a stream's batch": (lambda_svc._poll_dynamodb_streams, '"shardId"'),
    "alarms that ring as time goes by": (cloudwatch, "Thread("),
}
WITH = {
    "the gateway's own answer for a failed function": (
        apigateway_v1._invoke_lambda_proxy_v1,
        'json.dumps({"message": err})',
    ),
    "one request id for gateway and function": (
        apigateway_v1._build_lambda_event_v1,
        "request_id = new_uuid()",
    ),
    "a body that no template of a mock makes": (apigateway_v1._invoke_mock_v1, 'b"{}"'),
    "an API key as short as the local one": (apigateway_v1._create_api_key, "< 20"),
    "a start without delay": (stepfunctions._run_execution, "time.sleep(0.15)"),
    "a failed execution without output": (stepfunctions._fail_execution, 'execution["output"] = '),
    "snapshots that wait for an environment": (
        lambda_svc._snapstart_provision_version_async,
        "_reason = acquire_worker(",
    ),
}


@pytest.mark.parametrize("gap", WITHOUT | WITH)
def test_upstream_still_lacks(gap):
    place, text = (WITHOUT | WITH)[gap]
    assert (text in inspect.getsource(place)) is (gap in WITH)


def test_an_exception_still_ends_upstreams_worker():
    from local.emulator import workers

    assert lambda_runtime._PYTHON_WORKER_SCRIPT.count(workers._UPSTREAM_REPORT) == 1


def patches():
    """The emulator's modules that change something of upstream's."""
    for file in sorted(Path(local.emulator.__path__[0]).glob("*.py")):
        parts = ast.parse(file.read_text("utf-8")).body
        if any(isinstance(part, ast.FunctionDef) and part.name == "install" for part in parts):
            yield file.stem


# The others' gaps are asked for in the file of tests that has their name.
TESTED_IN = {
    "cloudformation": "emulator_gaps",
    "embedded_metrics": "log_events",
    "executions": "emulator_gaps",
    "gateway": "emulator_gaps",
    "streams": "emulator_gaps",
    "workers": "emulator_gaps",
}


@pytest.mark.parametrize("patch", patches())
def test_it_is_asked_of_every_patch_whether_upstream_still_lacks_it(patch):
    tests = Path(__file__).parent / f"test_{TESTED_IN.get(patch, patch)}.py"
    assert "def test_upstream_still_" in tests.read_text("utf-8")
