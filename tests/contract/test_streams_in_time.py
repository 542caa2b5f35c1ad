"""No provider is waited for longer than its limits say, whatever it sends meanwhile."""

import time
from typing import Any

import pytest

from functions.invoke_provider.credentials import Credentials
from functions.invoke_provider.providers import azure_openai_errors
from functions.invoke_provider.providers.anthropic import AnthropicProvider
from functions.invoke_provider.providers.bedrock import BedrockProvider
from functions.invoke_provider.providers.openai import OpenAIProvider
from functions.invoke_provider.providers.streaming import Streaming
from functions.shared import errors
from functions.shared.silence_limits import SilenceLimits
from local.faults.streams import EVENTS_OF, FRAMES, SSE, frames, sse
from tests.support.bedrock_server import converse_answer, session
from tests.support.builders import TOOL, called_model, prompt
from tests.support.exchange import KEY, Keys, anthropic_answer, openai_answer, responses_answer
from tests.support.scripted_server import CUT, HANG, serving

CHAT, RESPONSES, MESSAGES, CONVERSE = EVENTS_OF
ATTEMPT_S = 25.0
LIMITS = SilenceLimits(
    first_token_s=0.5,
    between_tokens_s=0.5,
    reasoning_first_token_s=9,
    reasoning_between_tokens_s=9,
)
PING = b": keepalive\n\n"
ANSWERS = {
    CHAT: openai_answer(),
    RESPONSES: responses_answer(),
    MESSAGES: anthropic_answer(),
    CONVERSE: converse_answer(),
}


def keys(url):
    return Keys(Credentials(api_key=KEY, base_url=url))


WIRES: dict[str, tuple[Any, Any]] = {
    "openai": (CHAT, lambda url, how: OpenAIProvider(keys(f"{url}/v1"), streaming=how)),
    "azure_openai": (
        CHAT,
        lambda url, how: OpenAIProvider(
            keys(url), errors=azure_openai_errors.ERRORS, streaming=how
        ),
    ),
    "responses": (RESPONSES, lambda url, how: OpenAIProvider(keys(f"{url}/v1"), streaming=how)),
    "anthropic": (MESSAGES, lambda url, how: AnthropicProvider(keys(url), streaming=how)),
    "bedrock": (CONVERSE, lambda url, how: BedrockProvider(session(), url, how)),
}


@pytest.fixture(scope="module")
def server():
    with serving() as running:
        yield running


