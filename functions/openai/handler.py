"""OpenAI's routes."""

from __future__ import annotations

import time
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.openai.answering import answer_chat, answer_response
from functions.openai.background import Background
from functions.openai.embeddings import answer_embeddings
from functions.openai.errors import error_response
from functions.openai.executions import machines
from functions.shared.errors import InvalidRequest
from functions.shared.gateway.reader import Reader
from functions.shared.gateway.rest import json_body, new_resolver
from functions.shared.initialising import at_start
from functions.shared.jobs.executions import Jobs
from functions.shared.settings import OpenaiSettings, read_settings
from functions.shared.storage.job_table import JobTable
from functions.shared.telemetry.observability import logger, metrics

app = new_resolver(error_response)


def _background() -> Background:
    settings, reader = read_settings(OpenaiSettings), Reader.of(app.current_event)
    jobs = Jobs(settings.JOBS_STATE_MACHINE_ARN, reader, JobTable(settings.JOBS_TABLE))
    return Background(jobs, settings.SUBMIT_STATE_MACHINE_ARN)


@app.post("/v1/chat/completions")
def post_chat_completion() -> Response[str]:
    event, settings = app.current_event, read_settings(OpenaiSettings)
    return answer_chat(json_body(event), event, settings.GENERATE_STATE_MACHINE_ARN, time.time())


@app.post("/v1/responses")
def post_response() -> Response[str]:
    event, settings = app.current_event, read_settings(OpenaiSettings)
    machine = settings.GENERATE_STATE_MACHINE_ARN
    return answer_response(json_body(event), event, machine, _background, time.time())


@app.post("/v1/embeddings")
def post_embeddings() -> Response[str]:
    event, settings = app.current_event, read_settings(OpenaiSettings)
    return answer_embeddings(
        json_body(event), event, settings.GENERATE_STATE_MACHINE_ARN, time.time()
    )


@app.get("/v1/responses/<response_id>")
def get_response(response_id: str) -> dict[str, Any]:
    if (app.current_event.query_string_parameters or {}).get("stream") == "true":
        raise InvalidRequest.at("stream", "a response that is kept has no stream: ask without")
    return _background().get(response_id)


@app.post("/v1/responses/<response_id>/cancel")
def cancel_response(response_id: str) -> dict[str, Any]:
    return _background().cancel(response_id)


at_start(machines)


@metrics.log_metrics(capture_cold_start_metric=True)
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
