"""The real definition with the real handlers: a named table of what may happen to a request."""

import json
import time
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from functions.shared.catalogue.models import load_catalogue
from functions.shared.contracts.states import RecordInput
from functions.shared.vocabulary import usd

pytestmark = pytest.mark.xdist_group("local")

FIRST = "gpt-4o"
MODELS = [model.id for model in load_catalogue().models]
BEGINS = ["Classify", "Score", "Invoke Provider"]
NEXT = ["Weigh Failure", "Next Candidate?"]
ENDS = ["Answered?", "Record Metrics"]
FALLS_BACK = [*BEGINS, *NEXT, "Invoke Provider", *ENDS]
AGAIN = [*BEGINS, *NEXT, "Wait For Provider", "Invoke Provider", *NEXT, "Invoke Provider", *ENDS]
"""The simulator asks for a second."""
STOPS = [*BEGINS, *ENDS]
FAILS = [*BEGINS, *NEXT, "Record Failure", "Failed"]
ELSEWHERE = [*BEGINS, "Answered?", *NEXT, "Invoke Provider", *ENDS]


@dataclass(frozen=True)
class Case:
    """`faults` {model: error}; `error` is the execution's, None for an answered request; `refusal` is the
    code of an answer that a provider's refusal is."""

    path: list[str]
    faults: dict[str, str] = field(default_factory=dict)
    request: dict[str, object] = field(default_factory=dict)
    error: str | None = None
    refusal: str | None = None
    calls: int = 1