class Wire:
    def __init__(self, name, server):
        self.name = name
        self.api, self._connect = WIRES[name]
        self._server = server
        self.is_bedrock = name == "bedrock"

    def events(self, answer=None):
        return list(EVENTS_OF[self.api](answer or ANSWERS[self.api]))

    def bytes_of(self, *events):
        return frames(*events) if self.is_bedrock else sse(*events)

    def begun(self):
        """Up to the first token."""
        events = self.events()
        for at, event in enumerate(events):
            if "Hi" in str(event):
                return events[: at + 1]
        raise AssertionError

    def ping(self):
        """What says that the connection is there, and no more."""
        match self.api:
            case "messages":
                return sse({"type": "ping"})
            case "converse":
                return frames(
                    {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": ""}}}
                )
            case "responses":
                return PING
        return PING + sse({"choices": [{"index": 0, "delta": {"content": ""}}]})

    def ask(self, *script, content_type=None, timeout_s=ATTEMPT_S, on=True, **traits):
        server = self._server
        server.script = script
        server.content_type = content_type or (FRAMES if self.is_bedrock else SSE)
        server.asked.clear()
        server.left.clear()
        provider = self._connect(server.url, Streaming(on, LIMITS))
        asked = called_model("m", api=self.api, **traits)
        return provider.complete(prompt(asked), asked, timeout_s)

    def error(self, *script, timeout_s=ATTEMPT_S, **fields):
        """It comes long before the attempt's time is over."""
        began = time.monotonic()
        with pytest.raises(errors.EngineError) as raised:
            self.ask(*script, timeout_s=timeout_s, **fields)
        assert time.monotonic() - began < timeout_s / 2
        return raised.value


@pytest.fixture(params=WIRES)
def wire(request, server):
    return Wire(request.param, server)


def test_a_stream_over_http_is_an_answer(wire):
    completion = wire.ask(wire.bytes_of(*wire.events()))
    assert (completion.text, completion.usage.total_input_tokens) == ("Hi", 10)


def test_a_stream_that_comes_byte_by_byte_is_an_answer(wire):
    sent = wire.bytes_of(*wire.events())
    assert wire.ask(*(sent[at : at + 1] for at in range(len(sent)))).text == "Hi"


def test_silence_before_the_head_is_left(wire):
    error = wire.error(HANG)
    assert type(error) is errors.ProviderTimeout
    assert (error.made, error.billed) == (None, "assumed")


def test_silence_before_the_first_token_is_left_at_once(wire, server):
    error = wire.error(wire.bytes_of(wire.events()[0]), HANG)
    assert type(error) is errors.ProviderTimeout
    assert server.left.wait(5)


def test_silence_between_tokens_is_left_at_once_and_billed_as_far_as_it_came(wire, server):
    error = wire.error(wire.bytes_of(*wire.begun()), HANG)
    assert type(error) is errors.ProviderTimeout
    assert (error.made, error.billed) == ("Hi", "known")
    assert server.left.wait(5)


def test_pings_and_empty_pieces_are_no_tokens(wire, server):
    pings = [step for _ in range(100) for step in (wire.ping(), 0.1)]
    assert type(wire.error(wire.bytes_of(wire.events()[0]), *pings)) is errors.ProviderTimeout
    assert type(wire.error(wire.bytes_of(*wire.begun()), *pings)) is errors.ProviderTimeout
    assert server.left.wait(5)


def test_a_trickle_of_bytes_is_no_token(wire, server):
    sent = wire.bytes_of(*wire.begun(), *[wire.events()[-1]] * 9)
    bytes_ = [step for at in range(len(sent)) for step in (sent[at : at + 1], 0.1)]
    assert type(wire.error(*bytes_)) is errors.ProviderTimeout
    assert server.left.wait(5)


def test_tokens_that_come_slowly_are_waited_for_until_the_attempt_ends(wire):
    token = wire.bytes_of(wire.begun()[-1])
    tokens = [step for _ in range(100) for step in (0.1, token)]
    began = time.monotonic()
    with pytest.raises(errors.ProviderTimeout) as raised:
        wire.ask(wire.bytes_of(*wire.begun()), *tokens, timeout_s=1.5)
    # Neither the limits, which are shorter, nor a second share.
    assert 1.4 < time.monotonic() - began < 10
    assert len(raised.value.made) > len("HiHiHi")


def test_a_model_that_reasons_may_be_silent_for_longer(wire):
    sent = wire.bytes_of(*wire.events())
    assert wire.ask(0.9, sent, reasoning=True).text == "Hi"
    assert type(wire.error(0.9, sent)) is errors.ProviderTimeout


def test_a_late_stall_of_a_whole_answer_costs_no_second_share(wire):
    body = b'{"x": "'
    began = time.monotonic()
    with pytest.raises(errors.ProviderTimeout):
        wire.ask(body, 3.8, body, HANG, content_type="application/json", timeout_s=4.0, on=False)
    assert time.monotonic() - began < 7.5


@pytest.mark.parametrize("share", [0, 0.1, 0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("ends", [(CUT,), ()], ids=["cut", "ended"])
def test_a_stream_that_is_cut_is_no_answer(wire, share, ends):
    # What follows these two's marks of the end is only the usage.
    events = wire.events()[: {CHAT: 2, CONVERSE: -2}.get(wire.api)]
    sent = wire.bytes_of(*events)
    sent = sent[: int(len(sent) * share)]
    error = wire.error(*([sent] if sent else []), *ends)
    assert type(error) is errors.ProviderUnavailable
    assert not error.repeatable


@pytest.mark.parametrize("name", ["openai", "azure_openai", "bedrock"])
@pytest.mark.parametrize("ends", [(HANG,), (CUT,), ()], ids=["hangs", "cut", "ended"])
def test_an_answer_is_kept_though_its_usage_never_comes(server, name, ends):
    wire = Wire(name, server)
    events = wire.events()[: {CHAT: -2, CONVERSE: -1}[wire.api]]
    completion = wire.ask(wire.bytes_of(*events), *ends)
    assert (completion.text, completion.usage) == ("Hi", None)


def test_a_tools_arguments_may_come_in_one_piece_after_a_while(server):
    wire = Wire("anthropic", server)
    use = {"type": "tool_use", "id": "t1", "name": "f", "input": {"text": "long"}}
    *begun, delta, stop, ended, end = [
        event
        for event in wire.events(anthropic_answer(content=[use], stop_reason="tool_use"))
        if "partial_json" not in str(event) or '{"t' in str(event)
    ]
    delta["delta"]["partial_json"] = '{"text": "long"}'
    completion = wire.ask(wire.bytes_of(*begun), 0.9, wire.bytes_of(delta, stop, ended, end))
    assert completion.tool_calls[0].function.arguments == '{"text": "long"}'


def test_reasoning_that_is_not_shown_is_waited_for(server):
    wire = Wire("responses", server)
    created, reasoning, *rest = wire.events()
    assert reasoning["item"]["type"] == "reasoning"
    sent = wire.bytes_of(created, reasoning)
    assert wire.ask(sent, 0.9, wire.bytes_of(*rest)).text == "Hi"


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("throttlingException", errors.ProviderThrottled),
        ("serviceUnavailableException", errors.ProviderOverloaded),
        ("internalServerException", errors.ProviderUnavailable),
        ("modelStreamErrorException", errors.ProviderUnavailable),
        ("aNewException", errors.ProviderUnavailable),
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_an_exception_in_bedrocks_stream_is_what_it_would_be_in_its_place(
    server, name, error, late
):
    wire = Wire("bedrock", server)
    begun = wire.begun() if late else []
    raised = wire.error(frames(*begun, {name: {"message": "No."}}))
    assert type(raised) is error
    assert raised.made == ("Hi" if late else None)


def test_a_model_that_calls_no_tools_in_a_stream_is_asked_for_a_whole_answer(server):
    server.script, server.content_type = (b"{}",), "application/json"
    provider = BedrockProvider(session(), server.url, Streaming(True, LIMITS))
    asked = called_model("m", api=CONVERSE, streams_tools=False)
    server.paths.clear()
    for asking in (prompt(asked, tools=[TOOL]), prompt(asked)):
        with pytest.raises(errors.ProviderBadResponse):
            provider.complete(asking, asked, 5.0)
    assert [path.rpartition("/")[2] for path in server.paths] == ["converse", "converse-stream"]
