"""A stream that is refused, breaks off, or brings an error."""

import json

import httpx2
import pytest

from functions.shared import errors
from functions.shared.vocabulary import Usage
from local.faults.streams import DONE, EVENTS_OF, SSE, sse
from tests.support.exchange import (
    Exchange,
    anthropic_answer,
    openai_answer,
    raised_by,
    responses_answer,
)

CHAT, RESPONSES, MESSAGES, _ = EVENTS_OF


def chunk(delta, **more):
    return {"choices": [{"index": 0, "delta": delta, **more}]}


STREAM_REFUSALS = {
    "an organisation that is not verified": (
        400,
        "Your organization must be verified to stream this model.",
        "stream",
    ),
    "a server without the option": (422, "stream_options: Extra inputs are not permitted", None),
}


@pytest.mark.parametrize("wire", ["openai", "responses", "azure_openai"])
@pytest.mark.parametrize("name", STREAM_REFUSALS)
def test_who_refuses_streams_is_asked_for_a_whole_answer_from_then_on(wire, name):
    status, message, param = STREAM_REFUSALS[name]
    answer = responses_answer() if wire == "responses" else openai_answer()
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": None}

    asked = []

    def reply(request):
        sent = json.loads(request.content)
        asked.append(sent.get("stream", False))
        if asked[-1]:
            return httpx2.Response(status, json={"error": error})
        return httpx2.Response(200, json=answer)

    exchange = Exchange(wire, reply)
    assert exchange().text == exchange().text == "Hi"
    assert asked == [True, False, False]


def streamed(*events, **headers):
    return httpx2.Response(
        200, content=sse(*events), headers={"content-type": f"{SSE}; charset=utf-8", **headers}
    )


OPENAI_ERROR = {"error": {"message": "No.", "type": "server_error", "code": "server_error"}}
ANTHROPIC_START = next(EVENTS_OF[MESSAGES](anthropic_answer()))


def anthropic_error(kind):
    return {"type": "error", "error": {"type": kind, "message": "No."}}


@pytest.mark.parametrize(
    ("wire", "event", "error"),
    [
        ("openai", OPENAI_ERROR, errors.ProviderUnavailable),
        ("openai", {"error": {"message": "No.", "code": 429}}, errors.ProviderThrottled),
        ("openai", {"error": {"code": "context_length_exceeded"}}, errors.ContextWindowExceeded),
        ("openai", {"error": {"code": "insufficient_quota"}}, errors.ProviderQuotaExhausted),
        ("openai", {"error": "worker died"}, errors.ProviderUnavailable),
        ("azure_openai", {"error": {"code": "content_filter"}}, errors.ContentFiltered),
        (
            "responses",
            {"type": "error", "code": "rate_limit_exceeded", "message": "No.", "param": None},
            errors.ProviderThrottled,
        ),
        ("responses", {"type": "error", "code": None, "message": ""}, errors.ProviderUnavailable),
        ("anthropic", anthropic_error("overloaded_error"), errors.ProviderOverloaded),
        ("anthropic", anthropic_error("rate_limit_error"), errors.ProviderThrottled),
        ("anthropic", anthropic_error("timeout_error"), errors.ProviderTimeout),
        ("anthropic", anthropic_error("api_error"), errors.ProviderUnavailable),
    ],
)
def test_an_error_in_a_stream_is_what_it_would_be_in_its_place(wire, event, error):
    raised = raised_by(Exchange(wire, streamed(event)))
    assert type(raised) is error
    assert raised.made is None


def begun(wire):
    """The first events of an answer, with a token among them."""
    match wire:
        case "responses":
            return list(EVENTS_OF[RESPONSES](responses_answer()))[:5]
        case "anthropic":
            return list(EVENTS_OF[MESSAGES](anthropic_answer()))[:4]
    return list(EVENTS_OF[CHAT](openai_answer()))[:2]


@pytest.mark.parametrize("wire", ["openai", "azure_openai", "responses", "anthropic"])
@pytest.mark.parametrize("ending", [[], [OPENAI_ERROR], ["{"], ["[]"]], ids=str)
def test_an_answer_that_breaks_off_is_billed_as_far_as_it_came(wire, ending):
    error = raised_by(Exchange(wire, streamed(*begun(wire), *ending)))
    expected = (
        errors.ProviderBadResponse if ending in (["{"], ["[]"]) else errors.ProviderUnavailable
    )
    assert type(error) is expected
    assert (error.made, error.billed, error.repeatable) == ("Hi", "known", False)
    assert (error.usage is not None) == (wire == "anthropic")


def test_what_claude_tells_at_its_start_is_billed_where_no_token_came():
    overloaded = anthropic_error("overloaded_error")
    error = raised_by(Exchange("anthropic", streamed(ANTHROPIC_START, overloaded)))
    assert type(error) is errors.ProviderOverloaded
    assert (error.made, error.billed, error.repeatable) == ("", "known", False)
    assert error.usage == Usage(input_tokens=10, output_tokens=1)


@pytest.mark.parametrize("wire", ["openai", "azure_openai", "responses", "anthropic"])
@pytest.mark.parametrize(
    "events",
    [
        [], [{"type": "ping"}], ["1"], [{"choices": 1}], [{"choices": [1]}],
        [{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta"}}],
        [{"type": "response.output_item.done"}],
    ],
    ids=str,
)  # fmt: skip
def test_a_stream_without_an_answer_is_none(wire, events):
    error = raised_by(Exchange(wire, streamed(*events)))
    assert type(error) in (errors.ProviderUnavailable, errors.ProviderBadResponse)
    assert error.billed == "assumed"


def test_no_more_than_so_much_of_a_stream_is_read(monkeypatch):
    monkeypatch.setattr("functions.invoke_provider.providers.http_client.MAX_BODY_BYTES", 400)
    many = [chunk({"content": "words " * 10})] * 9
    error = raised_by(Exchange("openai", streamed(*many, DONE)))
    assert type(error) is errors.ProviderBadResponse
    assert type(raised_by(Exchange("openai", streamed(chunk({"content": "x" * 500}))))) is type(
        error
    )


def test_an_answer_is_whole_with_its_finish_reason_and_its_usage_may_be_missing():
    events = [
        event for event in EVENTS_OF[CHAT](openai_answer()) if event != DONE and event["choices"]
    ]
    completion = Exchange("openai", streamed(*events))()
    assert (completion.text, completion.usage) == ("Hi", None)
