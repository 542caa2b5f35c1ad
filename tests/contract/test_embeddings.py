"""Vectors by the real SDKs: from a simulated provider that is not ours, over a transport that shows what is
sent, and from a Bedrock that answers as it is told."""

import json
import threading
from datetime import date

import httpx2
import pytest

from functions.invoke_provider.called_model import called_model
from functions.invoke_provider.credentials import Credentials
from functions.invoke_provider.providers.base import EmbeddingAdapter
from functions.invoke_provider.providers.bedrock import BedrockProvider
from functions.invoke_provider.providers.openai import OpenAIProvider
from functions.invoke_provider.providers.simulator import Simulator
from functions.shared import errors
from functions.shared.catalogue.pricing import cost_nano_usd
from functions.shared.contracts.embedding import EmbeddingRequest, packed, unpacked
from functions.shared.vocabulary import Usage
from local.faults.aimock import journal, serving
from tests.support.bedrock_server import Server, http_response, refusal, session
from tests.support.builders import profile
from tests.support.exchange import Keys

SMALL, TITAN = "text-embedding-3-small", "bedrock-titan-embed-text-v2"
COHERE, COHERE_V3 = "bedrock-cohere-embed-v4", "bedrock-cohere-embed-english-v3"
TODAY = date(2026, 11, 27)
NO = {"message": "No.", "type": "rate_limit_error", "code": "rate_limit_exceeded"}
FIXTURES = [
    {"match": {"inputText": "throttled"}, "response": {"error": NO, "status": 429}},
    {"match": {"inputText": "known"}, "response": {"embedding": [0.5, -0.25, 0.125]}},
    {"match": {"inputText": "17 4"}, "response": {"embedding": [0.5, 1.0]}},
]


def _model(model_id):
    return called_model(model_id, profile("embedding"))


def _request(*inputs, **more):
    return EmbeddingRequest.model_validate({"input": list(inputs), "family": "any", **more})


def _raised_by(provider, request, model):
    with pytest.raises(errors.EngineError) as raised:
        provider.embed(request, _model(model), 5)
    return raised.value


# OpenAI's interface


@pytest.fixture(scope="module")
def mock(tmp_path_factory):
    with serving(FIXTURES, tmp_path_factory.mktemp("vectors")) as url:
        yield url


@pytest.fixture
def outside(mock):
    return OpenAIProvider(Keys(Credentials(api_key="sk-test", base_url=f"{mock}/v1")))


def test_a_server_that_packs_no_vectors_is_understood(mock, outside):
    made = outside.embed(_request("known", "known, too"), _model(SMALL), 10)
    assert [unpacked(one) for one in made.vectors] == [[0.5, -0.25, 0.125]] * 2
    assert journal(mock)[-1]["body"]["embeddingInput"] == "known known, too"


def test_token_ids_go_out_as_they_came(mock, outside):
    made = outside.embed(_request([17, 4]), _model(SMALL), 10)
    assert unpacked(made.vectors[0]) == [0.5, 1.0]
    assert journal(mock)[-1]["body"]["embeddingInput"] == "17 4"


def test_a_refusal_is_what_the_providers_own_table_says(outside):
    assert isinstance(_raised_by(outside, _request("throttled"), SMALL), errors.ProviderThrottled)


class Wire:
    """Answers with these bodies in turn, and keeps what was sent."""

    def __init__(self, *bodies, status=200):
        self.sent = []
        self._bodies = iter(bodies)
        self._status = status
        client = httpx2.Client(transport=httpx2.MockTransport(self._answer))
        self.provider = OpenAIProvider(Keys(Credentials(api_key="sk-test")), client)

    def _answer(self, request):
        self.sent.append((str(request.url), json.loads(request.content)))
        return httpx2.Response(self._status, json=next(self._bodies))


def _told(*vectors, tokens=7, **usage):
    data = [
        {"object": "embedding", "index": index, "embedding": packed(vector)}
        for index, vector in vectors
    ]
    return {
        "object": "list",
        "data": data,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens} | usage,
    }


def test_openai_is_asked_once_for_packed_vectors_and_bills_what_it_counts():
    wire = Wire(_told((1, [0.0, 2.0]), (0, [1.0, 0.0]), tokens=12_345))
    asked = _request("a", "b", dimensions=2, user="u-1")
    made = wire.provider.embed(asked, _model(SMALL), 5)
    ((url, body),) = wire.sent
    assert url.endswith("/v1/embeddings")
    assert body == {
        "model": SMALL, "input": ["a", "b"], "encoding_format": "base64", "dimensions": 2, "user": "u-1",
    }  # fmt: skip
    assert [unpacked(one) for one in made.vectors] == [[1.0, 0.0], [0.0, 2.0]]
    assert made.usage == Usage(input_tokens=12_345)
    # 0.02 USD for a million: 20 nano-dollars a token.
    assert cost_nano_usd(SMALL, made.usage, TODAY) == 246_900


