import json
from typing import Any

import pytest

from functions.shared.errors import HTTP_STATUS
from tests.infrastructure.synthesized import Stage

pytestmark = pytest.mark.xdist_group("synthesis")

METHOD = "AWS::ApiGateway::Method"
# With the escapes that the gateway puts into the variable.
VALIDATION_ERROR = '[object has missing required properties ([\\"text\\"])]'


def methods(stage: Stage) -> dict[tuple[str, str], dict[str, Any]]:
    resources = stage.pipeline.resources("AWS::ApiGateway::Resource")

    def path_of(resource_id: str) -> str:
        resource = resources[resource_id]
        parent = resource["ParentId"].get("Ref")
        return (path_of(parent) if parent else "") + "/" + str(resource["PathPart"])

    return {
        (method["HttpMethod"], path_of(method["ResourceId"]["Ref"])): method
        for method in stage.pipeline.resources(METHOD).values()
    }


def gateway_responses(stage: Stage) -> dict[str, dict[str, Any]]:
    found = stage.pipeline.resources("AWS::ApiGateway::GatewayResponse").values()
    return {response["ResponseType"]: response for response in found}


def rendered(response: dict[str, Any]) -> dict[str, Any]:
    template = str(response["ResponseTemplates"]["application/json"])
    text = template.replace("$context.requestId", "1-2-3").replace(
        "$context.error.validationErrorString", VALIDATION_ERROR
    )
    assert "$" not in text
    return dict(json.loads(text))


def test_the_routes_are_the_contract(prod: Stage) -> None:
    assert set(methods(prod)) == {
        ("POST", "/v1/generate"),
        ("POST", "/v1/jobs"),
        ("GET", "/v1/jobs/{execution_id}"),
        ("DELETE", "/v1/jobs/{execution_id}"),
        ("POST", "/v1/route"),
        ("GET", "/v1/requests/{request_id}"),
        ("POST", "/v1/requests/{request_id}/feedback"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/{model_id}"),
        ("GET", "/v1/health"),
    }
    (stage,) = prod.pipeline.resources("AWS::ApiGateway::Stage").values()
    assert stage["StageName"] == "api"


def test_everything_but_health_needs_a_key(prod: Stage) -> None:
    open_paths = [
        route for route, method in methods(prod).items() if not method.get("ApiKeyRequired")
    ]
    assert open_paths == [("GET", "/v1/health")]


@pytest.mark.parametrize(
    ("path", "action"), [("/v1/generate", "StartSyncExecution"), ("/v1/jobs", "StartExecution")]
)
def test_asking_a_model_starts_an_execution_without_a_function_between(
    prod: Stage, path: str, action: str
) -> None:
    integration = methods(prod)["POST", path]["Integration"]
    assert integration["Type"] == "AWS"
    assert integration["PassthroughBehavior"] == "NEVER"
    assert f":states:action/{action}" in json.dumps(integration["Uri"])


def test_the_gateway_may_start_each_machine_in_its_own_way_only(prod: Stage) -> None:
    integration = methods(prod)["POST", "/v1/generate"]["Integration"]
    role = integration["Credentials"]["Fn::GetAtt"][0]
    allowed = {
        statement["Action"]: str(statement["Resource"])
        for statement in prod.pipeline.statements(role)
    }
    assert set(allowed) == {"states:StartSyncExecution", "states:StartExecution"}
    assert "GenerateMachine" in allowed["states:StartSyncExecution"]
    assert "JobsMachine" in allowed["states:StartExecution"]


@pytest.mark.parametrize(
    ("path", "function"),
    [("/v1/route", "Route"), ("/v1/requests/{request_id}/feedback", "Api")],
)
def test_a_post_that_asks_no_model_goes_to_a_function(
    prod: Stage, path: str, function: str
) -> None:
    integration = methods(prod)["POST", path]["Integration"]
    assert integration["Type"] == "AWS_PROXY"
    assert f"Functions{function}" in json.dumps(integration["Uri"])


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/v1/generate", "Object"),
        ("/v1/jobs", "Jobs"),
        ("/v1/route", "Object"),
        ("/v1/requests/{request_id}/feedback", "Object"),
    ],
)
def test_posts_are_validated_against_their_model(prod: Stage, path: str, model: str) -> None:
    method = methods(prod)["POST", path]
    assert f"{model}Body" in method["RequestModels"]["application/json"]["Ref"]
    validator = prod.pipeline.resources("AWS::ApiGateway::RequestValidator")
    assert validator[method["RequestValidatorId"]["Ref"]]["ValidateRequestBody"] is True


