"""The API's own description: an OpenAPI 3.1 document from the table of operations and the models behind it."""

from __future__ import annotations

import ast
import inspect
import json
import re
import textwrap
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema
from pydantic_core import core_schema

from functions.openai.errors import STATUS
from functions.openai.sse import CONTENT_TYPE as EVENT_STREAM
from functions.shared.contracts.error_body import ErrorBody
from functions.shared.errors import HTTP_STATUS
from functions.shared.gateway.response_headers import OF_JSON, OF_PAGE
from functions.shared.vocabulary import RequestId
from stacks.api.gateway_responses import GATEWAY_RESPONSES
from stacks.api.mapping import JSON, STAGE_NAME
from stacks.api.operations import OPERATIONS, Header, Operation
from stacks.api.routes import ROUTES, Credential, Route

_ROOT = Path(__file__).parents[2]
_EXAMPLES = Path(__file__).parent / "examples.json"
_BASE = "v1/"
_SCHEMAS = "#/components/schemas/{model}"

_ABOUT = """One API in front of every model: it decides the task, scores each model on cost, latency, quality and
availability under the caller's preference and limits, calls the best one, and the next one where that fails.

A key or a token goes into `X-API-Key`, for OpenAI's routes and `/caller` into `Authorization: Bearer`; `/models`
takes either. Errors have one shape on every
path. Whole numbers are written without a fraction or an exponent."""

_PATH_PARAMETERS: Mapping[str, tuple[str, Any]] = {
    "execution_id": ("What `POST /jobs` answered.", RequestId),
    "request_id": ("The `request_id` of an answer.", RequestId),
    "response_id": ("The `id` of a response.", str),
    "model_id": ("A catalogue id.", str),
    "caller": ("A caller's name or its id.", str),
    "file": ("A name that the page asks for.", str),
}

_SCHEMES: Mapping[Credential, tuple[str, ...]] = {
    "key": ("key",),
    "bearer": ("bearer",),
    "either": ("key", "bearer"),
}

_TEXT = {"type": "string"}
_EVENT = {
    "type": "object",
    "description": "Of each event.",
    "properties": {"event": _TEXT, "data": _TEXT},
    "required": ["data"],
}

_RETRY_AFTER = Header("Retry-After", "Seconds to wait.", {"type": "integer", "minimum": 1})
_NO_RETRY = Header("x-should-retry", "That no retry can help.", {"const": "false"}, required=True)
_MAY_RETRY = Header(
    "x-should-retry",
    "Whether a retry can help soon: not after `quota_exceeded`.",
    {"enum": ["true", "false"]},
)
_ETAG = Header("ETag", "For `If-None-Match`.", {"type": "string"}, required=True)
_IF_NONE_MATCH = Header("If-None-Match", "The `ETag` that is known.", {"type": "string"})
_ERROR_HEADERS = {
    402: (_NO_RETRY,),
    429: (_RETRY_AFTER, _MAY_RETRY),
    502: (_RETRY_AFTER,),
    503: (_RETRY_AFTER,),
}

_MEANINGS: Mapping[str, str] = {
    "invalid_request": "A field or parameter is wrong, and `details` names it.",
    "unauthorized": "The key or token is missing or unknown.",
    "budget_exceeded": "The budget does not pay for the call; `details` has its limits.",
    "forbidden": "The caller is known, and not allowed.",
    "not_found": "It is not there, or belongs to another caller.",
    "duplicate_request": "The Idempotency-Key was used already, by the job that is named, which has ended.",
    "request_in_progress": "The request of this Idempotency-Key, or that this one repeats, is still running.",
    "idempotency_conflict": "The Idempotency-Key was used for another request.",
    "payload_too_large": "The request does not fit.",
    "unsupported_media_type": "The body is not JSON.",
    "no_eligible_model": "The request's limits exclude every model; `details` says why each.",
    "content_filtered": "A provider refused on policy.",
    "rate_limited": "Too many requests at once.",
    "quota_exceeded": "The plan's requests of today are used up.",
    "internal_error": "The engine failed inside.",
    "all_providers_failed": "Every candidate failed; `details` has the attempts.",
    "service_unavailable": "A service that the engine stands on does not answer now.",
    "deadline_exceeded": "The request's deadline passed.",
}


