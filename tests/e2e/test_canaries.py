"""A stage that keeps prompts, at its most talkative, and words that must stand in no other place."""

import base64
import json
import time
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

import pytest

from functions.shared.storage.request_log import unpacked
from tests.conftest import PROJECT, running_stack
from tests.support.api_calls import eventually, get, post

pytestmark = pytest.mark.xdist_group("canaries")

KEY = "sk-proj-canaryKEY0123456789abcdef"
PLACES = (
    "text", "system", "message", "part", "assistant", "tool_name", "tool_description", "parameter",
    "arguments", "tool_result", "form_name", "form_property", "image", "metadata", "session",
    "unknown_value", "wrong_type", "wrong_enum", "wrong_tag", "wrong_role", "wrong_image", "model",
    "comment", "query", "idempotency", "refused_text", "broken_text", "throttled_text", "answer",
)  # fmt: skip
KEPT = {"metadata", "comment", "session", "idempotency", "model"}
"""What the log or the state table says of a request by design: they are the caller's own labels."""


def canary(place: str) -> str:
    return f"canary{place.replace('_', '')}x7q"


class Provider(BaseHTTPRequestHandler):
    """Speaks OpenAI's language, and quotes whatever it was asked in every refusal, unquoted."""

    def do_POST(self):
        asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        said = json.dumps(f"messages.0.content: {asked} and {self.headers['Authorization']}")
        status, body = 200, None
        if canary("refused_text") in asked:
            said = json.dumps(f"messages.0.content: My name is {canary('refused_text')}, born 1970")
            status, body = (
                400,
                f'{{"error": {{"message": {said}, "type": "invalid_request_error"}}}}',
            )
        elif canary("throttled_text") in asked:
            status, body = 429, f'{{"error": {{"message": {said}, "code": {said}}}}}'
        elif canary("broken_text") in asked:
            status, body = 200, f'{{"choices": {said}, "output": {said}}}'
        content = (body or self._answer()).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _answer(self):
        answer = json.dumps({"a": canary("answer")})
        text = {"type": "output_text", "text": answer, "annotations": []}
        said = {"type": "message", "role": "assistant", "content": [text], "status": "completed"}
        usage = {"input_tokens": 5, "output_tokens": 5, "total_tokens": 10}
        message = {"role": "assistant", "content": answer}
        return json.dumps({
            "id": "1", "status": "completed", "output": [said],
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {**usage, "prompt_tokens": 5, "completion_tokens": 5},
        })  # fmt: skip

    def log_message(self, *_arguments):
        pass


@pytest.fixture(scope="module")
def provider():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()


@pytest.fixture(scope="module")
def talkative(provider):
    environment = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": provider, "LOG_LEVEL": "DEBUG"}
    with running_stack(**environment, LOG_PROMPTS="true") as stack:
        yield stack


TOOL = {
    "type": "function",
    "function": {
        "name": canary("tool_name"),
        "description": canary("tool_description"),
        "parameters": {"type": "object", "properties": {canary("parameter"): {"type": "string"}}},
    },
}
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": canary("tool_name"), "arguments": json.dumps({"a": canary("arguments")})},
}
PICTURE = b"\x89PNG\r\n\x1a\n\0" + canary("image").encode() * 4
IMAGE = "data:image/png;base64," + base64.b64encode(PICTURE).decode()
PINNED = {"model": "gpt-4o-mini", "fallback": False, "task": "chat"}
BODIES = [
    {**PINNED, "text": canary("text"), "system": canary("system"),
     "metadata": {"label": canary("metadata")}, "session_id": canary("session")},
    {**PINNED, "messages": [
        {"role": "user", "content": canary("message")},
        {"role": "assistant", "content": canary("assistant"), "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": canary("tool_result")},
        {"role": "user", "content": [
            {"type": "text", "text": canary("part")},
            {"type": "image_url", "image_url": {"url": IMAGE}}]}],
     "tools": [TOOL]},
    {**PINNED, "text": "x", "response_format": {"type": "json_schema", "json_schema": {
        "name": canary("form_name"), "schema": {"properties": {canary("form_property"): {}}}}}},
    {**PINNED, "text": canary("refused_text")},
    {**PINNED, "text": canary("broken_text")},
    {**PINNED, "text": canary("throttled_text"), "max_latency_ms": 9_000},
    {"text": "x", "surprise": canary("unknown_value")},
    {"text": {"a": canary("wrong_type")}, "temperature": canary("wrong_type")},
    {"text": "x", "task": canary("wrong_enum"), "model_preference": canary("wrong_enum")},
    {"messages": [{"role": "user", "content": [{"type": canary("wrong_tag")}]}]},
    {"messages": [{"role": canary("wrong_role"), "content": "x"}]},
    {"messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": f"ftp://{canary('wrong_image')}"}}]}]},
    {"text": "x", "model": canary("model")},
]  # fmt: skip


@pytest.fixture(scope="module")
def answers(talkative):
    """Everything that the caller was told, by route."""
    told = defaultdict(list)
    jobs = []
    for body in BODIES:
        for route in ("/generate", "/route", "/jobs"):
            answer = post(talkative, route, body)
            told[route].append(answer)
            if route == "/jobs" and answer.status_code == 202:
                jobs.append(answer.json()["status_url"].removeprefix("/api/v1"))
    named = {"Idempotency-Key": canary("idempotency")}
    told["/jobs"].append(post(talkative, "/jobs", BODIES[0], headers=named))
    request_id = told["/generate"][0].json()["request_id"]
    for grade in ({"thumbs": "up", "comment": canary("comment")}, {"thumbs": canary("wrong_enum")}):
        route = f"/requests/{request_id}/feedback"
        told[route].append(post(talkative, route, grade))
    told["query"].append(get(talkative, f"/metrics/summary?window={canary('query')}"))
    for job in jobs:
        told["job"].append(eventually(lambda path=job: _ended(talkative, path), seconds=60))
    time.sleep(1)
    return told


