"""What decides the price of a call, as it is asked for and as it is told, over each SDK."""

import httpx2
import pytest

from functions.invoke_provider.providers.converse import request_body
from functions.invoke_provider.providers.converse_usage import usage_in
from functions.shared.errors import AnswerUnfit, ContentFiltered, EngineError, ProviderBadResponse
from functions.shared.vocabulary import Usage
from tests.support.builders import called_model, prompt
from tests.support.exchange import (
    Exchange,
    anthropic_answer,
    openai_answer,
    responses_answer,
)

OPENAIS = {"openai": openai_answer, "responses": responses_answer, "azure_openai": openai_answer}
IN, OUT = 10, 2


def openai_usage(interface, **changes):
    """In the words of the interface."""
    names = ("input", "output") if interface == "responses" else ("prompt", "completion")
    told = {f"{names[0]}_tokens": IN, f"{names[1]}_tokens": OUT, "total_tokens": IN + OUT}
    details = changes.pop("details", None)
    return told | changes | ({f"{names[0]}_tokens_details": details} if details else {})


@pytest.mark.parametrize("interface", OPENAIS)
@pytest.mark.parametrize("writes", [False, True])
def test_openai_is_asked_for_its_standard_tier_and_to_write_no_cache(interface, writes):
    exchange = Exchange(interface, OPENAIS[interface](), implicit_cache_writes=writes)
    exchange()
    assert exchange.sent["service_tier"] == "default"
    assert exchange.sent.get("prompt_cache_options") == ({"mode": "explicit"} if writes else None)


@pytest.mark.parametrize("geo", [False, True])
def test_claude_is_asked_for_the_standard_tier_and_to_run_anywhere(geo):
    exchange = Exchange("anthropic", anthropic_answer(), inference_geo=geo)
    exchange()
    assert exchange.sent["service_tier"] == "standard_only"
    assert exchange.sent.get("inference_geo") == ("global" if geo else None)


def test_bedrock_is_asked_for_its_standard_tier():
    model = called_model(api="converse")
    assert request_body(prompt(model), model)["serviceTier"] == {"type": "default"}


@pytest.mark.parametrize("interface", OPENAIS)
@pytest.mark.parametrize(
    ("told", "tier"),
    [
        ("default", "standard"), ("priority", "priority"), ("fast", "priority"),
        ("flex", "flex"), ("scale", "standard"), (None, "standard"), (7, "standard"),
    ],
)  # fmt: skip
def test_the_tier_that_openai_names_is_the_one_that_is_billed(interface, told, tier):
    usage = Exchange(interface, OPENAIS[interface](service_tier=told))().usage
    assert usage == Usage(input_tokens=IN, output_tokens=OUT, tier=tier)


@pytest.mark.parametrize("interface", OPENAIS)
def test_openais_cached_and_written_tokens_are_parts_of_its_input(interface):
    writes = {"ttl_12h_tokens": 2, "ttl_30m_tokens": 1}
    details = {
        "cached_tokens": 4, "cache_write_tokens": 3, "cache_write_tokens_details": writes,
    }  # fmt: skip
    answer = OPENAIS[interface](usage=openai_usage(interface, details=details))
    assert Exchange(interface, answer)().usage == Usage(
        input_tokens=3,
        cached_input_tokens=4,
        cache_write_tokens=1,
        long_cache_write_tokens=2,
        output_tokens=OUT,
    )


@pytest.mark.parametrize("interface", OPENAIS)
def test_a_total_over_the_sum_is_output_that_was_not_told_apart(interface):
    answer = OPENAIS[interface](usage=openai_usage(interface, total_tokens=42))
    usage = Exchange(interface, answer)().usage
    assert usage == Usage(input_tokens=IN, output_tokens=32, estimated=True)


UNTRUE = [
    None, {}, [], "no",
    {"prompt_tokens": -1}, {"prompt_tokens": "ten"}, {"prompt_tokens": True},
    {"prompt_tokens": 1.5}, {"prompt_tokens": None}, {"completion_tokens": None},
    {"prompt_tokens_details": {"cached_tokens": 11}},
    {"prompt_tokens_details": {"cached_tokens": 6, "cache_write_tokens": 5}},
]  # fmt: skip


@pytest.mark.parametrize("told", UNTRUE, ids=repr)
def test_a_usage_of_openai_that_cannot_be_true_is_none_and_the_answer_is_kept(told):
    usage = openai_usage("openai") | told if isinstance(told, dict) and told else told
    completion = Exchange("openai", openai_answer(usage=usage))()
    assert (completion.text, completion.usage) == ("Hi", None)


