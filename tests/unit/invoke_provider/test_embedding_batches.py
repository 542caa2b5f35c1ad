import threading

import pytest

from functions.invoke_provider.called_model import called_model
from functions.invoke_provider.providers.base import Embedded
from functions.invoke_provider.providers.embedding_batches import AT_ONCE, embedded
from functions.shared.contracts.embedding import EmbeddingRequest
from functions.shared.errors import ProviderOverloaded, ProviderTimeout
from functions.shared.vocabulary import Usage
from tests.support.builders import profile

TITAN, COHERE = "bedrock-titan-embed-text-v2", "bedrock-cohere-embed-english-v3"


def _ask(inputs, _left_s):
    return Embedded(tuple(inputs), Usage(input_tokens=len(inputs)))


def _embedded(ask, inputs, model=TITAN, timeout_s=5.0):
    request = EmbeddingRequest.model_validate({"input": inputs, "family": "any"})
    return embedded(request, called_model(model, profile("embedding")), timeout_s, ask)


def test_a_call_takes_as_many_inputs_as_the_model_and_all_answers_keep_their_order():
    sizes = []

    def ask(inputs, left_s):
        sizes.append(len(inputs))
        return _ask(inputs, left_s)

    texts = [str(number) for number in range(200)]
    made = _embedded(ask, texts, COHERE)
    assert sorted(sizes) == [8, 96, 96]
    assert list(made.vectors) == texts
    assert made.usage == Usage(input_tokens=200)


def test_only_a_few_calls_run_at_once():
    running, most, lock = [0], [0], threading.Lock()
    begun = threading.Barrier(AT_ONCE, timeout=5)

    def ask(inputs, left_s):
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        begun.wait()
        with lock:
            running[0] -= 1
        return _ask(inputs, left_s)

    _embedded(ask, ["a"] * (2 * AT_ONCE))
    assert most == [AT_ONCE]


def test_one_untold_usage_leaves_the_whole_to_be_estimated():
    def ask(inputs, _left_s):
        return Embedded(tuple(inputs), None if inputs == ["a"] else Usage(input_tokens=1))

    assert _embedded(ask, ["a", "b"]).usage is None


def test_what_one_call_may_have_been_billed_stands_beside_what_the_others_told():
    answered = threading.Event()

    def ask(inputs, _left_s):
        if inputs == ["first"]:
            answered.set()
            return Embedded(("v",), Usage(input_tokens=5))
        answered.wait(5)
        raise ProviderTimeout("slow")

    with pytest.raises(ProviderTimeout) as raised:
        _embedded(ask, ["first", "second text"])
    assert raised.value.billed == "known"
    assert raised.value.usage.estimated
    assert raised.value.usage.input_tokens > 5
    assert not raised.value.repeatable


def test_a_refusal_of_all_of_them_bills_nothing():
    def ask(_inputs, _left_s):
        error = ProviderOverloaded("busy")
        error.billed = "none"
        raise error

    with pytest.raises(ProviderOverloaded) as raised:
        _embedded(ask, ["a", "b"])
    assert (raised.value.billed, raised.value.usage) == ("none", None)