CASES = {
    "the happy path": Case([*BEGINS, *ENDS]),
    "throttled, next candidate": Case(FALLS_BACK, {FIRST: "ProviderThrottled"}, calls=2),
    "timed out, next candidate": Case(FALLS_BACK, {FIRST: "ProviderTimeout"}, calls=2),
    "out of quota, next candidate": Case(FALLS_BACK, {FIRST: "ProviderQuotaExhausted"}, calls=2),
    "key refused, next candidate": Case(FALLS_BACK, {FIRST: "ProviderAuthFailed"}, calls=2),
    "model gone, next candidate": Case(FALLS_BACK, {FIRST: "ModelNotFound"}, calls=2),
    "not sure, next candidate": Case(FALLS_BACK, {FIRST: "AnswerUnsure"}, calls=2),
    "overloaded, once again, next": Case(AGAIN, {FIRST: "ProviderOverloaded"}, calls=3),
    "unavailable, once again, next": Case(AGAIN, {FIRST: "ProviderUnavailable"}, calls=3),
    "bad response, next candidate": Case(FALLS_BACK, {FIRST: "ProviderBadResponse"}, calls=2),
    "unfit, one other model": Case(FALLS_BACK, {FIRST: "AnswerUnfit"}, calls=2),
    "unfit twice": Case(
        [*BEGINS, *NEXT, "Invoke Provider", *NEXT, "Record Failure", "Failed"],
        dict.fromkeys(MODELS, "AnswerUnfit"), error="all_providers_failed", calls=2,
    ),
    "window too small, larger one": Case(FALLS_BACK, {FIRST: "ContextWindowExceeded"}, calls=2),
    "window too small, no other": Case(
        FAILS, {FIRST: "ContextWindowExceeded"}, {"fallback": False}, "invalid_request"
    ),
    "refused on policy": Case(STOPS, {FIRST: "ContentFiltered"}, refusal="content_filtered"),
    "refused as malformed": Case(STOPS, {FIRST: "InvalidRequest"}, refusal="invalid_request"),
    "doubted, and refuted": Case(ELSEWHERE, {FIRST: "RequestDoubted"}, calls=2),
    "doubted, and confirmed": Case(
        ELSEWHERE, dict.fromkeys(MODELS, "RequestDoubted"), refusal="invalid_request", calls=2
    ),
    "doubted, nobody to confirm it": Case(
        [*BEGINS, "Answered?", *NEXT, "Record Metrics"],
        {FIRST: "RequestDoubted"}, {"fallback": False}, refusal="invalid_request",
    ),
    "not for this one, next candidate": Case(ELSEWHERE, {FIRST: "RequestUnsupported"}, calls=2),
    "not for any": Case(
        [*BEGINS, *["Answered?", *NEXT, "Invoke Provider"] * 7, "Answered?", *NEXT, "Record Metrics"],
        dict.fromkeys(MODELS, "RequestUnsupported"), refusal="invalid_request", calls=8,
    ),
    "none left": Case(
        FAILS, {FIRST: "ProviderAuthFailed"}, {"fallback": False}, "all_providers_failed"
    ),
    "throttled, none left, waits while there is time": Case(
        [*BEGINS, *[*NEXT, "Next Candidate?", "Wait For Provider", "Invoke Provider"] * 2,
         *NEXT, "Record Failure", "Failed"],
        {FIRST: "ProviderThrottled"}, {"fallback": False, "max_latency_ms": 12_000},
        "all_providers_failed", calls=3,
    ),
    "a bad request": Case(
        ["Classify", "Record Failure", "Failed"], {}, {"text": 7}, "invalid_request", calls=0
    ),
    "no eligible model": Case(
        ["Classify", "Score", "Record Failure", "Failed"],
        {}, {"max_cost_usd": 1e-7}, "no_eligible_model", calls=0,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    status: str
    error: str | None
    body: dict[str, Any]
    events: list[dict[str, Any]]

    @property
    def path(self) -> list[str]:
        return [
            event["stateEnteredEventDetails"]["name"]
            for event in self.events
            if "stateEnteredEventDetails" in event
        ]


def _run(stack, request):
    client = stack.client("stepfunctions")
    request_id = f"req_test_{time.time_ns()}"
    started = client.start_execution(
        stateMachineArn=stack.output("JobsMachineArn"),
        name=request_id,
        input=json.dumps(
            {
                "request": request,
                "request_id": request_id,
                "caller_id": "t",
                "caller": {},
                "mode": "async",
                "idempotency_key": "",
            }
        ),
    )
    arn = started["executionArn"]
    ends = time.monotonic() + 60
    while (seen := client.describe_execution(executionArn=arn))["status"] == "RUNNING":
        assert time.monotonic() < ends, f"still running: {arn}"
        time.sleep(0.2)
    events = client.get_execution_history(executionArn=arn, maxResults=1000)["events"]
    body = json.loads(seen["output"] if seen["status"] == "SUCCEEDED" else seen["cause"])
    return Run(seen["status"], seen.get("error"), body, events)


@pytest.mark.parametrize("name", CASES)
def test_a_request_takes_the_path_of_its_case(stack, name):
    case = CASES[name]
    request = {"task": "chat", "text": "Hello there.", "model": FIRST} | case.request
    with stack.faults(case.faults):
        run = _run(stack, request)
    assert run.path == case.path
    assert (run.status, run.error) == ("FAILED" if case.error else "SUCCEEDED", case.error)
    assert run.body.get("error", {}).get("code") == (case.error or case.refusal)
    assert run.path.count("Invoke Provider") == case.calls


def test_the_answer_names_the_failed_candidate(stack):
    with stack.faults({FIRST: "ProviderThrottled"}):
        run = _run(stack, {"text": "Hello there.", "model": FIRST})
    [fallback] = run.body["routing"]["fallbacks"]
    assert (fallback["model"], fallback["error"]) == (FIRST, "ProviderThrottled")
    assert run.body["routing"]["selected_model"] != FIRST


def _everything(error):
    return dict.fromkeys(MODELS, error)


def test_all_failing_ends_after_eight_models_and_lists_them(stack):
    with stack.faults(_everything("ProviderTimeout")):
        run = _run(stack, {"task": "chat", "text": "Hello there."})
    assert run.error == "all_providers_failed"
    assert len(run.body["error"]["details"]) == run.path.count("Invoke Provider") == 8


def test_a_job_that_all_throttle_begins_anew_with_the_first_that_is_free(stack):
    with stack.faults(_everything("ProviderThrottled")):
        run = _run(stack, {"task": "chat", "text": "Hello there.", "max_latency_ms": 12_000})
    tried = [attempt["model"] for attempt in run.body["error"]["details"]]
    assert run.path.count("Wait For Provider") >= 1
    assert len({*tried[:8]}) == 8
    assert sorted(tried[8:16]) == sorted(tried[:8])


def test_a_refused_key_rules_out_the_providers_other_models(stack):
    with stack.faults(_everything("ProviderAuthFailed")):
        run = _run(stack, {"task": "chat", "text": "Hello there."})
    tried = [attempt["provider"] for attempt in run.body["error"]["details"]]
    assert sorted(tried) == ["anthropic", "azure_openai", "bedrock", "gemini", "openai"]


def test_a_broken_provider_lets_the_others_go_first(stack):
    with stack.faults(_everything("ProviderBadResponse")):
        run = _run(stack, {"task": "chat", "text": "Hello there."})
    tried = [attempt["provider"] for attempt in run.body["error"]["details"]]
    assert sorted(tried[:5]) == ["anthropic", "azure_openai", "bedrock", "gemini", "openai"]


def test_a_list_of_models_keeps_its_order_whatever_fails(stack):
    listed = [FIRST, "gpt-4o-mini", "claude-haiku-4-5"]
    with stack.faults(_everything("ProviderBadResponse")):
        run = _run(stack, {"task": "chat", "text": "Hello there.", "models": listed})
    assert [attempt["model"] for attempt in run.body["error"]["details"]] == listed


def test_the_happy_path_takes_at_most_six_billable_transitions(stack):
    run = _run(stack, {"text": "Hello there."})
    # AWS bills each step from one state to the next, the one into the first and the one to the end included.
    assert run.status == "SUCCEEDED"
    assert len(run.path) + 1 <= 6


def test_a_stage_may_have_others_asked_after_a_refusal_on_policy_and_the_record_says_so(stack):
    changed = {
        "ASK_OTHERS_AFTER_REFUSAL": "true",
        "SIMULATOR_FAULTS": json.dumps({FIRST: "ContentFiltered"}),
    }
    with stack.variables("InvokeSimulator", changed):
        run = _run(stack, {"text": "Hello there.", "model": FIRST})
    assert run.path == FALLS_BACK
    [fallback] = run.body["routing"]["fallbacks"]
    assert (fallback["model"], fallback["error"]) == (FIRST, "ContentFiltered")


def _dead_letters(stack):
    queue = {"QueueUrl": stack.output("DeadLetterQueueUrl"), "MaxNumberOfMessages": 10}
    found = stack.client("sqs").receive_message(**queue).get("Messages", [])
    return [RecordInput.model_validate_json(message["Body"]) for message in found]


@pytest.mark.parametrize(
    ("broken", "path"),
    [
        pytest.param({"REQUESTS_TABLE": "missing"}, [], id="no table"),
        pytest.param({"LOG_RETENTION_DAYS": "x"}, ["Queue Unrecorded Answer"], id="a crash"),
    ],
)
def test_an_answer_survives_a_failing_record_which_waits_for_replay(stack, broken, path):
    with stack.variables("RecordMetrics", broken):
        run = _run(stack, {"task": "chat", "text": "A secret. And more."})
    assert run.path == [*BEGINS, *ENDS, *path]
    assert run.body["result"]
    [letter] = [one for one in _dead_letters(stack) if one.request_id == run.body["request_id"]]
    assert usd(letter.answer.usage.total_cost_nano_usd) == Decimal(
        str(run.body["usage"]["total_cost_usd"])
    )
    assert "secret" not in letter.model_dump_json()


def test_a_failure_that_cannot_be_recorded_is_queued_and_still_told(stack):
    with stack.variables("RecordMetrics", {"LOG_RETENTION_DAYS": "x"}):
        run = _run(stack, {"text": 7})
    assert run.path[-2:] == ["Queue Unrecorded Failure", "Failed Unrecorded"]
    assert (run.error, run.body["error"]["code"]) == ("internal_error", "internal_error")
    assert run.body["request_id"] in {one.request_id for one in _dead_letters(stack)}
