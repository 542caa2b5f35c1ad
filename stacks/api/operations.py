"""The table of operations: what each route takes, what it answers and how it fails, for the API's document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from pydantic import BaseModel

from functions.api.audit_record import AuditRecord
from functions.api.callers import ListedCaller
from functions.api.feedback import Grade, GradedAnswer
from functions.api.job_list import JobsPage, JobsQuery
from functions.api.liveness import Liveness
from functions.api.models import ListedModel, ModelList
from functions.metrics.costs import Costs
from functions.metrics.logs import LogsPage, LogsQuery
from functions.metrics.models import ModelMetrics, ProviderList
from functions.metrics.realtime import Realtime
from functions.metrics.summary import Summary
from functions.metrics.window import NoQuery, WindowQuery
from functions.openai.bodies import ChatCompletion, Embeddings, OpenaiErrorBody, Response
from functions.openai.chat_request import ChatCompletionRequest
from functions.openai.embeddings_request import EmbeddingsRequest
from functions.openai.responses_request import ResponseRequest
from functions.route.dry_run import DryRun
from functions.shared.callers.forms import BudgetChange, CallerChange, NewCaller, Rotation, Switch
from functions.shared.callers.views import (
    CallerList,
    CallerWithKeys,
    CallerWithNewKey,
    ChangedCaller,
    Spend,
)
from functions.shared.contracts.answer import AcceptedJob, Answer
from functions.shared.contracts.error_body import ErrorBody
from functions.shared.contracts.request import GenerateRequest
from functions.shared.jobs.executions import Job
from functions.shared.request_ids import IDEMPOTENCY_KEY as KEY_PATTERN

Tag = Literal["Requests", "Jobs", "OpenAI", "Models", "Metrics", "Callers", "The API itself"]


@dataclass(frozen=True)
class Header:
    """Of a request or an answer; `required` where each has it."""

    name: str
    description: str
    schema: Mapping[str, Any]
    required: bool = False


IDEMPOTENCY_KEY = Header(
    "Idempotency-Key",
    "Of one request: sent again within 24 hours, it is answered as the first one was, and not made again.",
    {"type": "string", "pattern": f"^{KEY_PATTERN.pattern}$"},
)
REPLAYED = Header(
    "x-idempotent-replay",
    "`true` where this is the answer to the first request of the Idempotency-Key.",
    {"type": "string", "enum": ["true"]},
)
_TEXT: Mapping[str, Any] = {"type": "string"}
ROUTING_FACTS = (
    Header("x-request-id", "Of the request that was answered.", _TEXT, required=True),
    Header("x-model", "The model that answered.", _TEXT),
    Header("x-provider", "Its provider.", _TEXT),
    Header("x-cost-usd", "What providers bill for all attempts.", _TEXT),
    Header("x-fallbacks", "How many models failed before.", _TEXT),
    Header("x-dropped-parameters", "What the model did not get as it was sent.", _TEXT),
    Header(
        "x-stream-mode", "That a stream began when its answer was finished.", {"const": "buffered"}
    ),
)
LOCATION = Header("Location", "Where the job's status is.", {"type": "string"}, required=True)


@dataclass(frozen=True)
class Operation:
    """`name` is what a generated client calls it; `answer` the model of its JSON, or the content type of a file.

    `streams`: the answer may be server-sent events. `ignores_unknown` fields of the body, wherever they stand.
    `codes` are errors that not every route of its kind can end in: those of the gateway follow from
    `gateway_responses.py`.
    """

    name: str
    tag: Tag
    summary: str
    answer: type[BaseModel] | str
    description: str = ""
    status: int = 200
    body: type[BaseModel] | None = None
    may_have_no_body: bool = False
    query: type[BaseModel] | None = None
    headers: tuple[Header, ...] = ()
    answer_headers: tuple[Header, ...] = ()
    codes: tuple[str, ...] = ()
    errors: type[BaseModel] = ErrorBody
    streams: bool = False
    ignores_unknown: bool = False


_ROUTING = ("not_found", "budget_exceeded", "no_eligible_model")
_ASKED_TWICE = ("request_in_progress", "idempotency_conflict")
_OPERATORS = "For operators alone."

_ANSWERING = (*_ROUTING, *_ASKED_TWICE, "content_filtered", "all_providers_failed")
_OF_ANSWERS = (REPLAYED, *ROUTING_FACTS)

_openai_answer = partial(
    Operation,
    headers=(IDEMPOTENCY_KEY,),
    answer_headers=_OF_ANSWERS,
    codes=_ANSWERING,
    errors=OpenaiErrorBody,
    ignores_unknown=True,
)

OPERATIONS: Mapping[str, Operation] = {
    "POST /v1/generate": Operation(
        "generate",
        "Requests",
        "Answer while the caller waits",
        Answer,
        "Routes the request, asks the best model, and the next one where it fails.",
        body=GenerateRequest,
        headers=(IDEMPOTENCY_KEY,),
        answer_headers=(REPLAYED,),
        codes=_ANSWERING,
    ),
    "POST /v1/jobs": Operation(
        "start_job",
        "Jobs",
        "Start a job",
        AcceptedJob,
        "The same request as for an answer at once, for work that takes longer.",
        status=202,
        body=GenerateRequest,
        headers=(IDEMPOTENCY_KEY,),
        answer_headers=(LOCATION, REPLAYED),
        codes=("duplicate_request", "idempotency_conflict"),
    ),
    "GET /v1/jobs": Operation(
        "list_jobs",
        "Jobs",
        "The caller's own jobs, newest first",
        JobsPage,
        "Go on while there is a `next_cursor`: a page of filtered jobs may be short.",
        query=JobsQuery,
    ),
    "GET /v1/jobs/{execution_id}": Operation(
        "get_job",
        "Jobs",
        "A job's status, with its result or error",
        Job,
        codes=("not_found",),
    ),
    "DELETE /v1/jobs/{execution_id}": Operation(
        "stop_job",
        "Jobs",
        "Stop a job",
        Job,
        "A job that has ended stays as it is.",
        codes=("not_found",),
    ),
    "GET /v1/requests/{request_id}": Operation(
        "get_request",
        "Requests",
        "The audit record of a request",
        AuditRecord,
        "The decision, why it failed, and each attempt with its tokens, cost, time and error.",
        codes=("not_found",),
    ),
    "POST /v1/requests/{request_id}/feedback": Operation(
        "grade_answer",
        "Requests",
        "Grade an answer",
        GradedAnswer,
        "Routing learns from it. A later grade replaces an earlier one.",
        body=Grade,
        codes=("not_found",),
    ),
    "POST /v1/route": Operation(
        "route",
        "Requests",
        "Decide, and ask nobody",
        DryRun,
        "Every candidate with its scores, estimated cost and latency, and why each other model is out.",
        body=GenerateRequest,
        codes=_ROUTING,
    ),
    "GET /v1/models": Operation("list_models", "Models", "The catalogue", ModelList),
    "GET /v1/models/{model_id}": Operation(
        "get_model", "Models", "One model of the catalogue", ListedModel, codes=("not_found",)
    ),
    "POST /v1/chat/completions": _openai_answer(
        "create_chat_completion",
        "OpenAI",
        "Answer as Chat Completions does",
        ChatCompletion,
        "For OpenAI's clients. It is routed, limited and logged as the native request is.",
        body=ChatCompletionRequest,
        streams=True,
    ),
    "POST /v1/embeddings": _openai_answer(
        "create_embeddings",
        "OpenAI",
        "Make vectors of texts",
        Embeddings,
        "Of models whose vectors compare. Many inputs are several executions, each with a row of its own.",
        body=EmbeddingsRequest,
    ),
    "POST /v1/responses": _openai_answer(
        "create_response",
        "OpenAI",
        "Answer as Responses does, at once or in the background",
        Response,
        "A response that is made in the background is a job.",
        body=ResponseRequest,
        streams=True,
    ),
    "GET /v1/responses/{response_id}": Operation(
        "get_response",
        "OpenAI",
        "A response that is made in the background",
        Response,
        codes=("not_found",),
        errors=OpenaiErrorBody,
    ),
    "POST /v1/responses/{response_id}/cancel": Operation(
        "cancel_response",
        "OpenAI",
        "Stop a response that is made in the background",
        Response,
        "One that has ended stays as it is.",
        codes=("not_found",),
        errors=OpenaiErrorBody,
    ),
    "GET /v1/caller": Operation(
        "get_caller",
        "Callers",
        "Who the caller is, and what it may still spend",
        ListedCaller,
    ),
    "POST /v1/admin/callers": Operation(
        "create_caller",
        "Callers",
        "Make a caller",
        CallerWithNewKey,
        f"{_OPERATORS} Its key is shown this once.",
        status=201,
        body=NewCaller,
    ),
    "GET /v1/admin/callers": Operation(
        "list_callers", "Callers", "All callers", CallerList, _OPERATORS
    ),
    "GET /v1/admin/callers/{caller}": Operation(
        "get_one_caller",
        "Callers",
        "A caller with its keys and limits",
        CallerWithKeys,
        _OPERATORS,
        codes=("not_found",),
    ),
    "PATCH /v1/admin/callers/{caller}": Operation(
        "change_caller",
        "Callers",
        "Change what a caller may ask for",
        ChangedCaller,
        _OPERATORS,
        body=CallerChange,
        codes=("not_found",),
    ),
    "POST /v1/admin/callers/{caller}/rotate": Operation(
        "rotate_key",
        "Callers",
        "Give a caller a new key",
        CallerWithNewKey,
        _OPERATORS,
        body=Rotation,
        may_have_no_body=True,
        codes=("not_found",),
    ),
    "POST /v1/admin/callers/{caller}/disable": Operation(
        "disable_caller",
        "Callers",
        "Refuse a caller",
        ChangedCaller,
        _OPERATORS,
        body=Switch,
        may_have_no_body=True,
        codes=("not_found",),
    ),
    "POST /v1/admin/callers/{caller}/enable": Operation(
        "enable_caller",
        "Callers",
        "Let a caller in again",
        ChangedCaller,
        _OPERATORS,
        body=Switch,
        may_have_no_body=True,
        codes=("not_found",),
    ),
    "PUT /v1/admin/callers/{caller}/budget": Operation(
        "set_budget",
        "Callers",
        "Change what a caller may spend",
        ChangedCaller,
        _OPERATORS,
        body=BudgetChange,
        codes=("not_found",),
    ),
    "GET /v1/admin/callers/{caller}/spend": Operation(
        "get_spend",
        "Callers",
        "What a caller has spent, and has left",
        Spend,
        _OPERATORS,
        codes=("not_found",),
    ),
    "GET /v1/health": Operation("get_health", "The API itself", "Liveness", Liveness),
    "GET /v1/openapi.json": Operation(
        "get_openapi", "The API itself", "This document", "application/json"
    ),
    "GET /v1/docs": Operation(
        "get_docs", "The API itself", "This document as a page", "text/html; charset=utf-8"
    ),
    "GET /v1/docs/{file}": Operation(
        "get_docs_file",
        "The API itself",
        "A file of that page",
        "text/*",
        codes=("not_found",),
    ),
    "GET /v1/metrics/summary": Operation(
        "get_summary",
        "Metrics",
        "Requests, latency, cost and savings",
        Summary,
        query=WindowQuery,
    ),
    "GET /v1/metrics/models/{model_id}": Operation(
        "get_model_metrics",
        "Metrics",
        "The same of one model, with its health",
        ModelMetrics,
        query=WindowQuery,
        codes=("not_found",),
    ),
    "GET /v1/metrics/providers": Operation(
        "get_provider_metrics",
        "Metrics",
        "How the providers have done",
        ProviderList,
        query=WindowQuery,
    ),
    "GET /v1/metrics/costs": Operation(
        "get_costs",
        "Metrics",
        "Where the money went, and what is left of it",
        Costs,
        query=WindowQuery,
    ),
    "GET /v1/metrics/logs": Operation(
        "list_requests",
        "Metrics",
        "Requests, newest first",
        LogsPage,
        "The caller's own; an operator's key sees those of all. No prompt is in it.",
        query=LogsQuery,
    ),
    "GET /v1/metrics/realtime": Operation(
        "get_realtime",
        "Metrics",
        "The last five minutes, ten seconds at a time",
        Realtime,
        query=NoQuery,
    ),
}
"""By the name of its route."""
