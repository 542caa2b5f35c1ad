import json
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.classify.handler import lambda_handler as classify
from functions.classify.parsing import MAX_REQUEST_BYTES, room_bytes
from functions.invoke_provider.handler import lambda_handler as invoke
from functions.score.handler import lambda_handler as score
from functions.shared.attempt_limits import MAX_RANKED, MAX_RESERVE
from functions.shared.caller import MOST_ALLOWED, Caller
from functions.shared.catalogue.models import load_catalogue
from functions.shared.contracts.answer import Answer
from functions.shared.contracts.decision import (
    BudgetsLeft,
    ModelHealth,
    MoneyLeft,
    TaskHistory,
    TokensLeft,
)
from functions.shared.contracts.states import RecordInput, json_of
from functions.shared.errors import MAX_MESSAGE_CHARACTERS, ProviderUnavailable
from functions.shared.vocabulary import BUILT_IN_PROVIDERS
from tests.support.builders import TOOL, caught
from tests.support.gateway_events import output_of

pytestmark = pytest.mark.usefixtures("states_environment")

NOW_MS = 1_795_000_000_000
ENVELOPE = {"request_id": "req_1", "caller_id": "key-1", "mode": "async"}


def _decided(request, caller=None):
    meta = ENVELOPE | {"started_at": datetime.now(UTC).isoformat()}
    classified = output_of(classify, meta | {"request": request, "caller": caller or {}})
    return meta, classified, output_of(score, {"profile": classified["profile"]})


def _run(request):
    """What the machine does with the variables, in Python."""
    meta, classified, scored = _decided(request)
    known = {name: classified[name] for name in ("request", "profile")}
    first, *others = scored["candidates"]
    asked = {"candidate": first, "failures": [], "remaining": len(others), "retry_count": 0}
    invoked = output_of(invoke, known | {"decision": scored["decision"]} | asked)
    return meta, classified, scored, invoked


REQUESTS: dict[str, dict[str, Any]] = {
    "a text": {"text": "Summarize this. It is long."},
    "messages": {"messages": [{"role": "user", "content": "Hi"}], "system": "Be brief"},
    "limits": {"text": "x", "task": "chat", "max_cost_usd": 0.5, "max_latency_ms": 20_000},
    "sentiment": {"text": "I love it", "task": "sentiment"},
    "tools": {"text": "weather?", "tools": [TOOL]},
    "a schema": {
        "text": "x",
        "task": "analysis",
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "n", "schema": {"type": "object", "properties": {}}},
        },
    },
    "hostile letters": {"text": "' \" @@ \\' \u2028 😀 ${x} #set($a=1)", "metadata": {"a": "@@"}},
}


@pytest.mark.parametrize("name", REQUESTS)
def test_what_each_state_hands_on_the_next_one_accepts(name):
    meta, classified, scored, invoked = _run(REQUESTS[name])
    record = meta | {
        "profile": classified["profile"],
        "decision": scored["decision"],
        "failures": [],
        "answer": invoked["logged_answer"],
        "attempt": invoked["attempt"],
    }
    assert RecordInput.model_validate(record).attempt.outcome == "success"


def test_the_answer_has_exactly_the_contracts_fields():
    answer = _run(REQUESTS["a text"] | {"explain": True})[3]["answer"]
    assert answer.keys() == {
        "success", "result", "request_id", "execution_id", "cached", "mock", "tool_calls",
        "finish_reason", "routing", "usage", "performance",
    }  # fmt: skip
    assert answer["routing"].keys() == {
        "selected_model", "provider", "reason", "task", "task_source", "task_confidence",
        "cost_score", "latency_score", "quality_score", "availability_score", "final_score",
        "candidates", "excluded", "fallbacks", "policy_version", "prompt_version",
        "dropped_parameters",
    }  # fmt: skip
    assert answer["routing"]["candidates"][0].keys() == {
        "model", "provider", "final_score", "estimated_cost_usd", "estimated_latency_ms",
    }  # fmt: skip
    assert answer["usage"].keys() == {
        "input_tokens", "cached_input_tokens", "output_tokens", "total_cost_usd", "usage_source",
        "possibly_billed_usd", "simulated_cost_usd",
        "baseline_model", "baseline_cost_usd", "savings_usd", "price_version",
    }  # fmt: skip
    assert answer["performance"].keys() == {
        "total_time_ms", "routing_time_ms", "inference_time_ms",
    }  # fmt: skip


BUSY = ModelHealth(
    ok=10**5, faults=10**5, throttles=10**5, last_fault_at_ms=NOW_MS, blocked_at_ms=NOW_MS,
    answers=10**7, latency_ms=10**11, latency_ms_squared=10**15, output_tokens=10**10,
    tasks={"summarize": TaskHistory(answers=10**6, output_tokens=10**9)},
).model_dump()  # fmt: skip
MODELS, STATE_BYTES = 80, 262_144


