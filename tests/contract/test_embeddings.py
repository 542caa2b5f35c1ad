"""Vectors by the real SDKs: from simulated providers that are not ours, and from a Bedrock that answers as told."""

import base64
import json
import struct
import threading
from datetime import date

import pytest

from functions.invoke_provider.called_model import called_model
from functions.invoke_provider.credentials import Credentials
from functions.invoke_provider.providers.base import EmbeddingAdapter
from functions.invoke_provider.providers.bedrock import BedrockProvider
from functions.invoke_provider.providers.openai import OpenAIProvider
from functions.shared import errors
from functions.shared.catalogue.models import load_catalogue
from functions.shared.catalogue.pricing import cost_nano_usd
from functions.shared.contracts.embedding import EmbeddingRequest, packed, unpacked
from functions.shared.vocabulary import Usage
from local.faults.aimock import journal, serving
from tests.support.bedrock_server import Server, http_response, refusal, session
from tests.support.builders import profile
from tests.support.exchange import Keys

SMALL, TITAN, COHERE = "text-embedding-3-small", "bedrock-titan-embed-text-v2", "bedrock-cohere-embed-v4"
TODAY = date(2026, 11, 27)
FIXTURES = [
    {"match": {"inputText": "throttled"}, "response": {"error": {"message": "No.", "type": "rate_limit_error"}, "status": 429}},
    {"match": {"inputText": "known"}, "response": {"embedding": [0.5, -0.25, 0.125]}},
]  # fmt: skip


def _model(model_id):
    return called_model(model_id, profile("embedding"))


def _request(*inputs, **more):
    return EmbeddingRequest.model_validate(
        {"input": list(inputs), "family": "any", **more}
    )


@pytest.fixture(scope="module")
def mock(tmp_path_factory):
    with serving(FIXTURES, tmp_path_factory.mktemp("vectors")) as url:
        yield url


@pytest.fixture
def openai(mock):
    return OpenAIProvider(Keys(Credentials(api_key="sk-test", base_url=f"{mock}/v1")))


def test_openai_is_asked_once_for_packed_vectors_and_its_bill_is_the_journals(mock, openai):
    asked = _request("known", "known as well")
    made = openai.embed(asked, _model(SMALL), 10)
    assert [unpacked(one) for one in made.vectors] == [[0.5, -0.25, 0.125]] * 2
    sent = journal(mock)[-1]
    assert sent["body"]["encoding_format"] == "base64"
    assert sent["body"]["input"] == ["known", "known as well"]
