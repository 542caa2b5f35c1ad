import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from functions.docs.files import FILES
from functions.docs.handler import lambda_handler
from functions.openai.errors import STATUS
from functions.shared.contracts.request import GenerateRequest
from functions.shared.errors import HTTP_STATUS
from functions.shared.gateway.response_headers import OF_JSON
from stacks.api import openapi
from stacks.api.openapi import document
from stacks.api.operations import OPERATIONS
from stacks.api.routes import ROUTES
from stacks.compute.pages import docs_page
from tests.infrastructure.test_api import methods
from tests.support.api_document import described
from tests.support.synthesized import Stage

ROOT = Path(__file__).parents[2]
DOCUMENT = document()
TOLD = [
    (verb, path, operation)
    for path, item in DOCUMENT["paths"].items()
    for verb, operation in item.items()
]
BODIES = [one for one in TOLD if "requestBody" in one[2]]


CALLS = [{"id": "1", "function": {"name": "f", "arguments": "{}"}}]


def resolved(part: Any) -> Any:
    reference = part.get("$ref") if isinstance(part, dict) else None
    if reference is None:
        return part
    found: Any = DOCUMENT
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return resolved(found)


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": DOCUMENT["components"]})


def taken(body: dict[str, Any], model: str = "GenerateRequest") -> bool:
    schema = {"$ref": f"#/components/schemas/{model}"}
    return bool(validator(schema).is_valid(body))


def test_every_route_but_the_consoles_is_described() -> None:
    routes = {one.name for one in ROUTES if one.path.startswith("v1/")}
    assert routes == set(OPERATIONS) == {f"{verb.upper()} /v1{path}" for verb, path, _ in TOLD}
    assert {one.name for one in ROUTES} - routes == {"GET /console", "GET /console/{file}"}


def test_the_document_is_valid_openapi() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    described().validate()


def test_the_document_says_the_same_each_time() -> None:
    assert document() == DOCUMENT


def test_names_are_given_once() -> None:
    names = [operation["operationId"] for _, _, operation in TOLD]
    assert len(set(names)) == len(names)
    assert not [name for name in DOCUMENT["components"]["schemas"] if "__" in name]


def test_every_parameter_of_a_path_is_described() -> None:
    for _, path, operation in TOLD:
        told = {one["name"] for one in operation.get("parameters", []) if one["in"] == "path"}
        assert told == set(re.findall(r"{(\w+)}", path))


def test_each_route_says_where_its_key_goes() -> None:
    schemes = DOCUMENT["components"]["securitySchemes"]
    assert (schemes["key"]["name"], schemes["bearer"]["scheme"]) == ("X-API-Key", "bearer")
    for route in ROUTES:
        if route.name in OPERATIONS:
            told = DOCUMENT["paths"][f"/{route.path.removeprefix('v1/')}"][route.verb.lower()]
            schemes = {"either": ["key", "bearer"]}.get(route.credential, [route.credential])
            wanted = [{one: []} for one in schemes] if route.needs_key else []
            assert told["security"] == wanted


def test_every_error_has_the_contracts_status_and_shape() -> None:
    codes = set()
    for _, _, operation in TOLD:
        for status, response in operation["responses"].items():
            if int(status) < 400:
                continue
            told = resolved(response)
            body, only = told["content"]["application/json"]["schema"]["allOf"]
            named = only["properties"]["error"]["properties"]["code"]["enum"]
            shape = "OpenaiErrorBody" if operation["tags"] == ["OpenAI"] else "ErrorBody"
            assert body == {"$ref": f"#/components/schemas/{shape}"}
            assert {STATUS[code] for code in named} == {int(status)}
            assert told["headers"].keys() >= OF_JSON.keys()
            codes |= set(named)
    # What ends a job is no answer's own code.
    assert codes == STATUS.keys() - {"aborted"}


@pytest.mark.parametrize(
    ("status", "header", "required"),
    [
        ("429", "Retry-After", False),
        ("429", "x-should-retry", False),
        ("503", "Retry-After", False),
        ("402", "x-should-retry", True),
    ],
)
def test_errors_say_whether_to_come_again(status: str, header: str, required: bool) -> None:
    told = resolved(DOCUMENT["paths"]["/generate"]["post"]["responses"][status])
    assert told["headers"][header]["required"] is required


def test_a_job_is_found_by_its_location() -> None:
    accepted = DOCUMENT["paths"]["/jobs"]["post"]["responses"]["202"]
    assert accepted["headers"]["Location"]["required"] is True
    [key] = DOCUMENT["paths"]["/jobs"]["post"]["parameters"]
    assert (key["name"], key["in"]) == ("Idempotency-Key", "header")


@pytest.mark.parametrize(("verb", "path", "operation"), TOLD)
def test_examples_are_as_described(verb: str, path: str, operation: dict[str, Any]) -> None:
    answers = [one for status, one in operation["responses"].items() if status < "3"]
    for one in [*answers, operation.get("requestBody", {})]:
        for content in one.get("content", {}).values():
            if "example" in content:
                validator(content["schema"]).validate(content["example"])


