import json

import pytest
from botocore.exceptions import ClientError
from openai.types import CreateEmbeddingResponse

from functions.openai import embeddings
from functions.openai.bodies import Embeddings
from functions.shared.contracts.embedding import packed, unpacked, vectors_that_fit
from tests.support.native_answers import native_answer, native_error

PATH = "/v1/embeddings"
SMALL = "text-embedding-3-small"
TWO = {"model": SMALL, "input": ["a", "b"]}
FIT = vectors_that_fit(1536)


def _answer(told, tokens=3, cost_usd=6e-8, **changes):
    inputs = told["request"]["input"]
    answer = native_answer(request_id=told["request_id"], execution_id=told["request_id"])
    del answer["result"], answer["tool_calls"], answer["finish_reason"]
    answer["routing"] |= {"selected_model": SMALL, "task": "embedding", "prompt_version": "none"}
    answer["usage"] |= {"input_tokens": tokens, "total_cost_usd": cost_usd, "output_tokens": 0}
    vectors = [packed([0.1, -float(number)]) for number, _ in enumerate(inputs)]
    return answer | {"vectors": vectors} | changes


@pytest.fixture
def vectors(machine, monkeypatch):
    """The machine makes a vector for each input it gets, unless `refuses` says what it says instead."""
    refuses = {}

    def start(**told):
        machine.told.append({**told, "input": json.loads(told["input"])})
        refusal = refuses.get(told["name"])
        if isinstance(refusal, list):
            if refusal:
                raise refusal.pop(0)
            refusal = None
        if refusal:
            return {
                "status": "FAILED",
                "error": refusal["error"]["code"],
                "cause": json.dumps(refusal),
            }
        return {"status": "SUCCEEDED", "output": json.dumps(_answer(machine.input))}

    monkeypatch.setattr(machine, "start_sync_execution", start)
    monkeypatch.setattr(embeddings, "_PAUSE_S", 0)
    return refuses


def test_vectors_are_told_as_openai_does_and_read_by_its_own_model(machine, vectors, send):
    status, body, headers = send(PATH, TWO)
    assert status == 200
    told = CreateEmbeddingResponse.model_validate(Embeddings.model_validate(body).model_dump())
    assert [one.embedding for one in told.data] == [[0.100000001, 0.0], [0.100000001, -1.0]]
    assert [one.index for one in told.data] == [0, 1]
    assert (told.model, told.usage.prompt_tokens, told.usage.total_tokens) == (SMALL, 3, 3)
    assert (headers["x-model"], headers["x-cost-usd"]) == (SMALL, "0.00000006")
    assert body["routing"]["request_id"] == "req_1-2-3"


def test_base64_is_the_packed_form_as_it_came(machine, vectors, send):
    _, body, _ = send(PATH, TWO | {"encoding_format": "base64"})
    assert [unpacked(one["embedding"]) for one in body["data"]][1][1] == -1.0


@pytest.mark.parametrize(
    ("sent", "native"),
    [
        ("a", ["a"]),
        ([17, 4], [[17, 4]]),
        (["a", "b"], ["a", "b"]),
        ([[17], [4, 5]], [[17], [4, 5]]),
    ],
)
def test_every_form_of_input_becomes_a_list(machine, vectors, send, sent, native):
    send(PATH, TWO | {"input": sent, "dimensions": 2, "user": "u", "encoding_format": "base64"})
    asked = machine.input
    assert asked["request"] == {"model": SMALL, "input": native, "dimensions": 2, "user": "u"}
    assert (asked["kind"], asked["mode"]) == ("embedding", "sync")


@pytest.mark.parametrize(
    ("model", "native"),
    [
        ("openai/text-embedding-3-small", {"model": SMALL}),
        ("auto:titan-embed-text-v2", {"family": "titan-embed-text-v2"}),
        ("text-embedding-9", {"model": "text-embedding-9"}),
    ],
)
def test_a_model_or_a_family_is_named(machine, vectors, send, model, native):
    send(PATH, TWO | {"model": model})
    assert {name: machine.input["request"].get(name) for name in native} == native


@pytest.mark.parametrize("model", ["auto", "auto:cheap", "auto:"])
def test_auto_alone_is_refused_as_vectors_do_not_compare(machine, vectors, send, model):
    status, body, _ = send(PATH, TWO | {"model": model})
    assert (status, body["error"]["param"]) == (400, "model")
    assert "vectors of different models do not compare" in body["error"]["message"]
    assert machine.told == []


