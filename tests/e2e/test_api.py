import json
import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from functions.shared.storage.request_log import unpacked
from functions.shared.vocabulary import usd
from tests.support.api_calls import BAD_BODIES, assert_error, call, ended_job, get, post

pytestmark = pytest.mark.xdist_group("local")

TEXT = (
    "Step Functions runs each request as a state machine. Every state is a Lambda function. "
    "When a provider fails, the next candidate is called. The log has one row per request."
)
HOSTILE_TEXTS = {
    "quotes": "He said \"yes\" and 'no' and \\'maybe\\' and `so`",
    "a git diff": "@@ -1 +1 @@\n-a\n+b\n@@,@@injected@@:@@1",
    "template code": "${x} $input.body #set($a = 1) #end $util.escapeJavaScript('a') {% $states %}",
    "line separators": "a\u2028b\u2029c\u0085d\r\n\t\0e",
    "emoji and scripts": "😀👩‍👩‍👧‍👦 مرحبا שלום 你好 ก",
    "JSON": '{"a": [1, {"b": "\\u0041"}]}',
    "200 KB": "word " * 40_000,
}


def test_the_readmes_request_is_answered(stack):
    body = {"task": "summarize", "model_preference": "balanced", "text": TEXT}
    response = post(stack, "/generate", body)
    result = response.json()
    assert response.status_code == 200
    assert result["routing"]["selected_model"]
    assert result["usage"]["total_cost_usd"] == 0
    assert result["usage"]["simulated_cost_usd"] > 0
    assert result["result"]
    assert result["mock"] is True


@pytest.mark.parametrize("name", HOSTILE_TEXTS)
def test_a_hostile_text_reaches_the_model_as_it_is(stack, name):
    text = HOSTILE_TEXTS[name]
    body = {"task": "summarize", "text": text, "metadata": {"note": text[:400]}}
    answer = post(stack, "/generate", body)
    assert answer.status_code == 200, answer.text[:500]
    # The simulator answers with the text's own first sentences.
    assert answer.json()["result"].startswith("[simulated] " + text[:20].split("\n")[0].strip()[:8])


def test_a_job_answers_as_the_synchronous_call_does(stack):
    body = {"task": "summarize", "text": TEXT, "model": "gpt-4o-mini"}
    submitted = post(stack, "/jobs", body)
    assert submitted.status_code == 202
    told = submitted.json()
    assert told["status"] == "RUNNING"
    assert submitted.headers["Location"] == told["status_url"]
    job = ended_job(stack, told["execution_id"])
    assert job["status"] == "SUCCEEDED"
    assert job["finished_at"] >= job["submitted_at"]
    direct = post(stack, "/generate", body).json()
    assert job["result"]["result"] == direct["result"]
    assert job["result"]["execution_id"] == told["execution_id"]


def test_an_idempotency_key_runs_once_and_belongs_to_its_api_key(stack):
    key = f"k-{time.time_ns()}"
    first = post(stack, "/jobs", {"text": "Hello"}, headers={"Idempotency-Key": key})
    assert first.status_code == 202
    ended_job(stack, first.json()["execution_id"])
    again = post(stack, "/jobs", {"text": "Hello"}, headers={"Idempotency-Key": key})
    body = again.json()
    assert (again.status_code, body["error"]["code"]) == (409, "duplicate_request")
    # The contract only says that it carries both, so they are looked for at either level.
    carried = body | body["error"]
    assert carried["execution_id"] == first.json()["execution_id"]
    assert carried["status_url"] == first.json()["status_url"]
    other = {"Idempotency-Key": key, "X-API-Key": stack.other_api_key}
    assert post(stack, "/jobs", {"text": "Hello"}, headers=other).status_code == 202


def test_a_malformed_idempotency_key_is_refused(stack):
    refused = post(stack, "/jobs", {"text": "Hello"}, headers={"Idempotency-Key": "a b"})
    assert_error(refused, "invalid_request")


def test_a_finished_job_is_not_changed_by_deleting_it(stack):
    told = post(stack, "/jobs", {"text": "Hello"}).json()
    job = ended_job(stack, told["execution_id"])
    assert call(stack, "DELETE", f"/jobs/{told['execution_id']}").json() == job


