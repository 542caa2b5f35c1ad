"""Responses that are made in the background: each is a job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from functions.openai.executions import Started, run
from functions.openai.responses_answer import AskedFor, Status, answered, response_of
from functions.openai.routing_facts import RESPONSE_ID, request_id_of_response
from functions.openai.translated import Translated
from functions.shared.errors import InvalidRequest, NotFound
from functions.shared.jobs.executions import Job, Jobs

_NOT_KEPT = "There is no such response: only those that were made with background are kept."
_ERRORS: Mapping[str, str] = {
    "rate_limited": "rate_limit_exceeded",
    "budget_exceeded": "rate_limit_exceeded",
    "invalid_request": "invalid_prompt",
}
"""By our codes, those that OpenAI has; any other is a `server_error`."""


@dataclass(frozen=True)
class Background:
    """`submit_arn` is the machine that accepts jobs."""

    jobs: Jobs
    submit_arn: str

    def submit(self, started: Started, asked: Translated, now_s: int) -> dict[str, Any]:
        """A response, or the body of an error. The first one of its key is told again, as it is by now."""
        told = run(self.submit_arn, started, asked.request)
        if execution_id := told.get("execution_id"):
            status: Status = "queued"
            return response_of(execution_id, asked_for(asked), status=status, created_s=now_s)
        if told["error"]["code"] == "duplicate_request":
            return self._response(told["error"]["execution_id"])
        return told

    def get(self, response_id: str) -> dict[str, Any]:
        """Raises `NotFound`."""
        return self._response(_request_id(response_id))

    def cancel(self, response_id: str) -> dict[str, Any]:
        """As it is after that; one that has ended stays as it was. Raises `NotFound`."""
        request_id = _request_id(response_id)
        with _not_found_as_response():
            self.jobs.stop(request_id)
        return self._response(request_id)

    def conversation(self, response_id: str) -> list[dict[str, Any]]:
        """What was said until then, as native messages. Raises `InvalidRequest` where no answer is kept."""
        try:
            job, told = self._found(_request_id(response_id))
        except NotFound:
            problem = "is of no answer that is kept: only those made with background are"
            raise InvalidRequest.at("previous_response_id", problem) from None
        if job.result is None:
            problem = f"is of a response without an answer: its job is {job.status}"
            raise InvalidRequest.at("previous_response_id", problem)
        request = told["request"]
        said = request.get("messages") or [{"role": "user", "content": request["text"]}]
        return [*said, _as_message(job.result)]

    def _response(self, request_id: str) -> dict[str, Any]:
        job, told = self._found(request_id)
        asked = AskedFor(request=told["request"], **_noted(told))
        created_s = _seconds(job.submitted_at)
        finished_s = _seconds(job.finished_at) if job.finished_at else None
        if job.result is not None and finished_s is not None:
            answer = cast(Mapping[str, Any], job.result)
            return answered(answer, asked, created_s=created_s, completed_s=finished_s)
        return response_of(job.execution_id, asked, created_s=created_s, **_end(job))

    def _found(self, request_id: str) -> tuple[Job, dict[str, Any]]:
        with _not_found_as_response():
            return self.jobs.with_input(request_id)


@contextmanager
def _not_found_as_response() -> Iterator[None]:
    try:
        yield
    except NotFound:
        raise NotFound(_NOT_KEPT) from None


def asked_for(asked: Translated) -> AskedFor:
    return AskedFor(request=asked.request, **notes_on(asked))


def notes_on(asked: Translated) -> dict[str, Any]:
    """What a response repeats that no native request says."""
    return {
        "model": asked.model,
        "ignored": asked.ignored,
        "custom_tools": asked.custom_tools,
        "own_names": asked.own_names,
        "previous_response_id": asked.previous_response_id,
        "is_background": asked.is_background,
    }


def _noted(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """A job of the native route is a response, too."""
    request = told["request"]
    named = request.get("model") or ", ".join(request.get("models", ())) or "auto"
    noted: Mapping[str, Any] = told.get("noted") or {"model": named, "is_background": True}
    return noted


def _end(job: Job) -> dict[str, Any]:
    """`status` of a job without an answer, and why there is none."""
    if job.error is None:
        return {"status": "in_progress"}
    if job.status == "ABORTED":
        return {"status": "cancelled"}
    if job.error.code == "content_filtered":
        return {"status": "incomplete", "incomplete_reason": "content_filter"}
    code = _ERRORS.get(job.error.code, "server_error")
    return {"status": "failed", "error": {"code": code, "message": job.error.message}}


def _as_message(answer: Any) -> dict[str, Any]:
    calls = {"tool_calls": answer["tool_calls"]} if answer["tool_calls"] else {}
    return {"role": "assistant", "content": answer["result"], **calls}


def _request_id(response_id: str) -> str:
    if not response_id.startswith(RESPONSE_ID):
        raise NotFound(_NOT_KEPT)
    return request_id_of_response(response_id)


def _seconds(told: str) -> int:
    return int(datetime.fromisoformat(told).timestamp())
