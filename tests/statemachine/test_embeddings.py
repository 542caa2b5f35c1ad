import pytest

from functions.claim.handler import lambda_handler as claim
from functions.classify.handler import lambda_handler as classify
from functions.invoke_provider.handler import lambda_handler as invoke
from functions.record_metrics.handler import lambda_handler as record
from functions.score.handler import lambda_handler as score
from functions.shared.contracts.embedding import unpacked
from tests.support.machine_in_process import Machine

pytestmark = pytest.mark.usefixtures("functions")

CALLER = {"name": "tests"}


@pytest.fixture
def machine():
    return Machine(invoke, Classify=classify, Claim=claim, Score=score, RecordMetrics=record)


def _input(request, request_id="req_1", **told):
    return {
        "request": request, "request_id": request_id, "caller_id": "key-1", "caller": {}, "mode": "sync",
        "idempotency_key": "", "kind": "embedding", **told,
    }  # fmt: skip


def _row(requests_table, request_id="req_1"):
    return requests_table.get_item(Key={"request_id": request_id})["Item"]


def test_vectors_take_the_way_of_every_answer_and_leave_the_same_row(machine, requests_table):
    asked = {"input": ["one two", "three"], "model": "text-embedding-3-small"}
    run = machine.run(_input(asked))
    assert run.path == ["Classify", "Score", "Invoke Provider", "Answered?", "Record Metrics"]
    assert [len(unpacked(one)) for one in run.output["vectors"]] == [1536, 1536]
    row = _row(requests_table)
    assert row["task"] == "embedding"
    assert row["model"] == "text-embedding-3-small"
    assert row["input_tokens"] == 4
    assert row["simulated_cost_nano_usd"] == 4 * 20
    assert run.output["usage"]["simulated_cost_usd"] == 8e-8