def _ended(stack, path):
    answer = get(stack, path)
    return answer if answer.json()["status"] != "RUNNING" else None


def rows_of(stack):
    """Every item of every table as text, by table."""
    tables = stack.client("dynamodb")
    for name in tables.list_tables()["TableNames"]:
        for item in tables.scan(TableName=name)["Items"]:
            packed = {"details": item.pop("details")["B"]} if "details" in item else {}
            yield name, json.dumps([item, unpacked(packed)], default=str, ensure_ascii=False)


def logged_by(stack):
    """Every event of every log group, by group."""
    logs = stack.client("logs")
    groups = logs.get_paginator("describe_log_groups").paginate()
    for group in [group["logGroupName"] for page in groups for group in page["logGroups"]]:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        for event in (event for page in pages for event in page["events"]):
            yield group, event["message"]


def kept_elsewhere(stack):
    """What else remembers anything, by name."""
    metrics = stack.client("cloudwatch").get_paginator("list_metrics").paginate()
    yield "metrics", json.dumps([page["Metrics"] for page in metrics], default=str)
    queue = stack.output("DeadLetterQueueUrl")
    messages = stack.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
    yield "dead letters", json.dumps(messages.get("Messages", []))
    folder = PROJECT / ".local" / str(urlsplit(stack.base_url).port)
    for file in (path for path in folder.rglob("*") if path.is_file() and "tmp" not in path.parts):
        yield str(file.relative_to(folder)), file.read_bytes().decode("utf-8", "replace")


def found_in(texts):
    """Where which canary stands."""
    found = defaultdict(set)
    for where, text in texts:
        for place in PLACES:
            if canary(place) in text:
                found[place].add(where)
    return dict(found)


def test_the_stage_was_asked_in_every_way_and_answered_as_the_contract_says(answers):
    statuses = [answer.status_code for answer in answers["/generate"]]
    assert statuses == [200, 200, 200, 400, 502, 502, 400, 400, 400, 400, 400, 400, statuses[-1]]
    assert statuses[-1] in {400, 404, 422}
    assert canary("answer") in answers["/generate"][0].text
    assert [answer.status_code for answer in answers["/jobs"][6:12]] == [400] * 6


def test_a_provider_that_quotes_the_prompt_is_quoted_to_the_caller_alone(answers):
    refused = answers["/generate"][3].json()
    assert refused["error"]["code"] == "invalid_request"
    assert canary("refused_text") in refused["error"]["message"]
    of_job = next(job.json() for job in answers["job"] if canary("refused_text") in job.text)
    assert (of_job["status"], of_job["error"]["code"]) == ("FAILED", "invalid_request")


def test_no_answer_repeats_a_value_that_is_wrong(answers):
    wrong = ("unknown_value", "wrong_type", "wrong_enum", "wrong_tag", "wrong_role", "wrong_image")
    texts = [answer.text for of_route in answers.values() for answer in of_route]
    assert [
        place for place in (*wrong, "model", "query") for text in texts if canary(place) in text
    ] == []


def test_both_routes_say_what_is_wrong_in_the_same_words(answers):
    pairs = zip(answers["/generate"][6:12], answers["/jobs"][6:12], strict=True)
    for generated, job in pairs:
        assert job.json()["error"] == generated.json()["error"]


def test_prompts_stand_in_the_requests_rows_and_nothing_stands_anywhere_else(talkative, answers):
    rows = found_in(rows_of(talkative))
    requests_table = talkative.output("RequestsTableName")
    assert {place for place, tables in rows.items() if requests_table in tables} >= {
        "text", "part", "refused_text", "broken_text", "throttled_text",
    }  # fmt: skip
    prompts = {"text", "part", "refused_text", "broken_text", "throttled_text"}
    assert set(rows) <= prompts | KEPT
    logs = found_in(logged_by(talkative))
    logs.pop("idempotency", None)  # it is in the job's name, and names are logged
    assert logs == {}
    elsewhere = found_in(kept_elsewhere(talkative))
    assert elsewhere == {}


def test_the_providers_key_stands_nowhere(talkative, answers):
    everything = [*rows_of(talkative), *logged_by(talkative), *kept_elsewhere(talkative)]
    told = [("answer", answer.text) for of_route in answers.values() for answer in of_route]
    assert [
        where for where, text in [*everything, *told] if KEY in text or "canaryKEY" in text
    ] == []


def test_a_failure_of_a_provider_is_one_line_without_a_stack_trace(talkative, answers):
    request_id = answers["/generate"][5].json()["request_id"]
    lines = [line for line in talkative.log_lines("InvokeOpenai") if request_id in line]
    attempts = get(talkative, f"/requests/{request_id}").json()["attempts"]
    assert len(attempts) >= 1
    failed = [json.loads(line) for line in lines if "errorType" in line]
    assert len(failed) == len(lines) >= len(attempts)
    assert all(line["stackTrace"] == [] for line in failed)


def test_the_machines_log_names_failures_and_no_data(talkative, answers):
    machines = [
        json.loads(line) for group, line in logged_by(talkative) if "vendedlogs/states" in group
    ]
    assert {line["type"] for line in machines} >= {"TaskFailed", "ExecutionFailed"}
    assert all("input" not in line["details"] for line in machines)
