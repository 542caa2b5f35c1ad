"""A failing test here is good news: ministack has closed a gap, and what closes it in local/ can go."""

import inspect

import pytest
from ministack.core import lambda_runtime
from ministack.services import apigateway_v1, lambda_svc, stepfunctions
from ministack.services.cloudformation import provisioners

GAPS = {
    "the gateway's integration with Step Functions": (apigateway_v1._execute_in_scope, '"states"'),
    "what is wrong with a body": (apigateway_v1._gateway_error_response, "validationErrorString"),
    "the API key's id in functions": (apigateway_v1._build_lambda_event_v1, "apiKeyId"),
    "request validators": (
        provisioners._apigw_request_validator_create,
        "_create_request_validator",
    ),
    "validators of methods": (provisioners._apigw_method_create, "RequestValidatorId"),
    "the input's limit": (stepfunctions._start_execution, "262144"),
    "the same name and input twice": (stepfunctions._start_execution, '"RUNNING" and'),
    "timeouts by expression": (stepfunctions._execute_task, '_jsonata_state_field(state_def, "Tim'),
    "assigning all at once": (stepfunctions._apply_state_assign, ".update("),
    "errors by their class": (lambda_svc._execute_function_warm, 'result.get("errorType")'),
    "waiting for an environment": (lambda_runtime.acquire_worker, ".wait("),
}


@pytest.mark.parametrize("gap", GAPS)
def test_upstream_still_lacks(gap):
    function, closed_by = GAPS[gap]
    assert closed_by not in inspect.getsource(function)


def test_an_exception_still_ends_upstreams_worker():
    from local.emulator import workers

    assert lambda_runtime._PYTHON_WORKER_SCRIPT.count(workers._UPSTREAM_REPORT) == 1