@pytest.mark.parametrize(
    "body",
    [
        _told((0, [1.0])),
        _told((0, [1.0]), (1, [1.0, 2.0])),
        _told((0, [1.0]), (1, [float("inf")])),
        {"data": [{"index": 0, "embedding": "*"}] * 2, "usage": {"prompt_tokens": 7}},
        {"data": [{"index": 0, "embedding": []}] * 2, "usage": {"prompt_tokens": 7}},
        {"data": [], "usage": {"prompt_tokens": 7}},
        {"usage": {"prompt_tokens": 7}},
    ],
)
def test_vectors_that_are_not_what_was_asked_for_are_a_bad_answer_that_was_paid_for(body):
    error = _raised_by(Wire(body).provider, _request("a", "b"), SMALL)
    assert isinstance(error, errors.ProviderBadResponse)
    assert (error.billed, error.usage) == ("known", Usage(input_tokens=7))


def test_vectors_of_other_dimensions_than_were_asked_for_are_a_bad_answer():
    error = _raised_by(Wire(_told((0, [1.0]))).provider, _request("a", dimensions=2), SMALL)
    assert isinstance(error, errors.ProviderBadResponse)


def test_a_usage_that_is_not_told_costs_nobody_the_vectors():
    body = {"data": _told((0, [1.0]))["data"]}
    assert Wire(body).provider.embed(_request("a"), _model(SMALL), 5).usage is None


# Bedrock


@pytest.fixture(scope="module")
def api():
    with Server() as running:
        threading.Thread(target=running.serve_forever, args=(0.05,), daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def bedrock(api):
    api.received.clear()
    return BedrockProvider(session(), f"http://127.0.0.1:{api.server_port}")


def _says(body, tokens=None):
    headers = {} if tokens is None else {"X-Amzn-Bedrock-Input-Token-Count": tokens}
    return http_response(json.dumps(body).encode(), headers=headers)


def test_titan_is_asked_for_each_text_and_bills_the_sum(api, bedrock):
    api.reply = lambda stream: stream.write(
        _says({"embedding": [0.5] * 256, "inputTextTokenCount": 3})
    )
    made = bedrock.embed(_request("a", "b", "c", dimensions=256), _model(TITAN), 10)
    assert [path for path, _ in api.received] == [
        "/model/amazon.titan-embed-text-v2%3A0/invoke"
    ] * 3
    bodies = sorted((body for _, body in api.received), key=lambda body: body["inputText"])
    assert bodies == [
        {"inputText": text, "normalize": True, "dimensions": 256} for text in ("a", "b", "c")
    ]
    assert made.usage == Usage(input_tokens=9)
    assert len(made.vectors) == 3
    assert cost_nano_usd(TITAN, made.usage, TODAY) == 180


def test_what_titan_answered_is_billed_where_another_text_is_refused(api, bedrock):
    answers = iter([_says({"embedding": [1.0], "inputTextTokenCount": 5}, tokens=5)])
    no = refusal(429, "ThrottlingException", "Too many requests")
    lock = threading.Lock()

    def reply(stream):
        with lock:
            answer = next(answers, no)
        stream.write(answer)

    api.reply = reply
    error = _raised_by(bedrock, _request("a", "b"), TITAN)
    assert isinstance(error, errors.ProviderThrottled)
    assert (error.billed, error.usage) == ("known", Usage(input_tokens=5))


def test_cohere_is_asked_for_all_texts_at_once_and_told_what_for(api, bedrock):
    api.reply = lambda stream: stream.write(
        _says(
            {"embeddings": {"float": [[0.5] * 512] * 2}, "response_type": "embeddings_by_type"}, 11
        )
    )
    asked = _request("a", "b", dimensions=512, input_type="search_query")
    made = bedrock.embed(asked, _model(COHERE), 10)
    ((path, body),) = api.received
    assert path == "/model/us.cohere.embed-v4%3A0/invoke"
    assert body == {
        "texts": ["a", "b"], "input_type": "search_query", "embedding_types": ["float"],
        "truncate": "NONE", "output_dimension": 512,
    }  # fmt: skip
    assert made.usage == Usage(input_tokens=11)
    assert len(unpacked(made.vectors[1])) == 512


def test_cohere_of_old_has_one_number_of_dimensions_and_another_form_of_answer(api, bedrock):
    api.reply = lambda stream: stream.write(_says({"embeddings": [[0.5] * 1024]}))
    made = bedrock.embed(_request("a", dimensions=1024), _model(COHERE_V3), 10)
    assert "output_dimension" not in api.received[0][1]
    assert api.received[0][1]["input_type"] == "search_document"
    assert made.usage is None


def test_bedrocks_refusal_is_what_its_table_says(api, bedrock):
    said = refusal(403, "AccessDeniedException", "You don't have access to the model.")
    api.reply = lambda stream: stream.write(said)
    assert isinstance(_raised_by(bedrock, _request("a"), TITAN), errors.ModelNotFound)


# The simulator


def test_the_simulator_makes_unit_vectors_that_models_of_a_family_share():
    asked = _request("a", "b", dimensions=3)
    of_openai = Simulator().embed(asked, _model(SMALL), 5)
    of_azure = Simulator().embed(asked, _model(f"azure-{SMALL}"), 5)
    of_others = Simulator().embed(asked, _model("text-embedding-3-large"), 5)
    assert of_openai.vectors == of_azure.vectors != of_others.vectors
    for vector in of_openai.vectors:
        assert sum(number**2 for number in unpacked(vector)) == pytest.approx(1, abs=1e-6)
    assert isinstance(Simulator(), EmbeddingAdapter)
