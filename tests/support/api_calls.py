"""A running stack's API as its callers use it."""

import time

import requests

from functions.shared.errors import HTTP_STATUS

BAD_BODIES = {
    "not an object": b"[]",
    "a number": b"7",
    "empty": b"",
    "broken": b'{"text": ',
    "two values": b'{"text": "a"}, "x": 1',
    "invalid UTF-8": b'{"text": "\xff\xfe"}',
    "nothing": b"{}",
    "null": b"null",
    "both inputs": b'{"text": "a", "messages": [{"role": "user", "content": "b"}]}',
    "an unknown field": b'{"text": "a", "prompt": "b"}',
    "a wrong type": b'{"text": 1}',
    "a wrong task": b'{"text": "a", "task": "translate"}',
    "a text as money": b'{"text": "a", "max_cost_usd": "1"}',
    "negative money": b'{"text": "a", "max_cost_usd": -1}',
    "a huge number": b'{"text": "a", "temperature": 1e400}',
    "a number of 5,000 digits": b'{"text": "a", "max_output_tokens": ' + b"9" * 5000 + b"}",
    "a wrong role": b'{"messages": [{"role": "x", "content": "a"}]}',
    "no messages": b'{"messages": []}',
    "a list as metadata": b'{"text": "a", "metadata": []}',
    "deep nesting": b'{"text": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    "deep objects": b'{"text": "a", "x": ' + b'{"a":' * 500 + b"1" + b"}" * 500 + b"}",
}
"""What no path takes."""


def call(stack, method, path, body=None, *, key=None, headers=None, **options):
    """With the first caller's key where no other is told."""
    told = {"X-API-Key": key or stack.api_key} | (headers or {})
    url = f"{stack.base_url}{path}"
    return requests.request(method, url, json=body, headers=told, timeout=60, **options)


def post(stack, path, body=None, **options):
    return call(stack, "POST", path, body, **options)


def openai_post(stack, path, body=None, *, key=None, **options):
    """As OpenAI's clients do, with the key as Bearer."""
    bearer = {"Authorization": f"Bearer {key or stack.api_key}"} | options.pop("headers", {})
    return call(stack, "POST", path, body, headers={"X-API-Key": None} | bearer, **options)


def get(stack, path, **options):
    return call(stack, "GET", path, **options)


def assert_error(response, code):
    """In the contract's shape; answers what it says."""
    body = response.json()
    assert (response.status_code, body["error"]["code"]) == (HTTP_STATUS[code], code)
    assert body["success"] is False
    assert body["error"]["message"]
    assert body["request_id"].startswith("req_")
    assert body.keys() == {"success", "error", "request_id"}
    return body["error"]


def eventually(check, seconds=60):
    """What `check` answers once it answers something, or at the end."""
    ends = time.monotonic() + seconds
    while not (found := check()) and time.monotonic() < ends:
        time.sleep(0.3)
    return found


def ended_job(stack, execution_id, seconds=90, **options):
    def ended():
        job = get(stack, f"/jobs/{execution_id}", **options).json()
        return job if job["status"] != "RUNNING" else None

    job = eventually(ended, seconds)
    assert job, f"{execution_id} did not end in {seconds} s"
    return job
