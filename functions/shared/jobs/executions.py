"""Jobs as their callers see them. A job is its execution in the Standard state machine."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import PlainSerializer, SkipValidation

from functions.shared.contracts.answer import Answer
from functions.shared.contracts.error_body import ErrorContent
from functions.shared.errors import (
    Aborted,
    DeadlineExceeded,
    EngineError,
    NotFound,
    error_body,
)
from functions.shared.gateway.reader import Reader
from functions.shared.request_ids import REQUEST_ID
from functions.shared.storage.clients import client
from functions.shared.storage.job_table import JobTable
from functions.shared.telemetry.observability import logger
from functions.shared.times import stamp
from functions.shared.vocabulary import Frozen

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.type_defs import DescribeExecutionOutputTypeDef

_OUR_ERROR = re.compile(r"[a-z_]+")


class Job(Frozen):
    """`result` is the whole answer, as the version that made it wrote it."""

    execution_id: str
    status: Literal["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]
    submitted_at: str
    finished_at: str | None
    result: Annotated[Answer | None, SkipValidation(), PlainSerializer(lambda told: told)] = None
    error: ErrorContent | None = None

    def to_json(self) -> dict[str, Any]:
        """With the one of `result` and `error` that it has."""
        return self.model_dump(mode="json", exclude_unset=True)


@dataclass(frozen=True)
class Jobs:
    """The jobs that a reader may see, and stop; any other is not found."""

    state_machine_arn: str
    reader: Reader
    listed: JobTable

    def get(self, execution_id: str) -> Job:
        """Raises `NotFound`, and `ClientError` where Step Functions refuses the look-up."""
        return _job(execution_id, self._describe(execution_id))

    def with_input(self, execution_id: str) -> tuple[Job, dict[str, Any]]:
        """The job and what its execution was started with. Raises as `get` does."""
        execution = self._describe(execution_id)
        return _job(execution_id, execution), json.loads(execution["input"])

    def stop(self, execution_id: str) -> Job:
        """The job as it is after it was told to stop; a finished one is left as it was."""
        execution = self._describe(execution_id)
        if execution["status"] != "RUNNING":
            return _job(execution_id, execution)
        cause = "By caller" if self.reader.is_owner(_owner(execution)) else "By operator"
        try:
            _call(
                client("stepfunctions").stop_execution,
                executionArn=self._arn(execution_id),
                error=Aborted.__name__,
                cause=cause,
            )
        except ClientError as error:
            # It may have ended since it was looked at, and there is nothing left to stop.
            if error.response["Error"]["Code"] != "ValidationException":
                raise
        job = _job(execution_id, self._describe(execution_id))
        if job.status == "ABORTED" and job.finished_at and job.error:
            self._list_as_aborted(execution_id, job.finished_at, job.error.code)
        return job

    def _list_as_aborted(self, execution_id: str, finished_at: str, code: str) -> None:
        """Its end is recorded once its running call has ended, too; a list tells it at once."""
        try:
            self.listed.put_aborted(execution_id, finished_at, code)
        except (BotoCoreError, ClientError) as failure:
            logger.warning("not listed as aborted", error_type=type(failure).__name__)

    def _describe(self, execution_id: str) -> DescribeExecutionOutputTypeDef:
        if not REQUEST_ID.fullmatch(execution_id):
            raise NotFound("There is no such job.")
        execution: DescribeExecutionOutputTypeDef = _call(
            client("stepfunctions").describe_execution, executionArn=self._arn(execution_id)
        )
        if not self.reader.may_see(_owner(execution)):
            raise NotFound("There is no such job.")
        return execution

    def _arn(self, execution_id: str) -> str:
        return f"{self.state_machine_arn.replace(':stateMachine:', ':execution:')}:{execution_id}"


def _owner(execution: DescribeExecutionOutputTypeDef) -> str:
    caller_id: str = json.loads(execution["input"])["caller_id"]
    return caller_id


def _call(action: Any, **arguments: str) -> Any:
    try:
        return action(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
            raise NotFound("There is no such job.") from None
        raise


def _job(execution_id: str, execution: DescribeExecutionOutputTypeDef) -> Job:
    status = execution["status"]
    job: dict[str, Any] = {
        "execution_id": execution_id,
        "status": status,
        "submitted_at": stamp(execution["startDate"]),
        "finished_at": stamp(execution["stopDate"]) if "stopDate" in execution else None,
    }
    if status == "SUCCEEDED":
        job |= _outcome(json.loads(execution["output"]))
    elif status != "RUNNING":
        job["error"] = _error(execution_id, execution)
    return Job.model_validate(job)


def _outcome(body: dict[str, Any]) -> dict[str, Any]:
    """A provider's refusal with its reason is the output of a machine that has succeeded."""
    return {"result": body} if body["success"] else {"status": "FAILED", "error": body["error"]}


def _error(execution_id: str, execution: DescribeExecutionOutputTypeDef) -> dict[str, Any]:
    if execution["status"] == "FAILED" and _OUR_ERROR.fullmatch(execution.get("error", "")):
        error: dict[str, Any] = json.loads(execution["cause"])["error"]
        return error
    content: dict[str, Any] = error_body(_ended_by(execution["status"]), execution_id)["error"]
    return content


def _ended_by(status: str) -> EngineError:
    """What an execution ended by that has no error of ours in its cause."""
    match status:
        case "ABORTED":
            return Aborted("The job was stopped.")
        case "TIMED_OUT":
            return DeadlineExceeded("The job took too long.")
        case _:
            return EngineError("The job failed inside.")
