import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.api_calls import BAD_BODIES, assert_error, call, eventually, get, post

pytestmark = pytest.mark.xdist_group("local")

TEXT = "Step Functions runs each request as a state machine. Every state is a Lambda function."


def _answered(stack, **request):
    response = post(stack, "/generate", {"task": "summarize", "text": TEXT} | request)
    assert response.status_code == 200, response.text
    return response.json()


def _failed(stack):
    model = "gpt-4o"
    with stack.faults({model: "ProviderAuthFailed"}):
        body = {"task": "chat", "text": TEXT, "model": model, "fallback": False}
        response = post(stack, "/generate", body)
    assert_error(response, "all_providers_failed")
    return response.json()


def _invocations(stack):
    """How often each function has been invoked."""
    logs = stack.client("logs")
    return {
        group["logGroupName"].rpartition("Functions")[2].partition("Logs")[0]: sum(
            event["message"].startswith("REPORT")
            for event in logs.filter_log_events(logGroupName=group["logGroupName"])["events"]
        )
        for group in logs.describe_log_groups()["logGroups"]
        if "Functions" in group["logGroupName"]
    }


def _wait_for_other_jobs(stack):
    machines, jobs = stack.client("stepfunctions"), stack.output("JobsMachineArn")

    def is_idle():
        running = machines.list_executions(stateMachineArn=jobs, statusFilter="RUNNING")
        return not running["executions"]

    assert eventually(is_idle, 60)


def test_a_dry_run_decides_what_the_request_itself_then_does(stack):
    body = {"task": "summarize", "text": TEXT, "model_preference": "cheap"}
    decided = post(stack, "/route", body)
    assert decided.status_code == 200
    routing = decided.json()["routing"]
    answer = post(stack, "/generate", body | {"explain": True}).json()
    for name in ("selected_model", "provider", "reason", "final_score", "policy_version"):
        assert routing[name] == answer["routing"][name]
    assert [one["model"] for one in routing["candidates"]] == [
        one["model"] for one in answer["routing"]["candidates"]
    ]
    assert routing["excluded"] == answer["routing"]["excluded"]
    assert routing["price_version"] == answer["usage"]["price_version"]
    # Nobody is paid for a simulated answer, so that nothing is saved.
    assert routing.get("baseline_model") is None
    assert answer["usage"]["baseline_model"] is None


def test_a_dry_run_calls_nobody_and_leaves_no_trace(stack):
    _wait_for_other_jobs(stack)
    before = _invocations(stack)
    rows = stack.requests_table().scan(Select="COUNT")["Count"]
    response = post(stack, "/route", {"task": "chat", "text": TEXT, "session_id": "s-1"})
    after = _invocations(stack)
    assert {name for name in after if after[name] != before[name]} == {"Route"}
    assert stack.requests_table().scan(Select="COUNT")["Count"] == rows
    assert_error(get(stack, f"/requests/{response.json()['request_id']}"), "not_found")


def test_a_dry_run_guesses_a_task_that_is_not_given(stack):
    text = "Write a Python function that reverses a list in place."
    routing = post(stack, "/route", {"text": text}).json()["routing"]
    assert (routing["task"], routing["task_source"]) == ("code", "classifier")
    assert sum(routing["weights"].values()) == pytest.approx(1)


BODIES = BAD_BODIES | {
    "no number": b'{"text": "a", "temperature": NaN}',
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("path", ["/route", "/requests/req_1/feedback"])
def test_a_bad_body_is_an_invalid_request(stack, path, name):
    headers = {"Content-Type": "application/json"}
    error = assert_error(post(stack, path, data=BODIES[name], headers=headers), "invalid_request")
    assert all(one.keys() == {"field", "problem"} for one in error["details"])


def test_a_dry_run_refuses_what_no_request_can_have(stack):
    assert_error(post(stack, "/route", {"text": "x" * 300_000}), "payload_too_large")
    assert_error(post(stack, "/route", {"text": "x" * 11_000_000}), "payload_too_large")
    plain = post(stack, "/route", data="a", headers={"Content-Type": "text/plain"})
    assert_error(plain, "unsupported_media_type")
    assert_error(post(stack, "/route", {"text": "a", "model": "gpt-99"}), "not_found")
    none = post(stack, "/route", {"text": "a", "task": "chat", "max_cost_usd": 0.0000001})
    details = assert_error(none, "no_eligible_model")["details"]
    assert all(one.keys() == {"model", "reason"} for one in details)


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/route"), ("GET", "/requests/req_1"), ("POST", "/requests/req_1/feedback")],
)
def test_a_wrong_key_is_unauthorized(stack, method, path):
    assert_error(call(stack, method, path, {"text": "a"}, key="wrong"), "unauthorized")


