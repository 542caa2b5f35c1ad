"""Vectors by the real definition and the real handlers, and by OpenAI's own client in front of them."""

import json

import httpx2
import openai as sdk
import pytest

from functions.claim.handler import lambda_handler as claim
from functions.classify.handler import lambda_handler as classify
from functions.invoke_provider.credentials import Credentials
from functions.invoke_provider.handler import lambda_handler as invoke
from functions.invoke_provider.providers.openai import OpenAIProvider
from functions.openai.handler import lambda_handler as door
from functions.record_metrics.handler import lambda_handler as record
from functions.score.handler import lambda_handler as score
from functions.shared.contracts.embedding import packed, unpacked
from functions.shared.contracts.states import json_of
from functions.shared.money.budget_table import BudgetTable
from functions.shared.simulation import FAULTS_VARIABLE
from functions.shared.storage.request_log import RequestLog
from functions.shared.storage.tables import table
from tests.support.door_machines import let_the_door_start
from tests.support.exchange import Keys
from tests.support.gateway_events import answered
from tests.support.held_calls import OWN, limited
from tests.support.machine_in_process import Machine

pytestmark = pytest.mark.usefixtures("functions")

SMALL, AZURE = "text-embedding-3-small", "azure-text-embedding-3-small"
STATES = ["Classify", "Score", "Invoke Provider", "Answered?", "Record Metrics"]
ASKED = {"input": ["one two", "three"], "model": SMALL}


@pytest.fixture
def machine():
    return Machine(invoke, Classify=classify, Claim=claim, Score=score, RecordMetrics=record)


def _input(request=ASKED, request_id="req_1", **told):
    return {
        "request": request, "request_id": request_id, "caller_id": "key-1", "caller": {}, "mode": "sync",
        "idempotency_key": "", "kind": "embedding", **told,
    }  # fmt: skip


def _row(request_id="req_1"):
    return RequestLog("Requests").get(request_id)


def _code(run):
    return run.output["error"]["code"]


def test_vectors_take_the_way_of_every_answer_and_leave_the_same_row(machine):
    run = machine.run(_input())
    assert run.path == STATES
    assert [len(unpacked(one)) for one in run.output["vectors"]] == [1536, 1536]
    row = _row()
    assert (row["task"], row["model"], row["status"]) == ("embedding", SMALL, "SUCCEEDED")
    assert (row["input_tokens"], row["output_tokens"]) == (4, 0)
    # 0.02 USD for a million tokens, to the nano-dollar.
    assert row["simulated_cost_nano_usd"] == 4 * 20
    assert run.output["usage"]["simulated_cost_usd"] == 8e-8
    assert row["profile"]["vectors"]["family"] == SMALL


def test_an_execution_that_tells_no_kind_answers_as_before(machine):
    told = _input({"task": "chat", "text": "Hello"})
    del told["kind"]
    run = machine.run(told)
    assert run.path == STATES
    assert run.output["result"].startswith("[simulated]")


def test_a_native_request_cannot_ask_for_vectors(machine):
    for request in (ASKED, {"task": "embedding", "text": "Hello"}):
        assert _code(machine.run(_input(request, kind="answer"))) == "invalid_request"


def test_a_model_falls_back_to_another_that_makes_the_same_vectors(machine, monkeypatch):
    usual = machine.run(_input()).output["vectors"]
    monkeypatch.setenv(FAULTS_VARIABLE, json.dumps({SMALL: "ProviderThrottled"}))
    run = machine.run(_input(request_id="req_2"))
    assert run.output["routing"]["selected_model"] == AZURE
    assert run.output["vectors"] == usual
    assert [one["model"] for one in _row("req_2")["attempts"]] == [SMALL, AZURE]


def test_no_model_of_other_vectors_is_asked_when_all_of_a_family_fail(machine, monkeypatch):
    monkeypatch.setenv(
        FAULTS_VARIABLE, json.dumps({SMALL: "ModelNotFound", AZURE: "ModelNotFound"})
    )
    run = machine.run(_input())
    assert _code(run) == "all_providers_failed"
    assert {one["model"] for one in _row()["attempts"]} == {SMALL, AZURE}


