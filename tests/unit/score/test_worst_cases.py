"""The worst case that admits a call is an upper bound of its bill, and near it for ordinary text."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache

import pytest

from functions.classify.profiling import profile_request
from functions.invoke_provider.called_model import called_model
from functions.invoke_provider.prompts import JSON_ONLY, prompt_for
from functions.score.options import options_of
from functions.score.ranking import rank
from functions.shared.catalogue.models import TASKS, load_catalogue
from functions.shared.catalogue.pricing import cost_nano_usd, estimated_nano_usd
from functions.shared.catalogue.token_bounds import INSTRUCTION_BYTES, TokenBound
from functions.shared.catalogue.tokens import call_tokens, count_tokens
from functions.shared.contracts.decision import RoutingContext
from functions.shared.contracts.request import GenerateRequest
from functions.shared.contracts.states import ClassifyInput
from functions.shared.policy.output_limit import output_limit
from functions.shared.policy.routing_policy import load_policy
from functions.shared.prompts import template_of
from functions.shared.settings import ClassifySettings
from functions.shared.vocabulary import Usage
from tests.conftest import PROJECT

SETTINGS = ClassifySettings(SYNC_DEADLINE_MS=26_000, ASYNC_DEADLINE_MS=240_000)
TODAY = datetime.now(UTC).date()
ANY = RoutingContext(mock_providers="always")
TEXTS = [
    json.loads(line)["text"]
    for line in (PROJECT / "local" / "prompts.jsonl").read_text("utf-8").splitlines()
]
ORDINARY = [*TEXTS, "\n\n".join(TEXTS)[:2_000], "\n\n".join(TEXTS)[:8_000]]
# Their answers are short and cost hardly more than what they read.
SHORT_AND_CHEAP = {"bedrock-llama3-8b", "bedrock-llama3-70b", "bedrock-llama3-3-70b"}
JPEG = "data:image/jpeg;base64,/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8U"
TOOL = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "Look something up",
        "parameters": {"type": "object", "properties": {"query": {"type": "string"}}},
    },
}


def profile_of(body):
    event = ClassifyInput(
        request={"task": "chat"} | body,
        request_id="req_1",
        caller_id="key-1",
        mode="sync",
        started_at=datetime.now(UTC).isoformat(),
    )
    return profile_request(event, SETTINGS).profile


def worst_case(model, body):
    pinned = profile_of(body | {"model": model, "fallback": False})
    decided = rank(pinned, load_catalogue(), load_policy("default"), ANY)
    return decided.candidates[0].worst_case_cost_nano_usd


def picture(detail="auto"):
    image = {"type": "image_url", "image_url": {"url": JPEG, "detail": detail}}
    text = {"type": "text", "text": "What is it?"}
    return {"messages": [{"role": "user", "content": [text, image]}], "max_output_tokens": 100}


def said(text, **more):
    return {"text": text, "max_output_tokens": 100} | more


# What such a request was billed, as a provider counts it: model, request, and the tokens of its input
# and output. The counts of texts are of the tokenizers themselves.
BILLED = {
    "a large image on gpt-4o-mini": ("gpt-4o-mini", picture(), 48_169 + 20, 100),
    "12 megapixels at auto on gpt-6-astra": ("gpt-6-astra", picture(), 14_364 + 20, 100),
    "12 megapixels at auto on gpt-6-luna": ("gpt-6-luna", picture(), 14_364 + 20, 100),
    "a photo on opus": ("claude-opus-5-5", picture(), 4_005 + 20, 100),
    "tools on opus": ("claude-opus-5-5", said("Bern?", tools=[TOOL]), 700, 100),
    "Amharic on gpt-4o": ("gpt-4o", said("\u1230\u120b\u121d " * 500), 3_500, 100),
    "base64 on gpt-4o": ("gpt-4o", said("QmFzZTY0IGlzIG5vdCB0ZXh0" * 200), 3_300, 100),
    "letters at random": ("gpt-4o", said("xqzvkjwpfb" * 300), 1_700, 100),
    "rare ideographs": ("gpt-4o", said("\u9f98\u9ea4\u7228" * 500), 4_500, 100),
    "a tier that only the true count reaches": (
        "claude-haiku-5-5", said("x1 " * 33_400), 100_001, 100,
    ),
    "one token on Responses": ("gpt-6.1-sol", said("Hi", max_output_tokens=1), 20, 16),
}  # fmt: skip


@pytest.mark.parametrize("name", BILLED)
def test_no_bill_is_above_the_worst_case_that_admitted_the_call(name):
    model, body, input_tokens, output_tokens = BILLED[name]
    usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
    assert cost_nano_usd(model, usage, TODAY) <= worst_case(model, body)


def test_a_prompt_that_is_written_to_a_cache_costs_no_more_than_the_worst_case():
    body = said("word " * 1_200)
    usage = Usage(cache_write_tokens=1_250, output_tokens=100)
    assert cost_nano_usd("gpt-6-sol", usage, TODAY) <= worst_case("gpt-6-sol", body)


def test_an_image_at_low_detail_is_bounded_by_that():
    assert worst_case("gpt-4o-mini", picture("low")) < worst_case("gpt-4o-mini", picture()) / 5


@cache
def ordinary():
    """Of each text its profile, and the worst case of every model."""
    profiles = [profile_of({"text": text}) for text in ORDINARY]
    policy = load_policy("default")
    options = [options_of(one, load_catalogue(), policy, ANY)[0] for one in profiles]
    worst = [{one.model.id: one.worst_case_nano_usd for one in of_text} for of_text in options]
    return list(zip(profiles, worst, strict=True))


@pytest.mark.parametrize("model", [one.id for one in load_catalogue().for_text if one.quality])
def test_the_worst_case_of_ordinary_text_is_near_what_its_estimate_gives(model):
    known = load_catalogue().get(model)
    most = Decimal("1.4") if model in SHORT_AND_CHEAP else Decimal("1.15")
    if known.provider == "local" or known.is_retired(TODAY):
        return
    for profile, worst in ordinary():
        tokens = call_tokens(profile.input_size, 0, known.tokenizer)
        _, estimated = estimated_nano_usd(
            model,
            input_tokens=tokens,
            output_tokens=1,
            most_input_tokens=tokens,
            most_output_tokens=output_limit(known, profile),
            on=TODAY,
        )
        grown = Decimal(worst[model]) / estimated
        assert 1 <= grown <= most, (tokens, grown)


@pytest.mark.parametrize("tokenizer", ["o200k", "claude"])
@pytest.mark.parametrize("text", ["", "a", " the", "\ud83d", "\U0001f600 the cat, sat."])
def test_no_text_makes_more_tokens_than_bytes(text, tokenizer):
    bound = TokenBound.of(text)
    assert 0 <= bound.tokens(tokenizer) <= len(text.encode("utf-8", "replace"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("the cat sat on", 2),
        (" the cat sat.", 3),
        ("a the's b", 0),
        ("a thee1 b", 0),
        ("a The b", 0),
        ("a  the b", 1),
        ("a the\tb", 0),
        ("a xqzvkj b", 0),
    ],
)
def test_only_whole_words_with_a_blank_before_them_count_as_common(text, words):
    assert TokenBound.of(text).common_words == words


@pytest.mark.parametrize("text", ORDINARY[:40])
def test_an_ordinary_text_is_bounded_by_less_than_its_bytes_and_more_than_its_estimate(text):
    size, bound = profile_of({"text": text}).input_size, TokenBound.of(text)
    assert count_tokens(size, "o200k") * 0.8 <= bound.tokens("o200k") <= len(text.encode())


@pytest.mark.parametrize("task", sorted(TASKS))
def test_the_longest_instruction_is_within_what_is_reckoned_for_it(task):
    _, template = template_of(task)
    body = {"text": "x", "response_format": {"type": "json_object"}}
    asked = GenerateRequest.model_validate(body | {"task": task})
    profile = profile_of(body | {"task": task})
    told = prompt_for(asked, profile, called_model("gpt-4o", profile))
    assert len(told.system.encode()) <= INSTRUCTION_BYTES
    assert len(f"{template}\n\n{JSON_ONLY}".encode()) <= INSTRUCTION_BYTES