@pytest.mark.parametrize("reader", ["api_key", "operator_api_key"])
def test_a_running_job_is_stopped_by_its_own_key_or_an_operators(stack, reader):
    # A throttled last candidate is waited for, which keeps the job running for a second.
    with stack.faults({"gpt-4o": "ProviderThrottled"}):
        body = {"task": "chat", "text": "Hello", "model": "gpt-4o", "fallback": False}
        path = f"/jobs/{post(stack, '/jobs', body).json()['execution_id']}"
        foreign = call(stack, "DELETE", path, key=stack.other_api_key)
        stopped = call(stack, "DELETE", path, key=getattr(stack, reader))
    assert_error(foreign, "not_found")
    assert (stopped.status_code, stopped.json()["status"]) == (200, "ABORTED")
    assert get(stack, path).json()["status"] == "ABORTED"


def test_health_needs_no_key(stack):
    assert requests.get(f"{stack.base_url}/health", timeout=30).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": ""}, {"X-API-Key": "wrong"}])
@pytest.mark.parametrize("path", ["/generate", "/jobs"])
def test_no_key_or_a_wrong_one_is_unauthorized(stack, headers, path):
    url = f"{stack.base_url}{path}"
    assert_error(
        requests.post(url, json={"text": "x"}, headers=headers, timeout=30), "unauthorized"
    )


@pytest.mark.parametrize("path", ["/nothing", "/jobs/req_none", "/jobs/%27", "/generate/x"])
def test_an_unknown_path_or_job_is_not_found(stack, path):
    assert_error(get(stack, path), "not_found")


@pytest.mark.parametrize("name", BAD_BODIES)
@pytest.mark.parametrize("path", ["/generate", "/jobs"])
def test_a_bad_body_is_an_invalid_request(stack, path, name):
    headers = {"Content-Type": "application/json"}
    error = assert_error(
        post(stack, path, data=BAD_BODIES[name], headers=headers), "invalid_request"
    )
    assert all(one.keys() == {"field", "problem"} for one in error["details"])


@pytest.mark.parametrize("name", BAD_BODIES)
def test_every_path_says_what_is_wrong_with_a_body_in_the_same_words(stack, name):
    headers = {"Content-Type": "application/json"}
    errors = [
        post(stack, path, data=BAD_BODIES[name], headers=headers).json()["error"]
        for path in ("/generate", "/jobs", "/route")
    ]
    assert errors == errors[:1] * 3


BOMB = {
    "$defs": {
        "a0": {"type": "object"},
        **{f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n - 1}"}] * 2} for n in range(1, 29)},
    },
    "$ref": "#/$defs/a28",
}


@pytest.mark.parametrize("path", ["/generate", "/jobs", "/route"])
def test_four_costly_schemas_at_once_are_refused_and_leave_others_as_they_were(stack, path):
    form = {"type": "json_schema", "json_schema": {"name": "bomb", "schema": BOMB}}
    bomb = {"text": "x", "task": "chat", "response_format": form}
    plain = {"text": "x", "task": "chat"}

    def other_callers_s():
        began = time.perf_counter()
        assert post(stack, "/generate", plain, key=stack.other_api_key).ok
        return time.perf_counter() - began

    alone_s = min(other_callers_s() for _ in range(5))
    with ThreadPoolExecutor(4) as pool:
        bombs = [pool.submit(post, stack, path, bomb) for _ in range(4)]
        beside_s = min(other_callers_s() for _ in range(5))
    for refused in bombs:
        error = assert_error(refused.result(), "invalid_request")
        assert error["details"][0]["field"].startswith("response_format")
    assert beside_s < 20 * alone_s


@pytest.mark.parametrize("path", ["/generate", "/jobs", "/route"])
def test_half_a_surrogate_pair_breaks_nothing(stack, path):
    headers = {"Content-Type": "application/json"}
    body = rb'{"text": "\ud800 hello", "task": "chat", "metadata": {"\udc00": "\ud83d"}}'
    answer = post(stack, path, data=body, headers=headers)
    assert answer.ok
    if path == "/generate":
        assert answer.json()["result"] == "[simulated] An answer to: \ufffd hello"