@pytest.mark.parametrize("path", ["/v1/generate", "/v1/jobs"])
def test_every_integration_response_has_its_method_response(prod: Stage, path: str) -> None:
    method = methods(prod)["POST", path]
    answered = {item["StatusCode"] for item in method["Integration"]["IntegrationResponses"]}
    declared = {item["StatusCode"] for item in method["MethodResponses"]}
    assert answered == declared


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("MISSING_AUTHENTICATION_TOKEN", "not_found"),
        ("INVALID_API_KEY", "forbidden"),
        ("ACCESS_DENIED", "forbidden"),
        ("THROTTLED", "rate_limited"),
        ("QUOTA_EXCEEDED", "quota_exceeded"),
        ("UNSUPPORTED_MEDIA_TYPE", "unsupported_media_type"),
        ("REQUEST_TOO_LARGE", "payload_too_large"),
        ("BAD_REQUEST_BODY", "invalid_request"),
        ("BAD_REQUEST_PARAMETERS", "invalid_request"),
        ("INTEGRATION_TIMEOUT", "deadline_exceeded"),
        ("DEFAULT_4XX", "invalid_request"),
        ("DEFAULT_5XX", "internal_error"),
    ],
)
def test_the_gateway_answers_in_the_contracts_error_shape(
    prod: Stage, kind: str, code: str
) -> None:
    response = gateway_responses(prod)[kind]
    body = rendered(response)
    assert response["StatusCode"] == str(HTTP_STATUS[code])
    assert body["success"] is False
    assert body["error"]["code"] == code
    assert body["error"]["message"]
    assert body["request_id"] == "req_1-2-3"


def test_a_refused_body_says_why(prod: Stage) -> None:
    body = rendered(gateway_responses(prod)["BAD_REQUEST_BODY"])
    problem = '[object has missing required properties (["text"])]'
    assert body["error"]["details"] == [{"field": "body", "problem": problem}]


@pytest.mark.parametrize("kind", ["THROTTLED", "QUOTA_EXCEEDED"])
def test_limited_callers_are_told_when_to_come_back(prod: Stage, kind: str) -> None:
    response = gateway_responses(prod)[kind]
    seconds = rendered(response)["error"]["retry_after_seconds"]
    header = response["ResponseParameters"]["gatewayresponse.header.Retry-After"]
    assert header == f"'{seconds}'"


def test_the_access_log_holds_no_key_and_no_body(prod: Stage) -> None:
    (stage,) = prod.pipeline.resources("AWS::ApiGateway::Stage").values()
    logged = json.loads(stage["AccessLogSetting"]["Format"])
    assert logged["api_key_id"] == "$context.identity.apiKeyId"
    assert "$context.identity.apiKey" not in logged.values()
    assert stage["TracingEnabled"] is True
    assert all(setting["DataTraceEnabled"] is False for setting in stage["MethodSettings"])


def test_key_values_are_in_the_template_of_the_local_stage_only(local: Stage, prod: Stage) -> None:
    def values(stage: Stage) -> list[str | None]:
        keys = stage.pipeline.resources("AWS::ApiGateway::ApiKey").values()
        return sorted(key.get("Value") for key in keys)

    assert values(local) == ["key-of-one", "key-of-two"]
    assert values(prod) == [None]


def test_every_key_belongs_to_the_usage_plan(local: Stage) -> None:
    joined = local.pipeline.resources("AWS::ApiGateway::UsagePlanKey").values()
    keys = {str(item["KeyId"]["Ref"]) for item in joined}
    assert keys == set(local.pipeline.resources("AWS::ApiGateway::ApiKey"))
    (plan,) = local.pipeline.resources("AWS::ApiGateway::UsagePlan").values()
    assert plan["Throttle"]
    assert plan["Quota"]["Period"] == "DAY"
