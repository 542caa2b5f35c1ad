import json
import re
from pathlib import Path
from typing import Any

import pytest

from functions.shared.errors import HTTP_STATUS
from functions.shared.gateway.response_headers import OF_JSON
from functions.shared.telemetry.series import NAMESPACE, RATE_LIMITED
from stacks.api.routes import ROUTES
from tests.support.synthesized import StackTemplate, Stage, synthesized

pytestmark = pytest.mark.xdist_group("synthesis")

METHOD = "AWS::ApiGateway::Method"
RESOURCE = "AWS::ApiGateway::Resource"
PLAN = "AWS::ApiGateway::UsagePlan"
KEY = "AWS::ApiGateway::ApiKey"


def methods(stage: Stage) -> dict[tuple[str, str], dict[str, Any]]:
    resources = stage.pipeline.resources(RESOURCE)

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
    text = template.replace("$context.extendedRequestId", "1-2-3=")
    text = text.replace("$context.authorizer.reason", "X-API-Key: this key has expired.")
    assert "$" not in text
    return dict(json.loads(text))


def test_the_routes_are_the_contract(prod: Stage) -> None:
    assert set(methods(prod)) == {
        ("POST", "/v1/generate"),
        ("POST", "/v1/jobs"),
        ("GET", "/v1/jobs"),
        ("GET", "/v1/jobs/{execution_id}"),
        ("DELETE", "/v1/jobs/{execution_id}"),
        ("POST", "/v1/route"),
        ("GET", "/v1/caller"),
        ("POST", "/v1/chat/completions"),
        ("POST", "/v1/embeddings"),
        ("POST", "/v1/responses"),
        ("GET", "/v1/responses/{response_id}"),
        ("POST", "/v1/responses/{response_id}/cancel"),
        ("GET", "/v1/requests/{request_id}"),
        ("POST", "/v1/requests/{request_id}/feedback"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/{model_id}"),
        ("POST", "/v1/admin/callers"),
        ("GET", "/v1/admin/callers"),
        ("GET", "/v1/admin/callers/{caller}"),
        ("PATCH", "/v1/admin/callers/{caller}"),
        ("POST", "/v1/admin/callers/{caller}/rotate"),
        ("POST", "/v1/admin/callers/{caller}/disable"),
        ("POST", "/v1/admin/callers/{caller}/enable"),
        ("PUT", "/v1/admin/callers/{caller}/budget"),
        ("GET", "/v1/admin/callers/{caller}/spend"),
        ("GET", "/v1/health"),
        ("GET", "/v1/openapi.json"),
        ("GET", "/v1/docs"),
        ("GET", "/v1/docs/{file}"),
        ("GET", "/v1/metrics/summary"),
        ("GET", "/v1/metrics/models/{model_id}"),
        ("GET", "/v1/metrics/providers"),
        ("GET", "/v1/metrics/costs"),
        ("GET", "/v1/metrics/logs"),
        ("GET", "/v1/metrics/realtime"),
        ("GET", "/console"),
        ("GET", "/console/{file}"),
    }
    (stage,) = prod.pipeline.resources("AWS::ApiGateway::Stage").values()
    assert stage["StageName"] == "api"


def test_everything_but_health_and_the_files_of_pages_needs_a_key(prod: Stage) -> None:
    open_routes = {
        route for route, method in methods(prod).items() if not method.get("ApiKeyRequired")
    }
    assert open_routes == {
        ("GET", "/v1/health"),
        ("GET", "/v1/openapi.json"),
        ("GET", "/v1/docs"),
        ("GET", "/v1/docs/{file}"),
        ("GET", "/console"),
        ("GET", "/console/{file}"),
    }


def test_a_stage_can_do_without_the_console(tmp_path: Path) -> None:
    template = synthesized("local", tmp_path, console="false").pipeline
    paths = {resource["PathPart"] for resource in template.resources(RESOURCE).values()}
    assert {"metrics", "docs", "openapi.json"} <= paths
    assert "console" not in paths
    (stage,) = template.resources("AWS::ApiGateway::Stage").values()
    assert "console" not in json.dumps(stage["MethodSettings"])
    functions = template.resources("AWS::Lambda::Function").values()
    assert not any("console" in function["Handler"] for function in functions)


@pytest.mark.parametrize("path", ["/v1/generate", "/v1/jobs"])
def test_asking_a_model_starts_an_execution_without_a_function_between(
    prod: Stage, path: str
) -> None:
    integration = methods(prod)["POST", path]["Integration"]
    assert integration["Type"] == "AWS"
    assert integration["PassthroughBehavior"] == "NEVER"
    assert ":states:action/StartSyncExecution" in json.dumps(integration["Uri"])


def test_the_gateway_may_start_the_two_machines_that_it_waits_for(prod: Stage) -> None:
    integration = methods(prod)["POST", "/v1/generate"]["Integration"]
    [statement] = prod.pipeline.statements(integration["Credentials"]["Fn::GetAtt"][0])
    assert statement["Action"] == "states:StartSyncExecution"
    assert statement["Resource"] == [{"Ref": "GenerateMachine"}, {"Ref": "SubmitMachine"}]


@pytest.mark.parametrize(
    ("path", "function"),
    [
        ("POST /v1/route", "Route"),
        ("POST /v1/requests/{request_id}/feedback", "Api"),
        ("GET /v1/models", "Api"),
        ("GET /v1/metrics/summary", "Metrics"),
        ("GET /v1/metrics/logs", "Metrics"),
        ("GET /v1/openapi.json", "Docs"),
        ("GET /v1/docs/{file}", "Docs"),
        ("GET /console", "Console"),
        ("GET /console/{file}", "Console"),
    ],
)
def test_what_asks_no_model_goes_to_a_function(prod: Stage, path: str, function: str) -> None:
    verb, _, path = path.partition(" ")
    integration = methods(prod)[verb, path]["Integration"]
    assert integration["Type"] == "AWS_PROXY"
    assert f"Functions{function}" in json.dumps(integration["Uri"])


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/v1/generate", "Object"),
        ("/v1/jobs", "Object"),
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
        ("UNAUTHORIZED", "unauthorized"),
        ("AUTHORIZER_FAILURE", "service_unavailable"),
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
    # Nothing but the id can be filled in here, so nothing can be cut out of it.
    assert body["request_id"] == "req_1-2-3="


def test_the_gateways_errors_have_what_openais_clients_read(prod: Stage) -> None:
    kinds = {kind: rendered(one)["error"]["type"] for kind, one in gateway_responses(prod).items()}
    told = {
        "UNAUTHORIZED": "authentication_error",
        "ACCESS_DENIED": "permission_error",
        "MISSING_AUTHENTICATION_TOKEN": "not_found_error",
        "BAD_REQUEST_BODY": "invalid_request_error",
        "THROTTLED": "rate_limit_error",
        "AUTHORIZER_FAILURE": "server_error",
    }
    assert kinds | told == kinds
    for response in gateway_responses(prod).values():
        error = rendered(response)["error"]
        assert "param" in error
        assert error["param"] is None


def test_a_client_comes_again_to_a_throttled_gateway_and_not_to_a_used_up_quota(
    prod: Stage,
) -> None:
    header = "gatewayresponse.header.x-should-retry"
    again = {
        kind: one["ResponseParameters"].get(header) for kind, one in gateway_responses(prod).items()
    }
    assert (again["THROTTLED"], again["QUOTA_EXCEEDED"]) == ("'true'", "'false'")


def test_a_refused_body_says_why_without_a_word_of_it(prod: Stage) -> None:
    body = rendered(gateway_responses(prod)["BAD_REQUEST_BODY"])
    assert body["error"]["details"] == [{"field": "body", "problem": "must be a JSON object"}]


@pytest.mark.parametrize("kind", ["THROTTLED", "QUOTA_EXCEEDED"])
def test_limited_callers_are_told_when_to_come_back(prod: Stage, kind: str) -> None:
    response = gateway_responses(prod)[kind]
    seconds = rendered(response)["error"]["retry_after_seconds"]
    header = response["ResponseParameters"]["gatewayresponse.header.Retry-After"]
    assert header == f"'{seconds}'"


def test_the_access_log_holds_no_key_and_no_body(prod: Stage) -> None:
    (stage,) = prod.pipeline.resources("AWS::ApiGateway::Stage").values()
    logged = json.loads(stage["AccessLogSetting"]["Format"])
    assert logged["caller_id"] == "$context.authorizer.caller_id"
    assert "$context.identity.apiKey" not in logged.values()
    assert stage["TracingEnabled"] is True
    logging = {
        (one["DataTraceEnabled"], one["LoggingLevel"], one["MetricsEnabled"])
        for one in stage["MethodSettings"]
    }
    assert logging == {(False, "ERROR", False)}


def test_what_needs_no_key_is_limited_by_its_method(prod: Stage) -> None:
    (stage,) = prod.pipeline.resources("AWS::ApiGateway::Stage").values()
    everything, *limited = stage["MethodSettings"]
    assert (everything["ResourcePath"], everything["HttpMethod"]) == ("/*", "*")
    assert "ThrottlingRateLimit" not in everything
    keyless = {
        (verb, "/" + path.replace("/", "~1"))
        for (verb, path), method in methods(prod).items()
        if not method.get("ApiKeyRequired")
    }
    assert {(one["HttpMethod"], one["ResourcePath"]) for one in limited} == keyless
    for one in limited:
        assert 0 < one["ThrottlingRateLimit"] <= one["ThrottlingBurstLimit"] <= 50


def test_every_answer_that_no_function_makes_has_the_common_headers(prod: Stage) -> None:
    for response in gateway_responses(prod).values():
        for name, value in OF_JSON.items():
            set_to = response["ResponseParameters"][f"gatewayresponse.header.{name}"]
            assert set_to == f"'{value}'"
    wanted = {f"method.response.header.{name}": f"'{value}'" for name, value in OF_JSON.items()}
    for path in ("/v1/generate", "/v1/jobs"):
        method = methods(prod)["POST", path]
        for answer in method["Integration"]["IntegrationResponses"]:
            assert answer["ResponseParameters"] == wanted
        for declared in method["MethodResponses"]:
            assert declared["ResponseParameters"] == dict.fromkeys(wanted, True)


def test_the_api_demands_tls_1_2_and_compresses_long_answers(prod: Stage) -> None:
    (api,) = prod.pipeline.resources("AWS::ApiGateway::RestApi").values()
    assert re.fullmatch(r"SecurityPolicy_TLS13_1_2_\w+", api["SecurityPolicy"])
    assert api["EndpointAccessMode"] == "BASIC"
    assert api["MinimumCompressionSize"] == 1024


def test_calls_that_the_gateway_throttles_are_counted(prod: Stage) -> None:
    (counted,) = prod.pipeline.resources("AWS::Logs::MetricFilter").values()
    (stage,) = prod.pipeline.resources("AWS::ApiGateway::Stage").values()
    group = stage["AccessLogSetting"]["DestinationArn"]["Fn::GetAtt"][0]
    assert counted["LogGroupName"] == {"Ref": group}
    assert counted["FilterPattern"] == '{ $.status = "429" }'
    assert json.loads(stage["AccessLogSetting"]["Format"])["status"] == "$context.status"
    (transformation,) = counted["MetricTransformations"]
    assert transformation["MetricNamespace"] == NAMESPACE
    assert transformation["MetricName"] == RATE_LIMITED
    assert "Dimensions" not in transformation


def keys_by_plan(template: StackTemplate) -> dict[str, list[str]]:
    """Logical ids of keys by the names of their plans."""
    plans = template.resources(PLAN)
    found: dict[str, list[str]] = {plan["UsagePlanName"]: [] for plan in plans.values()}
    for joined in template.resources("AWS::ApiGateway::UsagePlanKey").values():
        plan = plans[joined["UsagePlanId"]["Ref"]]["UsagePlanName"]
        found[plan].append(joined["KeyId"]["Ref"])
    return found


def test_each_plan_has_a_key_of_the_gateways_own_that_opens_nothing(local: Stage) -> None:
    keys = local.pipeline.resources(KEY)
    shared = {
        plan: [keys[key]["Value"] for key in found]
        for plan, found in keys_by_plan(local.pipeline).items()
    }
    assert shared == {
        f"llm-orchestrator-local-{plan}": [f"llm-orchestrator-local-{plan}-callers"]
        for plan in ("standard", "operator")
    }
    (api,) = local.pipeline.resources("AWS::ApiGateway::RestApi").values()
    assert api["ApiKeySourceType"] == "AUTHORIZER"


def test_every_method_with_a_key_asks_the_authorizer_of_its_header(prod: Stage) -> None:
    authorizers = prod.pipeline.resources("AWS::ApiGateway::Authorizer")
    assert {
        (one["Type"], one.get("IdentitySource"), one["AuthorizerResultTtlInSeconds"])
        for one in authorizers.values()
    } == {
        ("REQUEST", "method.request.header.X-API-Key", 300),
        ("REQUEST", "method.request.header.Authorization", 300),
        # Without a header of its name a verdict could not be kept for anybody.
        ("REQUEST", None, 0),
    }
    headers = {"key": "X-API-Key", "bearer": "Authorization", "either": None}
    by_header = {
        name: one["IdentitySource"].rpartition(".")[2] if "IdentitySource" in one else None
        for name, one in authorizers.items()
    }
    for (verb, path), method in methods(prod).items():
        (route,) = (one for one in ROUTES if (one.verb, f"/{one.path}") == (verb, path))
        assert ("AuthorizerId" in method) is route.needs_key
        if route.needs_key:
            asked = by_header[method["AuthorizerId"]["Ref"]]
            assert asked == headers[route.credential]
        assert bool(method.get("ApiKeyRequired")) is route.needs_key


def test_plans_limit_their_keys_as_configured(prod: Stage) -> None:
    plans = prod.pipeline.resources(PLAN).values()
    assert {plan["UsagePlanName"] for plan in plans} == {
        "llm-orchestrator-prod-standard",
        "llm-orchestrator-prod-operator",
    }
    for plan in plans:
        assert plan["Throttle"] == {"RateLimit": 100, "BurstLimit": 200}
        assert plan["Quota"] == {"Limit": 1_000_000, "Period": "DAY"}
    assert [len(keys) for keys in keys_by_plan(prod.pipeline).values()] == [1, 1]


def test_the_command_line_can_set_the_limits_of_the_standard_plan(tmp_path: Path) -> None:
    template = synthesized(
        "local", tmp_path, requests_per_second="2.5", burst_requests="3", requests_per_day="50"
    ).pipeline
    plan = template.named(PLAN, "StandardPlan")
    assert plan["Throttle"] == {"RateLimit": 2.5, "BurstLimit": 3}
    assert plan["Quota"]["Limit"] == 50
    assert template.named(PLAN, "OperatorPlan")["Throttle"]["RateLimit"] == 100