@pytest.mark.parametrize(
    "told",
    [
        {"prompt_tokens": "10"}, {"prompt_tokens": 10.0}, {"total_tokens": "x"},
        {"prompt_tokens_details": {"cached_tokens": "many"}},
        {"completion_tokens_details": {"reasoning_tokens": -3}},
    ],
    ids=repr,
)  # fmt: skip
def test_a_usage_of_openai_that_is_told_oddly_is_read_and_counts_as_estimated(told):
    usage = Exchange("openai", openai_answer(usage=openai_usage("openai") | told))().usage
    assert usage == Usage(input_tokens=IN, output_tokens=OUT, estimated=True)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"inference_geo": "us"}, {"inference_geo": "us"}),
        ({"inference_geo": "global"}, {}),
        ({"inference_geo": 7}, {}),
        ({"speed": "fast"}, {"tier": "fast"}),
        ({"service_tier": "batch"}, {"tier": "batch"}),
        ({"service_tier": "priority"}, {}),
        ({"cache_creation_input_tokens": 5}, {"cache_write_tokens": 5}),
        (
            {
                "cache_creation_input_tokens": 5,
                "cache_creation": {"ephemeral_1h_input_tokens": 3, "ephemeral_5m_input_tokens": 2},
            },
            {"cache_write_tokens": 2, "long_cache_write_tokens": 3},
        ),
    ],
    ids=str,
)
def test_what_claude_says_of_its_price_is_read(told, expected):
    usage = {"input_tokens": IN, "output_tokens": OUT} | told
    completion = Exchange("anthropic", anthropic_answer(usage=usage))()
    assert completion.usage == Usage(input_tokens=IN, output_tokens=OUT, **expected)


@pytest.mark.parametrize(
    "told",
    [
        {"input_tokens": "ten"}, {"output_tokens": -2}, {"cache_read_input_tokens": "all"},
        {"cache_creation_input_tokens": True},
    ],
    ids=str,
)  # fmt: skip
def test_an_unreadable_count_of_claude_makes_the_whole_usage_unknown(told):
    usage = {"input_tokens": IN, "output_tokens": OUT} | told
    completion = Exchange("anthropic", anthropic_answer(usage=usage))()
    assert (completion.text, completion.usage) == ("Hi", None)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, {}),
        ({"serviceTier": {"type": "priority"}}, {"tier": "priority"}),
        ({"serviceTier": {"type": "reserved"}}, {}),
        ({"serviceTier": "x"}, {}),
    ],
    ids=str,
)
def test_the_tier_that_bedrock_names_is_the_one_that_is_billed(told, expected):
    answer = {"usage": {"inputTokens": IN, "outputTokens": OUT}} | told
    assert usage_in(answer) == Usage(input_tokens=IN, output_tokens=OUT, **expected)


def test_what_bedrock_wrote_to_its_cache_for_an_hour_is_told_apart():
    details = [{"ttl": "1h", "inputTokens": 3}, {"ttl": "5m", "inputTokens": 2}]
    told = {"inputTokens": IN, "outputTokens": OUT, "cacheWriteInputTokens": 5}
    usage = usage_in({"usage": told | {"cacheDetails": details}})
    assert usage == Usage(
        input_tokens=IN, output_tokens=OUT, cache_write_tokens=2, long_cache_write_tokens=3
    )


PAID = Usage(input_tokens=IN, output_tokens=OUT)
NAMELESS = [{"type": "tool_use", "id": "1", "input": {}}]
USELESS = {
    "a refusal of openai": ("openai", openai_answer(message={"refusal": "No."}), ContentFiltered),
    "a filter of openai": ("openai", openai_answer(finish="content_filter"), ContentFiltered),
    "no choice": ("openai", openai_answer(choices=[]), ProviderBadResponse),
    "a call without a name": (
        "openai",
        openai_answer(message={"tool_calls": [{"id": "1", "function": {"name": ""}}]}),
        ProviderBadResponse,
    ),
    "a failed response": (
        "responses",
        responses_answer(status="failed", error={"code": "server_error"}),
        EngineError,
    ),
    "a filtered response": (
        "responses",
        responses_answer(status="incomplete", incomplete_details={"reason": "content_filter"}),
        ContentFiltered,
    ),
    "a refusal of claude": ("anthropic", anthropic_answer(stop_reason="refusal"), ContentFiltered),
    "no content": ("anthropic", anthropic_answer(content="x"), ProviderBadResponse),
    "a call of nothing": ("anthropic", anthropic_answer(content=NAMELESS), ProviderBadResponse),
    "an end that nobody knows": ("openai", openai_answer(finish="error"), ProviderBadResponse),
    "nothing said": ("openai", openai_answer(message={"content": ""}), ProviderBadResponse),
    "reasoning alone": ("responses", responses_answer(output=[]), ProviderBadResponse),
}


@pytest.mark.parametrize("name", USELESS)
def test_an_answer_that_is_of_no_use_was_paid_for_all_the_same(name):
    interface, answer, error = USELESS[name]
    with pytest.raises(error) as raised:
        Exchange(interface, answer)()
    assert (raised.value.billed, raised.value.usage) == ("known", PAID)
    assert not isinstance(raised.value, AnswerUnfit)


@pytest.mark.parametrize("interface", ["openai", "responses", "anthropic"])
@pytest.mark.parametrize("body", [b"<html>Sign in</html>", b"{", b"[]", b"null", b'{"id": 1}'])
def test_an_answer_that_cannot_be_read_at_all_may_have_been_billed(interface, body):
    with pytest.raises(ProviderBadResponse) as raised:
        Exchange(interface, httpx2.Response(200, content=body))()
    assert (raised.value.billed, raised.value.usage) == ("assumed", None)