@pytest.mark.parametrize(
    ("request_", "code", "word"),
    [
        (ASKED | {"model": "gpt-4o"}, "invalid_request", "makes no vectors"),
        (ASKED | {"model": "text-embedding-9"}, "not_found", "no such model"),
        ({"input": ["a"], "family": "none"}, "invalid_request", "no model makes such vectors"),
        (ASKED | {"dimensions": 1537}, "no_eligible_model", "makes no vectors of 1537 dimensions"),
        (ASKED | {"input": ["a"] * 100}, "payload_too_large", "At most 24 vectors of 1536"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said(machine, request_, code, word):
    run = machine.run(_input(request_))
    assert _code(run) == code
    assert word in json.dumps(run.output)
    assert _row()["error_code"] == code


def test_a_caller_without_the_task_or_the_model_may_not_ask(machine):
    for caller in ({"tasks": ["chat"]}, {"models": ["gpt-4o"]}):
        assert _code(machine.run(_input(caller=caller))) == "forbidden"


def test_the_same_vectors_are_given_again_and_cost_nothing(machine):
    asked = ASKED | {"cache_ttl_seconds": 60}
    first = machine.run(_input(asked))
    again = machine.run(_input(asked, request_id="req_2"))
    assert first.path[2] == "Claim"
    assert again.output["vectors"] == first.output["vectors"]
    assert (again.output["cached"], again.output["usage"]["simulated_cost_usd"]) == (True, 0)
    assert (_row("req_2")["cache"], _row("req_2")["task"]) == ("hit", "embedding")


def test_a_key_of_the_callers_makes_vectors_once(machine):
    first = machine.run(_input(idempotency_key="k"))
    again = machine.run(_input(idempotency_key="k", request_id="req_2"))
    assert (again.output["request_id"], again.output["vectors"]) == (
        "req_1",
        first.output["vectors"],
    )
    other = machine.run(_input(ASKED | {"input": ["b"]}, idempotency_key="k", request_id="req_3"))
    assert _code(other) == "idempotency_conflict"


def test_the_most_vectors_of_a_part_fit_into_every_state(machine):
    run = machine.run(_input(ASKED | {"input": ["a"] * 24}))
    assert len(run.output["vectors"]) == 24
    assert len(json.dumps(run.output)) < 262_144


def test_a_deadline_of_whoever_waits_for_several_holds(machine):
    assert _code(machine.run(_input(deadline_at_ms=1))) == "deadline_exceeded"


def test_a_budget_is_charged_for_vectors_what_their_row_says(machine):
    caller = json_of(limited(month_nano_usd=10**9))
    assert machine.run(_input(caller=caller)).path == STATES
    [attempt] = _row()["attempts"]
    budget = BudgetTable(table("Budgets")).read(OWN)
    assert attempt["charged_nano_usd"] == 4 * 20
    assert {budget.committed(name) for name in ("total", "settled")} == {4 * 20}
    assert budget.holds() == []


def test_a_budget_that_does_not_pay_for_vectors_is_402(machine):
    run = machine.run(_input(caller=json_of(limited(month_nano_usd=1))))
    assert _code(run) == "budget_exceeded"
    assert _row()["attempts"] == []


def test_a_bill_is_what_the_provider_counts_to_the_nano_dollar(machine, environment, monkeypatch):
    told = {
        "data": [{"index": number, "embedding": packed([1.0])} for number in range(2)],
        "usage": {"prompt_tokens": 12_345, "total_tokens": 12_345},
    }
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json=told))
    keys = Keys(Credentials(api_key="sk-test"))
    provider = OpenAIProvider(keys, httpx2.Client(transport=transport))
    monkeypatch.setattr("functions.invoke_provider.handler.load_provider", lambda _: provider)
    environment(MOCK_PROVIDERS="never", PROVIDERS_CONFIGURED="openai")
    run = machine.run(_input())
    assert run.output["usage"]["total_cost_usd"] == 0.0002469
    row = _row()
    assert (row["cost_nano_usd"], row["input_tokens"]) == (246_900, 12_345)
    assert row["attempts"][0]["usage"] == {**row["attempts"][0]["usage"], "input_tokens": 12_345}


# OpenAI's own client in front


class _Gateway:
    """Hands a client's calls to the door, whose executions run in this process."""

    def __init__(self, machine):
        self._machine = machine
        self.executions = []

    def start_sync_execution(self, *, name, input, **_):
        run = self._machine.run(json.loads(input))
        self.executions.append(name)
        if run.error:
            return {"status": "FAILED", "error": run.error, "cause": json.dumps(run.output)}
        return {"status": "SUCCEEDED", "output": json.dumps(run.output)}

    def __call__(self, request):
        path = request.url.path.removeprefix("/api")
        told = answered(door, request.method, path, request.content.decode())
        headers = {name: values[0] for name, values in told["multiValueHeaders"].items()}
        return httpx2.Response(told["statusCode"], headers=headers, content=told["body"])


@pytest.fixture
def gateway(machine, monkeypatch):
    made = _Gateway(machine)
    let_the_door_start(made, monkeypatch)
    return made


@pytest.fixture
def client(gateway):
    http_client = httpx2.Client(transport=httpx2.MockTransport(gateway))
    return sdk.OpenAI(
        api_key="k", base_url="http://gateway/api/v1", max_retries=0, http_client=http_client
    )


def test_the_official_client_gets_numbers_of_what_it_asks_packed(client, gateway):
    made = client.embeddings.create(model=SMALL, input=["a", "b"], dimensions=3)
    told = client.embeddings.create(model=SMALL, input="a", dimensions=3, encoding_format="float")
    assert [len(one.embedding) for one in made.data] == [3, 3]
    assert made.data[0].embedding == pytest.approx(told.data[0].embedding)
    assert (made.model, made.usage.total_tokens) == (SMALL, 2)
    assert gateway.executions == ["req_1-2-3"] * 2


def test_the_official_client_gets_hundreds_of_vectors_in_their_order(client, gateway):
    inputs = [f"text {number}" for number in range(100)]
    made = client.embeddings.create(model=SMALL, input=inputs)
    rows = [_row(name) for name in gateway.executions]
    assert len(made.data) == 100
    assert len({row["request_id"] for row in rows}) == 5
    assert made.usage.total_tokens == sum(row["input_tokens"] for row in rows)
    alone = client.embeddings.create(model=SMALL, input=inputs[77])
    assert made.data[77].embedding == alone.data[0].embedding


def test_lists_of_token_ids_are_answered_as_langchain_sends_them(client):
    made = client.embeddings.create(model=SMALL, input=[[9906, 11], [1917]])
    assert (len(made.data), made.usage.prompt_tokens) == (2, 3)
    with pytest.raises(sdk.UnprocessableEntityError, match="no token ids"):
        client.embeddings.create(model="auto:titan-embed-text-v2", input=[[9906]])


def test_errors_are_the_clients_own(client):
    with pytest.raises(sdk.NotFoundError) as raised:
        client.embeddings.create(model="text-embedding-9", input="a")
    assert raised.value.code == "model_not_found"
    with pytest.raises(sdk.BadRequestError, match="do not compare"):
        client.embeddings.create(model="auto", input="a")
