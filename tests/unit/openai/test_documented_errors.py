"""The table of errors in `docs/openai.md`, held against what the routes answer and their clients raise."""

import json
import re

import httpx2
import openai
import pytest

from functions.openai.errors import refusal_response
from functions.shared.errors import HTTP_STATUS
from tests.conftest import PROJECT

OF_JOBS = {"aborted", "duplicate_request"}
"""Jobs of the native routes alone end in these."""
NATIVE = {"model_not_found": "not_found", "context_length_exceeded": "invalid_request"}


def documented():
    """By code: status, type, the class of the client's exception, and what `x-should-retry` may say."""
    text = (PROJECT / "docs/openai.md").read_text("utf-8")
    rows = re.findall(r"^\| ([\d, ]+) \| (`.+?) \| `(\w+)` \| `(\w+)`.*? \| (.*) \|$", text, re.M)
    return {
        code: ({int(one) for one in status.split(",")}, kind, raised, set(re.findall("`(true|false)`", retried)))
        for status, codes, kind, raised, retried in rows
        for code in re.findall(r"`(\w+)`", codes)
    }  # fmt: skip


def answered(code, **more):
    native = NATIVE.get(code, code)
    error = {"code": native, "message": "No.", **more}
    return refusal_response({"error": error, "request_id": "req_1"}, {})


def raised_by(response):
    request = httpx2.Request("POST", "http://engine.test")
    told = httpx2.Response(response.status_code, text=response.body, request=request)
    return openai.OpenAI(api_key="k")._make_status_error_from_response(told)


TABLE = documented()


def test_each_code_that_a_client_may_meet_is_in_the_table():
    assert TABLE.keys() == (HTTP_STATUS.keys() - OF_JOBS) | NATIVE.keys()


@pytest.mark.parametrize("code", sorted(TABLE.keys() - {"context_length_exceeded", "not_found"}))
def test_a_row_says_what_is_answered_and_raised(code):
    statuses, kind, raised, retried = TABLE[code]
    response = answered(code)
    error = json.loads(response.body)["error"]
    assert response.status_code in statuses
    assert (error["code"], error["type"]) == (code, kind)
    assert type(raised_by(response)).__name__ == raised
    later = answered(code, retry_after_seconds=7)
    said = {one.headers["x-should-retry"] for one in (response, later)}
    assert not retried or said == retried
