"""Vectors by OpenAI's own client, from the deployed API."""

import json

import openai
import pytest
import requests
from langchain_openai import OpenAIEmbeddings
from pydantic import SecretStr

from functions.shared.contracts.embedding import vectors_that_fit
from tests.conftest import PROJECT
from tests.support.api_calls import eventually, get, openai_post
from tests.support.client_process import CLIENTS_PYTHON, output_of_client
from tests.support.openai_description import problems

pytestmark = pytest.mark.xdist_group("local")

SMALL = "text-embedding-3-small"


@pytest.fixture
def client(stack):
    return openai.OpenAI(api_key=stack.api_key, base_url=stack.base_url, max_retries=0)


def _row(stack, request_id):
    def found():
        record = get(stack, f"/requests/{request_id}")
        return record.json() if record.ok else None

    return eventually(found)


def test_the_official_client_gets_vectors_that_are_in_the_log(stack, client):
    raw = client.embeddings.with_raw_response.create(model=SMALL, input=["one two", "three"])
    made = raw.parse()
    assert [len(one.embedding) for one in made.data] == [1536, 1536]
    row = _row(stack, raw.headers["x-request-id"])
    assert (row["task"], row["model"], row["input_tokens"]) == ("embedding", SMALL, 4)
    assert raw.headers["x-model"] == SMALL
    assert made.usage.prompt_tokens == 4


def test_numbers_come_as_openais_own_description_has_them(stack):
    asked = {"model": SMALL, "input": ["one", "two"], "dimensions": 8, "encoding_format": "float"}
    told = openai_post(stack, "/embeddings", asked)
    assert (told.status_code, problems(told.json(), "CreateEmbeddingResponse")) == (200, [])
    refused = openai_post(stack, "/embeddings", {**asked, "model": "gpt-4o"})
    assert (refused.status_code, problems(refused.json(), "ErrorResponse")) == (400, [])


def test_many_inputs_are_several_rows_and_one_answer(stack, client):
    inputs = [f"text {number}" for number in range(vectors_that_fit(1536) + 1)]
    raw = client.embeddings.with_raw_response.create(model=SMALL, input=inputs)
    made, request_id = raw.parse(), raw.headers["x-request-id"]
    rows = [_row(stack, one) for one in (request_id, f"{request_id}-2")]
    assert len(made.data) == len(inputs)
    assert made.usage.total_tokens == sum(row["input_tokens"] for row in rows)


def test_token_ids_and_a_family_are_understood(client):
    made = client.embeddings.create(model=f"auto:{SMALL}", input=[[9906, 11], [1917]], dimensions=8)
    assert [len(one.embedding) for one in made.data] == [8, 8]
    with pytest.raises(openai.BadRequestError, match="do not compare"):
        client.embeddings.create(model="auto", input="a")


def test_the_same_key_makes_vectors_once(stack):
    asked = {"model": SMALL, "input": "once", "encoding_format": "base64"}
    first, again = (
        openai_post(stack, "/embeddings", asked, headers={"Idempotency-Key": "vectors-1"})
        for _ in range(2)
    )
    assert again.headers["x-idempotent-replay"] == "true"
    assert again.json()["data"] == first.json()["data"]


def test_models_tell_which_vectors_they_make(stack):
    listed = requests.get(
        f"{stack.base_url}/models/{SMALL}", headers={"X-API-Key": stack.api_key}, timeout=60
    ).json()
    assert listed["vectors"] == {
        "family": SMALL, "dimensions": 1536, "other_dimensions": [], "shortens": True, "takes_token_ids": True,
    }  # fmt: skip
    assert listed["tasks"] == ["embedding"]


def test_vectors_are_no_task_of_the_native_routes(stack):
    refused = requests.post(
        f"{stack.base_url}/generate", json={"task": "embedding", "text": "a"},
        headers={"X-API-Key": stack.api_key}, timeout=60,
    )  # fmt: skip
    assert refused.status_code == 400


def test_langchain_gets_vectors_of_many_texts(stack):
    # Of its own it makes tokens of the texts, for which it asks the network.
    embeddings = OpenAIEmbeddings(
        model=SMALL,
        openai_api_base=stack.base_url,
        openai_api_key=SecretStr(stack.api_key),
        dimensions=64,
        check_embedding_ctx_length=False,
        max_retries=0,
    )
    made = embeddings.embed_documents([f"text {number}" for number in range(40)])
    assert [len(one) for one in made] == [64] * 40
    assert embeddings.embed_query("text 7") == pytest.approx(made[7])


def test_llama_index_gets_vectors(stack):
    program = PROJECT / "tests/e2e/llama_index_vectors.py"
    told = output_of_client(CLIENTS_PYTHON, program, BASE_URL=stack.base_url, API_KEY=stack.api_key)
    assert json.loads(told) == [256] * 3