@pytest.mark.parametrize(
    "change",
    [
        {"input": ""}, {"input": []}, {"input": [""]}, {"input": ["a", [1]]}, {"input": [1.5]}, {"input": [[]]},
        {"input": None}, {"input": [True]}, {"dimensions": 0}, {"encoding_format": "int8"},
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_before_anything_is_started(machine, vectors, send, change):
    status, body, _ = send(PATH, TWO | change)
    assert (status, body["error"]["code"]) == (400, "invalid_request")
    assert body["error"]["param"].startswith(next(iter(change)))
    assert machine.told == []


def test_what_nobody_knows_is_ignored_and_listed(machine, vectors, send):
    _, body, headers = send(PATH, TWO | {"prompt_cache": 1})
    assert headers["x-dropped-parameters"] == "prompt_cache"
    assert body["routing"]["dropped_parameters"][0]["parameter"] == "prompt_cache"


def test_many_inputs_are_as_many_executions_as_their_vectors_need(machine, vectors, send):
    inputs = [str(number) for number in range(2 * FIT + 1)]
    status, body, _ = send(PATH, {"model": SMALL, "input": inputs, "encoding_format": "base64"},
                           headers={"Idempotency-Key": "k"})  # fmt: skip
    assert status == 200
    told = sorted((one["input"] for one in machine.told), key=lambda one: one["request_id"])
    assert [one["request_id"] for one in told] == ["req_1-2-3", "req_1-2-3-2", "req_1-2-3-3"]
    assert [one["idempotency_key"] for one in told] == ["k", "k/2", "k/3"]
    assert [text for one in told for text in one["request"]["input"]] == inputs
    assert [one["index"] for one in body["data"]] == list(range(len(inputs)))
    assert body["usage"] == {"prompt_tokens": 9, "total_tokens": 9}
    assert body["routing"]["total_cost_usd"] == 1.8e-7
    assert len({one["deadline_at_ms"] for one in told}) == 1


def test_long_inputs_are_parts_by_their_bytes(machine, vectors, send):
    send(PATH, TWO | {"input": ["a" * 100_000, "b" * 100_000]})
    assert len(machine.told) == 2


def test_a_limit_on_money_is_shared_out_among_the_parts(machine, vectors, send):
    send(PATH, TWO | {"input": ["a" * 100_000, "b" * 100_000], "max_cost_usd": 0.01})
    limits = [one["input"]["request"]["max_cost_usd"] for one in machine.told]
    assert limits == [0.005, 0.005]


def test_the_first_parts_error_is_the_requests_and_no_other_part_begins(machine, vectors, send):
    vectors["req_1-2-3"] = native_error(
        "not_found", details=[{"field": "model", "problem": "no such model"}]
    )
    status, body, headers = send(
        PATH, TWO | {"input": ["a"] * (5 * FIT), "encoding_format": "base64"}
    )
    assert (status, body["error"]["code"]) == (404, "model_not_found")
    assert len(machine.told) == 1
    assert headers["x-should-retry"] == "false"


def test_a_later_parts_error_is_the_requests_and_no_retry_is_to_pay_for_the_others(
    machine, vectors, send
):
    vectors["req_1-2-3-2"] = native_error("service_unavailable")
    status, _, headers = send(PATH, TWO | {"input": ["a"] * (2 * FIT), "encoding_format": "base64"})
    assert (status, headers["x-should-retry"]) == (503, "false")


@pytest.mark.parametrize("header", ["Idempotency-Key", "x-stainless-retry-count"])
def test_a_retry_that_gets_the_answered_parts_unpaid_may_help(machine, vectors, send, header):
    vectors["req_1-2-3-2"] = native_error("service_unavailable")
    body = TWO | {"input": ["a"] * (2 * FIT), "encoding_format": "base64"}
    _, _, headers = send(PATH, body, headers={header: "0"})
    assert headers["x-should-retry"] == "true"


def _throttled():
    return ClientError({"Error": {"Code": "ThrottlingException"}}, "StartSyncExecution")


def test_a_start_that_was_refused_is_tried_again(machine, vectors, send):
    vectors["req_1-2-3"] = [_throttled(), _throttled()]
    assert send(PATH, TWO)[0] == 200
    vectors["req_1-2-3"] = [_throttled() for _ in range(3)]
    assert send(PATH, TWO)[0] == 429


@pytest.mark.parametrize(("encoding", "most"), [("base64", 712), ("float", 239)])
def test_more_vectors_than_an_answer_holds_are_refused_with_how_many_fit(
    machine, vectors, send, encoding, most
):
    status, body, _ = send(PATH, TWO | {"input": ["a"] * 2000, "encoding_format": encoding})
    assert (status, body["error"]["code"]) == (413, "payload_too_large")
    assert f"at most {most} vectors of 1536 dimensions as {encoding}" in body["error"]["message"]
    assert machine.told == []
    assert send(PATH, TWO | {"input": ["a"] * most, "encoding_format": encoding})[0] == 200


def test_no_part_begins_where_no_time_is_left(machine, vectors, send, monkeypatch):
    monkeypatch.setattr(embeddings, "WHOLE_S", 1.0)
    status, body, _ = send(PATH, TWO | {"input": ["a"] * (5 * FIT), "encoding_format": "base64"})
    assert (status, body["error"]["code"]) == (504, "deadline_exceeded")
    assert len(machine.told) == 1