def test_half_a_surrogate_pair_in_a_grade_or_a_query_breaks_nothing(stack):
    request_id = post(stack, "/generate", {"text": "Hello", "task": "chat"}).json()["request_id"]
    data = rb'{"thumbs": "up", "comment": "\ud83d"}'
    headers = {"Content-Type": "application/json"}
    assert post(stack, f"/requests/{request_id}/feedback", data=data, headers=headers).ok
    row = get(stack, f"/requests/{request_id}").json()
    assert row["feedback"]["comment"] == "\ufffd"
    assert get(stack, "/metrics/logs?model=%ED%A0%BD").status_code < 500


@pytest.mark.parametrize("path", ["/generate", "/jobs"])
def test_a_body_over_the_states_limit_is_too_large(stack, path):
    assert_error(post(stack, path, {"text": "x" * 300_000}), "payload_too_large")


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "multipart/form-data"])
@pytest.mark.parametrize("path", ["/generate", "/jobs"])
def test_anything_but_json_is_an_unsupported_media_type(stack, path, content_type):
    response = post(stack, path, data="a", headers={"Content-Type": content_type})
    assert_error(response, "unsupported_media_type")


def test_for_a_retired_model_others_are_asked_unless_it_alone_may_be(stack):
    request = {"text": "Hello", "model": "gpt-4-turbo", "explain": True}
    routing = post(stack, "/generate", request).json()["routing"]
    reasons = {one["model"]: one["reason"] for one in routing["excluded"]}
    assert reasons["gpt-4-turbo"].startswith("retired on 2026-10-23; use ")
    assert f"in place of gpt-4-turbo ({reasons['gpt-4-turbo']})" in routing["reason"]
    alone = assert_error(post(stack, "/generate", request | {"fallback": False}), "invalid_request")
    assert alone["message"] == alone["details"][0]["problem"]
    assert alone["message"].startswith("gpt-4-turbo was retired on 2026-10-23; use ")


@pytest.mark.parametrize("path", ["/generate", "/route"])
def test_limits_that_exclude_every_model_name_each_of_them_and_what_would_do(stack, path):
    body = {"text": "Hello", "task": "chat", "max_cost_usd": 0.0000001}
    error = assert_error(post(stack, path, body), "no_eligible_model")
    assert {"model", "reason"} == error["details"][0].keys()
    told = re.fullmatch(r"No model fits: needs at least ([0-9.]+) USD: (\S+)", error["message"])
    answer = post(stack, path, body | {"max_cost_usd": float(told[1])}).json()
    assert answer["routing"]["selected_model"] == told[2]


def test_a_hundred_jobs_at_once_end_with_one_row_each(stack):
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: post(stack, "/jobs", {"text": TEXT}), range(100)))
    assert Counter(answer.status_code for answer in answers) == {202: 100}
    ids = {answer.json()["execution_id"] for answer in answers}
    assert len(ids) == 100
    ended = Counter(ended_job(stack, execution_id, 240)["status"] for execution_id in ids)
    assert ended == {"SUCCEEDED": 100}
    table = stack.requests_table()
    rows = [table.get_item(Key={"request_id": one}, ConsistentRead=True).get("Item") for one in ids]
    assert all(row and row["status"] == "SUCCEEDED" for row in rows)


def test_a_row_accounts_for_the_request_and_holds_none_of_its_text(stack):
    secret = "the-secret-of-the-prompt"
    answer = post(stack, "/generate", {"task": "chat", "text": f"{secret}. And more."}).json()
    found = stack.requests_table().get_item(Key={"request_id": answer["request_id"]})
    row = unpacked(found["Item"])
    assert float(usd(row["usage"]["total_cost_nano_usd"])) == answer["usage"]["total_cost_usd"]
    assert [one["outcome"] for one in row["attempts"]] == ["success"]
    assert secret not in json.dumps(row, default=str)