def _bytes(value):
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


LIMITS = {
    f"{period}_nano_usd": 10**15 + 1 for period in ("day", "month", "total")
} | {"tokens_per_minute": 10**9, "mode": "expected"}  # fmt: skip
CALLER = {
    "name": "n" * 40, "expires_at_s": 2_000_000_000, "limits": LIMITS,
    "stage_limits": {"month_nano_usd": 10**15 + 1},
    "models": [model.id for model in load_catalogue().models][:MOST_ALLOWED],
}  # fmt: skip
LEFT = MoneyLeft(
    owner="caller", period="month", limit_nano_usd=10**15 + 1, left_nano_usd=10**15 + 1,
    tier_down_at=0.85, renews_at="2026-12-01T00:00Z",
)  # fmt: skip
BUDGETS_LEFT = BudgetsLeft(
    money=[LEFT] * 4, tokens=TokensLeft(limit=10**9, left=10**9, renews_in_s=59)
)


def _largest(request, caller=None):
    """The states' payloads of a request after six failures, and of eighty models' health."""
    request = request | {"model_preference": "best"}
    *_, invoked = _run(request)
    meta, classified, scored = _decided(request, caller)
    decision = scored["decision"]
    assert len(decision["candidates"]) == len(scored["candidates"]) == MAX_RANKED
    decision["reserve"] = decision["candidates"][:MAX_RESERVE]
    if caller:
        decision["routing_context"]["budgets_left"] = json_of(BUDGETS_LEFT)
    scored["candidates"] += scored["candidates"][:MAX_RESERVE]
    decision["routing_context"]["health"] = {f"{number:020}": BUSY for number in range(MODELS)}
    error = ProviderUnavailable("x" * MAX_MESSAGE_CHARACTERS)
    failures = [{"candidate": one, "error": caught(error)} for one in scored["candidates"][:6]]
    known = {"profile": classified["profile"], "decision": decision, "failures": failures}
    calling = {"candidate": scored["candidates"][0], "remaining": MAX_RANKED, "retry_count": 1}
    answered = {"answer": invoked["logged_answer"], "attempt": invoked["attempt"]}
    return {
        "Score": {"profile": classified["profile"]},
        "Invoke Provider": known | calling | {"request": classified["request"]},
        "Record Metrics": meta | known | answered | {"logged_prompt": "\U0001f600" * 4_000},
        "Next Candidate?": scored["candidates"],
    }


def test_what_the_states_carry_of_eighty_models_and_six_failures_leaves_most_of_a_state_free():
    states = _largest({"text": "x" * 100_000, "task": "summarize"})
    assert max(map(_bytes, states.values())) < 200_000


def test_a_candidate_takes_at_most_420_bytes_of_the_state(environment):
    environment(MOCK_PROVIDERS="never", PROVIDERS_CONFIGURED=",".join(BUILT_IN_PROVIDERS))
    _, _, decided = _decided({"text": "x", "task": "chat", "model_preference": "best"})
    candidates = decided["candidates"]
    assert len(candidates) == MAX_RANKED
    of_decision = [
        ranked for name in ("candidates", "reserve") for ranked in decided["decision"].get(name, [])
    ]
    assert _bytes([candidates, of_decision]) / len(candidates) <= 420


@pytest.mark.parametrize(
    ("characters", "metadata"),
    [(209_900, {}), (141_000, {f"{number:064}": "\U0001f600" * 512 for number in range(16)})],
    ids=["text alone", "all the metadata there can be"],
)
def test_the_largest_request_leaves_room_for_the_decision_in_a_state(characters, metadata):
    states = _largest({"text": "x" * characters, "task": "summarize", "metadata": metadata})
    assert max(map(_bytes, states.values())) < STATE_BYTES


@pytest.mark.parametrize("caller", [{"limits": LIMITS}, CALLER], ids=["limits", "all there can be"])
def test_a_callers_limits_and_lists_take_their_room_from_the_largest_request(caller, environment):
    environment(BUDGETS_TABLE="NoSuchTable")
    room = room_bytes(Caller.model_validate(caller))
    assert MAX_REQUEST_BYTES - 12_000 < room < MAX_REQUEST_BYTES
    states = _largest({"text": "x" * (room - 100), "task": "summarize"}, caller)
    assert max(map(_bytes, states.values())) < STATE_BYTES
    usual = _largest({"text": "x" * (MAX_REQUEST_BYTES - 100), "task": "summarize"})
    assert max(map(_bytes, states.values())) <= max(map(_bytes, usual.values()))


def test_an_answer_is_complete_after_json():
    answer = _run(REQUESTS["tools"])[3]["answer"]
    assert Answer.model_validate(answer).tool_calls[0].function.arguments == '{"city": "simulated"}'