def test_the_example_of_a_request_is_the_readmes() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    example = DOCUMENT["paths"]["/generate"]["post"]["requestBody"]["content"]["application/json"]
    text = "".join(re.findall(r'"([^"]*)"', readme.partition('"text": ')[2].partition("},")[0]))
    assert example["example"]["text"] == text


@pytest.mark.parametrize(
    "body",
    [
        {"text": "a"},
        {"text": "a", "messages": None},
        {"messages": [{"role": "user", "content": "a"}], "text": None},
        {"text": "a", "stop": "b"},
        {"text": "a", "stop": ["b", "c"]},
        {"text": "a", "max_cost_usd": 1000},
        {"text": "a", "logit_bias": {"7": -100, "8": 0.5}},
        {"text": "a", "model": "m", "models": None},
        *(
            {"text": "a", "tools": [{"function": {"name": "f"}}], "tool_choice": choice}
            for choice in (
                "any",
                None,
                {"type": "required"},
                {"type": "function", "function": {"name": "f"}},
                {"type": "function", "name": "f"},
                {"type": "tool", "name": "f"},
                {"type": "allowed_tools", "tools": [{"type": "function", "name": "f"}]},
                {
                    "type": "allowed_tools",
                    "allowed_tools": {"mode": "auto", "tools": [{"type": "tool", "name": "f"}]},
                },
            )
        ),
        {
            "messages": [
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a.example/b"}}]},
                {"role": "assistant", "tool_calls": CALLS},
                {"role": "tool", "tool_call_id": "1"},
            ]
        },
        {"text": "a", "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}}},
    ],
)  # fmt: skip
def test_what_the_engine_takes_the_document_allows(body: dict[str, Any]) -> None:
    GenerateRequest.model_validate(body)
    assert taken(body)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": "a", "messages": [{"role": "user", "content": "a"}]},
        {"text": "a", "model": "m", "models": ["n"]},
        {"text": "a", "models": ["m", "m"]},
        {"text": "a", "tool_choice": "auto"},
        {"text": "a", "max_cost_usd": 0},
        {"text": "a", "max_cost_usd": 1001},
        {"text": "a", "logit_bias": {"7": 101}},
        {"text": "a", "logit_bias": {"word": 1}},
        {"text": "a", "stop": ["b"] * 5},
        {"text": "a", "response_format": {"type": "json_schema"}},
        {"text": "a", "response_format": {"type": "text", "json_schema": {"name": "n", "schema": {}}}},
        {"text": "a", "tools": [{"function": {"name": "f", "parameters": {"type": "array"}}}]},
        {"messages": [{"role": "user"}]},
        {"messages": [{"role": "tool", "content": "a"}]},
        {"messages": [{"role": "user", "content": "a", "tool_calls": CALLS}]},
        {"messages": [{"role": "system", "content": [{"type": "image_url", "image_url": {"url": "https://a.example/b"}}]}]},
    ],
)  # fmt: skip
def test_what_the_engine_refuses_the_document_forbids(body: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="GenerateRequest"):
        GenerateRequest.model_validate(body)
    assert not taken(body)


@pytest.mark.xdist_group("synthesis")
@pytest.mark.parametrize(("verb", "path", "operation"), BODIES)
def test_the_gateway_holds_what_kind_of_body_the_document_demands(
    prod: Stage, verb: str, path: str, operation: dict[str, Any]
) -> None:
    method = methods(prod)[verb.upper(), f"/v1{path}"]
    if not operation["requestBody"]["required"]:
        assert "RequestModels" not in method
        return
    schema = resolved(operation["requestBody"]["content"]["application/json"]["schema"])
    models = prod.pipeline.resources("AWS::ApiGateway::Model")
    model = models[method["RequestModels"]["application/json"]["Ref"]]
    # A validator that knew more would answer for the engine, in its own words.
    assert model["Schema"] == {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "type": schema["type"],
    }


def ask(resource: str, file: str | None = None) -> dict[str, Any]:
    return lambda_handler(
        {
            "resource": resource,
            "pathParameters": {"file": file} if file else None,
            "headers": None,
            "requestContext": {"extendedRequestId": "1-2-3="},
        },
        None,
    )


def test_the_document_and_its_page_are_served_as_what_they_are() -> None:
    files = docs_page()
    assert {str(path.relative_to(ROOT)) for path in FILES.values()} == set(files)
    answer = ask("/v1/openapi.json")
    assert answer["headers"]["Content-Type"] == "application/json"
    assert json.loads(answer["body"]) == DOCUMENT
    assert ask("/v1/docs")["headers"]["Content-Type"] == "text/html; charset=utf-8"
    assert ask("/v1/docs/{file}", "main.js")["statusCode"] == 200
    assert all(len(path.read_bytes()) < 4_000_000 for path in FILES.values())


@pytest.mark.parametrize("file", ["index.html", "../handler.py", "openapi.json", "{file}", "x"])
def test_nothing_else_can_be_read(file: str) -> None:
    assert ask("/v1/docs/{file}", file)["statusCode"] == 404


def test_each_code_is_explained() -> None:
    assert openapi._MEANINGS.keys() == HTTP_STATUS.keys() - {"aborted"}