def test_an_answered_request_can_be_audited(stack):
    answer = _answered(stack, metadata={"team": "search"})
    response = get(stack, f"/requests/{answer['request_id']}")
    row = response.json()
    assert (response.status_code, row["status"]) == (200, "SUCCEEDED")
    assert row["request_id"] == answer["request_id"]
    assert row["usage"] == answer["usage"]
    assert row["decision"]["candidates"][0]["model"] == answer["routing"]["selected_model"]
    assert row["policy_version"] == answer["routing"]["policy_version"]
    assert row["price_version"] == answer["usage"]["price_version"]
    [attempt] = row["attempts"]
    assert attempt["usage"]["output_tokens"] == answer["usage"]["output_tokens"]
    assert attempt["cost_usd"] == answer["usage"]["total_cost_usd"] == 0
    assert attempt["simulated_cost_usd"] == answer["usage"]["simulated_cost_usd"] > 0
    assert attempt["elapsed_ms"] >= 0
    assert not {"day", "expires_at", "prompt", "feedback"} & row.keys()
    assert TEXT not in response.text


def test_a_failed_request_can_be_audited_but_not_graded(stack):
    failed = _failed(stack)
    path = f"/requests/{failed['request_id']}"
    row = get(stack, path).json()
    assert (row["status"], row["error"]["code"]) == ("FAILED", "all_providers_failed")
    assert [one["outcome"] for one in row["attempts"]] == ["ProviderAuthFailed"]
    error = assert_error(post(stack, f"{path}/feedback", {"thumbs": "up"}), "invalid_request")
    assert error["message"] == "There is no answer to grade."


def test_a_job_can_be_audited_and_graded_as_well(stack):
    told = post(stack, "/jobs", {"task": "chat", "text": TEXT}).json()
    path = f"/requests/{told['execution_id']}"
    eventually(lambda: get(stack, path).status_code != 404, 60)
    assert get(stack, path).json()["mode"] == "async"
    assert post(stack, f"{path}/feedback", {"thumbs": "down"}).status_code == 200


def test_a_grade_stays_with_its_request_until_the_next(stack):
    answer = _answered(stack)
    path = f"/requests/{answer['request_id']}"
    first = post(stack, f"{path}/feedback", {"thumbs": "up", "comment": "Très bien 👍"})
    assert (first.status_code, first.json()["feedback"]["score"]) == (200, 1)
    assert get(stack, path).json()["feedback"] == first.json()["feedback"]
    second = post(stack, f"{path}/feedback", {"score": 0.35}).json()
    assert get(stack, path).json()["feedback"] == second["feedback"]
    assert second["feedback"].keys() == {"score", "created_at"}


@pytest.mark.parametrize("request_id", ["req_none", "nothing", "%27", "req_" + "a" * 3000])
def test_an_unknown_request_is_not_found(stack, request_id):
    assert_error(get(stack, f"/requests/{request_id}"), "not_found")
    graded = post(stack, f"/requests/{request_id}/feedback", {"thumbs": "up"})
    assert_error(graded, "not_found")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"score": 2}, "score"),
        ({"thumbs": "sideways"}, "thumbs"),
        ({"score": 1, "thumbs": "up"}, "body"),
        ({"thumbs": "up", "comment": "c" * 1001}, "comment"),
        ({"thumbs": "up", "stars": 5}, "stars"),
    ],
    ids=str,
)
def test_a_bad_grade_is_refused_by_field(stack, body, field):
    error = assert_error(post(stack, "/requests/req_1/feedback", body), "invalid_request")
    assert [one["field"] for one in error["details"]] == [field]


def test_the_list_of_models_tells_how_each_has_done_lately(stack):
    _answered(stack, task="sentiment", model="local-sentiment", text="What a wonderful day.")

    def listed():
        return {one["id"]: one["health"] for one in get(stack, "/models").json()["data"]}

    assert eventually(lambda: listed()["local-sentiment"]["recent_attempts"]) > 0
    models = listed()
    assert models["local-sentiment"]["mean_latency_ms"] >= 0
    for health in models.values():
        assert health.keys() == {"availability", "circuit", "recent_attempts", "mean_latency_ms"}
        assert 0 <= health["availability"] <= 1
        assert health["circuit"] in {"closed", "half_open", "open"}
    # The simulator answers for all others, which says nothing of them.
    assert models["gpt-4o"]["recent_attempts"] == 0


def test_twenty_dry_runs_at_once_all_decide(stack):
    body = {"task": "chat", "text": TEXT}
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: post(stack, "/route", body), range(20)))
    assert {answer.status_code for answer in answers} == {200}
    decisions = {json.dumps(answer.json()["routing"], sort_keys=True) for answer in answers}
    assert len(decisions) == 1