def document() -> dict[str, Any]:
    """JSON values, the same for the same code."""
    documented = [(route, OPERATIONS[route.name]) for route in ROUTES if route.name in OPERATIONS]
    references, schemas = _schemas(operation for _, operation in documented)
    examples = json.loads(_EXAMPLES.read_text("utf-8"))
    paths: dict[str, dict[str, Any]] = {}
    errors: dict[str, Any] = {}
    for route, operation in documented:
        codes = _codes_by_status(route, operation)
        errors |= {
            _error_name(some, operation): _error(status, some, operation)
            for status, some in codes.items()
        }
        told = _operation(route, operation, references, examples.get(operation.name, {}))
        told["responses"] |= {
            str(status): {"$ref": f"#/components/responses/{_error_name(some, operation)}"}
            for status, some in codes.items()
        }
        paths.setdefault(f"/{route.path.removeprefix(_BASE)}", {})[route.verb.lower()] = told
    return {
        "openapi": "3.1.0",
        "info": _info(),
        "servers": [{"url": f"/{STAGE_NAME}/{_BASE.strip('/')}"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(one.tag for _, one in documented)],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": errors,
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _info() -> dict[str, Any]:
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return {
        "title": "LLM Orchestration Engine",
        "version": project["version"],
        "description": _ABOUT,
        "license": {"name": project["license"], "identifier": project["license"]},
    }


class _Described(GenerateJsonSchema):
    """Fields by the texts behind them in their classes, and without titles that repeat their names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def model_schema(self, schema: core_schema.ModelSchema) -> dict[str, Any]:
        kind: type[BaseModel] = schema["cls"]
        described = super().model_schema(schema)
        described.pop("title", None)
        texts = _field_texts(kind)
        for name, told in described.get("properties", {}).items():
            if name in texts:
                told.setdefault("description", texts[name])
        return described


@cache
def _field_texts(kind: type[BaseModel]) -> dict[str, str]:
    """What stands behind a class's fields, by their names outside."""
    texts: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if not issubclass(base, BaseModel) or base is BaseModel:
            continue
        if base.__pydantic_generic_metadata__["origin"]:
            continue  # of some type: its own class follows, and has the texts
        source = ast.parse(textwrap.dedent(inspect.getsource(base)))
        for field, behind in pairwise(cast(ast.ClassDef, source.body[0]).body):
            match field, behind:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    texts[base.model_fields[name].alias or name] = inspect.cleandoc(text)
    return texts


_Reference = tuple[type[BaseModel], JsonSchemaMode]


def _schemas(
    operations: Iterable[Operation],
) -> tuple[Mapping[_Reference, dict[str, Any]], dict[str, Any]]:
    """How each model is referred to, and the components: what is sent as it is validated, what is answered
    as it is written."""
    wanted: dict[_Reference, None] = {}
    listed = list(operations)
    for one in listed:
        wanted[one.errors, "serialization"] = None
        if one.body and not one.ignores_unknown:
            wanted[one.body, "validation"] = None
        if isinstance(one.answer, type):
            wanted[one.answer, "serialization"] = None
    references, defined = models_json_schema(
        [*wanted], schema_generator=_Described, ref_template=_SCHEMAS
    )
    open_references, open_schemas = _open_schemas(one.body for one in listed if one.ignores_unknown)
    told = {one: references[one] for one in wanted}
    return {**told, **open_references}, defined["$defs"] | open_schemas


def _open_schemas(
    bodies: Iterable[type[BaseModel] | None],
) -> tuple[Mapping[_Reference, dict[str, Any]], dict[str, Any]]:
    """The same of bodies whose unknown fields are ignored: they share models with others that refuse them."""
    kinds: list[_Reference] = [(body, "validation") for body in bodies if body]
    references, defined = models_json_schema(
        kinds, schema_generator=_Described, ref_template=_SCHEMAS.format(model="Open{model}")
    )
    named = {f"Open{name}": _opened(schema) for name, schema in defined["$defs"].items()}
    return {one: references[one] for one in kinds}, named


def _opened(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_opened(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = schema.get("additionalProperties") is False and "properties" in schema
    return {
        name: _opened(one)
        for name, one in schema.items()
        if not closed or name != "additionalProperties"
    }


def _operation(
    route: Route,
    operation: Operation,
    references: Mapping[_Reference, dict[str, Any]],
    examples: Mapping[str, Any],
) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.description,
        "security": [{one: []} for one in _SCHEMES[route.credential]] if route.needs_key else [],
        "parameters": [*_parameters(route, operation)],
        "requestBody": None,
        "responses": _answers(operation, references, examples),
    }
    if operation.body:
        content = {"schema": references[operation.body, "validation"]} | _example(
            examples, "request"
        )
        told["requestBody"] = {
            "required": not operation.may_have_no_body,
            "content": {JSON: content},
        }
    return {name: part for name, part in told.items() if part or name == "security"}


def _example(examples: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {"example": examples[name]} if name in examples else {}


def _parameters(route: Route, operation: Operation) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"{(\w+)}", route.path):
        description, kind = _PATH_PARAMETERS[name]
        yield {
            "name": name,
            "in": "path",
            "required": True,
            "description": description,
            "schema": TypeAdapter(kind).json_schema(),
        }
    if operation.query:
        yield from _query(operation.query)
    headers = (_IF_NONE_MATCH,) if isinstance(operation.answer, str) else operation.headers
    for header in headers:
        yield {
            "name": header.name,
            "in": "header",
            "description": header.description,
            "schema": header.schema,
        }


def _query(kind: type[BaseModel]) -> Iterator[dict[str, Any]]:
    """A query knows no null: what is not said is left out."""
    fields = kind.model_json_schema(schema_generator=_Described)["properties"]
    for name, schema in fields.items():
        text = {"description": schema.pop("description")} if "description" in schema else {}
        [said] = [one for one in schema.get("anyOf", [schema]) if one != {"type": "null"}]
        yield {"name": name, "in": "query", **text, "schema": said}


def _answers(
    operation: Operation,
    references: Mapping[_Reference, dict[str, Any]],
    examples: Mapping[str, Any],
) -> dict[str, Any]:
    if isinstance(operation.answer, str):
        schema = {"type": "object" if operation.answer == JSON else "string"}
        headers = _headers((_ETAG,), OF_PAGE)
        content = {operation.answer: {"schema": schema}}
        known = {"description": "It is what `If-None-Match` names.", "headers": headers}
        told = {"description": operation.summary, "headers": headers, "content": content}
        return {"200": told, "304": known}
    content = {"schema": references[operation.answer, "serialization"]}
    streamed = {EVENT_STREAM: {"schema": _EVENT}} if operation.streams else {}
    return {
        str(operation.status): {
            "description": operation.summary,
            "headers": _headers(operation.answer_headers, OF_JSON),
            "content": {JSON: content | _example(examples, "answer"), **streamed},
        }
    }


def _headers(own: Iterable[Header], common: Mapping[str, str]) -> dict[str, Any]:
    headers = {
        one.name: {
            "description": one.description,
            "required": one.required,
            "schema": one.schema,
        }
        for one in own
    }
    return headers | {
        name: {"required": True, "schema": {"type": "string", "const": value}}
        for name, value in common.items()
    }


def _codes_by_status(route: Route, operation: Operation) -> dict[int, list[str]]:
    """In the order of the contract's table."""
    kinds = {
        "all": True,
        "keyed": route.needs_key,
        "with_body": operation.body is not None,
        "none": False,
    }
    met = {*operation.codes, *(one.code for one in GATEWAY_RESPONSES if kinds[one.met_by])}
    by_status: dict[int, list[str]] = {}
    for code, status in HTTP_STATUS.items():
        if code in met:
            by_status.setdefault(status, []).append(code)
    return by_status


def _error_name(codes: list[str], operation: Operation) -> str:
    shape = [] if operation.errors is ErrorBody else ["openai"]
    return ".".join([*shape, *codes])


def _error(status: int, codes: list[str], operation: Operation) -> dict[str, Any]:
    meant = " ".join(f"`{code}`: {_MEANINGS[code]}" for code in codes)
    own = [] if operation.errors is ErrorBody else [*STATUS.keys() - HTTP_STATUS.keys()]
    known = [*codes, *sorted(code for code in own if STATUS[code] == status)]
    only = {"properties": {"error": {"properties": {"code": {"enum": known}}}}}
    schema = {"allOf": [{"$ref": _SCHEMAS.format(model=operation.errors.__name__)}, only]}
    return {
        "description": meant,
        "headers": _headers(_ERROR_HEADERS.get(status, ()), OF_JSON),
        "content": {JSON: {"schema": schema}},
    }
