"""What the gateway does to every answer: its headers, its limits, its compression."""

import gzip
import json
import time
import zlib
from typing import Any

import pytest
import requests

from functions.shared.gateway.response_headers import OF_JSON, OF_PAGE
from tests.support.api_calls import assert_error, call, get, post

pytestmark = pytest.mark.xdist_group("local")

PINNED = {"text": "Hello", "task": "chat", "model": "gpt-4o", "fallback": False}
SENT_AS_TEXT: dict[str, Any] = {"data": "a", "headers": {"Content-Type": "text/plain"}}
JSON_ANSWERS: dict[str, tuple[int, str, str, dict[str, Any]]] = {
    "an answer": (200, "POST", "/generate", {"json": {"text": "Hello"}}),
    "a function's answer": (200, "GET", "/models", {}),
    "liveness": (200, "GET", "/health", {"headers": {"X-API-Key": ""}}),
    "a started job": (202, "POST", "/jobs", {"json": {"text": "Hello"}}),
    "a refused body": (400, "POST", "/generate", {"json": {}}),
    "a body that the validator refuses": (400, "POST", "/jobs", {"json": {}}),
    "a function's refusal": (400, "GET", "/metrics/summary?window=x", {}),
    "a wrong key": (401, "GET", "/models", {"headers": {"X-API-Key": "wrong"}}),
    "an unknown path": (404, "GET", "/nothing", {}),
    "a function's 404": (404, "GET", "/models/nothing", {}),
    "another method": (404, "PATCH", "/models", {}),
    "HEAD": (404, "HEAD", "/models", {}),
    "OPTIONS": (404, "OPTIONS", "/models", {}),
    "a long text": (413, "POST", "/generate", {"json": {"text": "x" * 300_000}}),
    "what Step Functions does not take": (413, "POST", "/jobs", {"json": {"text": "x" * 300_000}}),
    "another type": (415, "POST", "/generate", SENT_AS_TEXT),
    "a function's 415": (415, "POST", "/route", SENT_AS_TEXT),
}


def lacking(response, wanted):
    """The headers that are not as they are wanted."""
    return {
        name: response.headers.get(name)
        for name, value in wanted.items()
        if response.headers.get(name) != value
    }


@pytest.mark.parametrize("kind", JSON_ANSWERS)
def test_every_kind_of_answer_has_every_header(stack, kind):
    status, method, path, options = JSON_ANSWERS[kind]
    headers = {"X-API-Key": stack.api_key, **options.get("headers", {})}
    url = f"{stack.base_url}{path}"
    response = requests.request(method, url, **{**options, "headers": headers}, timeout=60)
    assert response.status_code == status
    assert lacking(response, OF_JSON) == {}
    assert response.headers["Content-Type"] == "application/json"


def test_a_repeated_idempotency_key_and_a_failed_execution_have_every_header(stack):
    with stack.faults({"gpt-4o": "ProviderUnavailable"}):
        failed = post(stack, "/generate", PINNED)
    key = {"Idempotency-Key": f"headers-{time.time_ns()}"}
    assert post(stack, "/jobs", {"text": "Hello"}, headers=key).status_code == 202
    repeated = post(stack, "/jobs", {"text": "Hello?"}, headers=key)
    assert (failed.status_code, repeated.status_code) == (502, 409)
    assert [lacking(one, OF_JSON) for one in (failed, repeated)] == [{}, {}]


def test_the_console_has_every_header_whether_it_is_sent_or_known(stack):
    root = stack.base_url.removesuffix("/v1")
    for path in ("/console", "/console/main.js", "/console/console.css"):
        sent = requests.get(f"{root}{path}", timeout=30)
        known = {"If-None-Match": sent.headers["ETag"]}
        again = requests.get(f"{root}{path}", headers=known, timeout=30)
        assert (sent.status_code, again.status_code, again.content) == (200, 304, b"")
        assert [lacking(one, OF_PAGE) for one in (sent, again)] == [{}, {}]
    unknown = requests.get(f"{root}/console/nothing.js", timeout=30)
    assert unknown.status_code == 404
    assert lacking(unknown, {**OF_PAGE, **OF_JSON}) == {}


@pytest.mark.parametrize("path", ["/v1/health", "/console", "/console/main.js"])
def test_a_flood_without_a_key_is_refused_and_no_caller_with_one(stack, path):
    url = f"{stack.base_url.removesuffix('/v1')}{path}"
    with requests.Session() as session:
        answers = [session.get(url, timeout=30) for _ in range(80)]
    refused = [one for one in answers if one.status_code == 429]
    assert {one.status_code for one in answers} == {200, 429}
    assert_error(refused[-1], "rate_limited")
    assert {one.headers["Retry-After"] for one in refused} == {"1"}
    assert lacking(refused[-1], OF_JSON) == {}
    assert [get(stack, "/models").status_code for _ in range(3)] == [200] * 3
    time.sleep(1)  # as Retry-After says: the next test is no flood


DECODERS: dict[str | None, Any] = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    None: lambda body: body,
}


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        *(("gzip", "gzip"), ("deflate", "deflate"), ("gzip, deflate, br", "gzip"), ("*", "gzip")),
        *(("br", None), ("identity", None), ("gzip;q=0", None), ("", None)),
    ],
)
def test_a_long_answer_is_compressed_as_the_client_asks_and_is_the_same(stack, accepted, encoding):
    answers = [
        get(stack, "/models", headers={"Accept-Encoding": one}, stream=True)
        for one in (accepted, "identity")
    ]
    asked, plain = ((one.headers, one.raw.read()) for one in answers)
    assert asked[0].get("Content-Encoding") == encoding
    assert int(asked[0]["Content-Length"]) == len(asked[1])
    assert json.loads(DECODERS[encoding](asked[1])).keys() == json.loads(plain[1]).keys()
    assert len(DECODERS[encoding](asked[1])) == len(plain[1]) > 1024
    if encoding:
        assert len(asked[1]) * 3 < len(plain[1])


def test_a_short_answer_is_not_compressed(stack):
    assert "Content-Encoding" not in get(stack, "/health").headers


def test_a_compressed_body_is_not_read_as_json(stack):
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    body = gzip.compress(b'{"text": "Hello"}')
    for path in ("/generate", "/route"):
        response = call(stack, "POST", path, data=body, headers=headers)
        assert_error(response, "unsupported_media_type")
