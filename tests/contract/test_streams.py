"""An answer that is streamed is the answer that comes as a whole."""

import json
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from functions.invoke_provider.providers.chat_completions_stream import ChatAssembly
from functions.invoke_provider.providers.converse_stream import ConverseAssembly
from functions.invoke_provider.providers.http_client import HttpCall
from functions.invoke_provider.providers.messages_stream import MessagesAssembly
from functions.invoke_provider.providers.responses_stream import ResponsesAssembly
from functions.invoke_provider.providers.watched_call import Patience
from functions.shared.vocabulary import Usage
from local.faults.streams import DONE, EVENTS_OF, SSE, sse
from tests.support.bedrock_server import content, converse_answer
from tests.support.builders import TOOL_CALL
from tests.support.exchange import (
    Exchange,
    anthropic_answer,
    openai_answer,
    responses_answer,
)

EMOJI = "a😀b👩‍👩‍👧c"
HALF = "half a pair \ud83d alone"
BIG = 1234567890123456789
ASSEMBLIES: dict[str, Any] = {
    "chat_completions": ChatAssembly,
    "responses": ResponsesAssembly,
    "messages": MessagesAssembly,
    "converse": ConverseAssembly,
}


def chat(*calls, **message):
    made = {"tool_calls": [*calls]} if calls else {}
    finish = "tool_calls" if calls else "stop"
    return openai_answer(
        object="chat.completion", message={"content": None, **message, **made}, finish=finish
    )


def openai_call(number, arguments):
    return TOOL_CALL | {
        "id": f"call_{number}",
        "function": {"name": "f", "arguments": json.dumps(arguments)},
    }


def item(text, **changes):
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"type": "message", "role": "assistant", "content": [part], **changes}


def called(number, arguments):
    """Of Responses."""
    return {"type": "function_call", "call_id": f"c{number}", "name": "f", "arguments": arguments}


def tool_use(number, given):
    return {"type": "tool_use", "id": f"toolu_{number}", "name": "f", "input": given}


def converse_use(number, given):
    return {"toolUse": {"toolUseId": f"t{number}", "name": "f", "input": given}}


REASONED = {"reasoningContent": {"reasoningText": {"text": "Hm. " * 9, "signature": "c2ln"}}}
CHAT, RESPONSES, MESSAGES, CONVERSE = EVENTS_OF
ANSWERS = {
    "text": (CHAT, openai_answer(message={"content": EMOJI}, service_tier="priority", x={"y": [1]})),
    "half a pair": (CHAT, openai_answer(message={"content": HALF})),
    "parallel calls": (CHAT, chat(openai_call(1, {"n": BIG}), openai_call(2, {"t": EMOJI}))),
    "reasoning": (CHAT, chat(content="Yes.", reasoning_content="Let me think. " * 5)),
    "refusal": (CHAT, chat(refusal="I will not.")),
    "filtered": (CHAT, openai_answer(finish="content_filter")),
    "unknown usage": (CHAT, openai_answer(usage={"prompt_tokens": BIG, "odd": {"a": 1.5}})),
    "no usage": (CHAT, {k: v for k, v in openai_answer().items() if k != "usage"}),
    "responses' text": (RESPONSES, responses_answer(service_tier="flex", output=[item(EMOJI)])),
    "responses' calls": (
        RESPONSES,
        responses_answer(output=[called(1, json.dumps({"n": BIG})), called(2, "{}")]),
    ),
    "incomplete response": (
        RESPONSES,
        responses_answer(status="incomplete", incomplete_details={"reason": "content_filter"}),
    ),
    "failed response": (
        RESPONSES,
        responses_answer(status="failed", output=[], error={"code": "server_error"}),
    ),
    "messages' text": (MESSAGES, anthropic_answer(content=[{"type": "text", "text": EMOJI}])),
    "messages' half a pair": (
        MESSAGES,
        anthropic_answer(content=[{"type": "text", "text": HALF}]),
    ),
    "messages' calls": (
        MESSAGES,
        anthropic_answer(
            content=[
                {"type": "text", "text": "I ask."},
                tool_use(1, {"n": BIG, "t": EMOJI}),
                tool_use(2, {}),
            ],
            stop_reason="tool_use",
        ),
    ),
    "thinking": (
        MESSAGES,
        anthropic_answer(
            content=[
                {"type": "thinking", "thinking": "Hm. " * 9, "signature": "c2ln"},
                {"type": "redacted_thinking", "data": "xyz"},
                {"type": "text", "text": "Yes."},
            ]
        ),
    ),
    "messages' refusal": (MESSAGES, anthropic_answer(content=[], stop_reason="refusal")),
    "messages' usage": (
        MESSAGES,
        anthropic_answer(
            usage={
                "input_tokens": BIG, "output_tokens": 7, "service_tier": "batch", "odd": [1],
                "cache_creation": {"ephemeral_1h_input_tokens": 3},
            }
        ),
    ),
    "converse's text": (CONVERSE, converse_answer(EMOJI, serviceTier={"type": "flex"})),
    "converse's half a pair": (CONVERSE, converse_answer(HALF)),
    "converse's calls": (
        CONVERSE,
        content(
            REASONED, {"text": "I ask."}, converse_use(1, {"n": BIG}), converse_use(2, {"t": EMOJI})
        ),
    ),
}  # fmt: skip


def assembled(api, events):
    """As the adapters get it."""
    assembly = ASSEMBLIES[api]()
    if api == "converse":
        for event in events:
            assembly.add(json.loads(json.dumps(event)))
        return assembly.body()
    return read(sse(*events), assembly)


def read(body, assembly, content_type=SSE, chunk=7):
    request = httpx2.Request("POST", "http://provider.test")
    chunks = [body[at : at + chunk] for at in range(0, len(body), chunk)]
    headers = {"content-type": content_type}
    response = httpx2.Response(200, headers=headers, content=iter(chunks), request=request)

    @contextmanager
    def create(**_):
        yield SimpleNamespace(http_response=response)

    return HttpCall(create, {}, Patience.until(5.0), assembly).body()


@pytest.mark.parametrize("name", ANSWERS)
def test_the_pieces_make_the_answer_that_comes_as_a_whole(name):
    api, answer = ANSWERS[name]
    assert assembled(api, EVENTS_OF[api](answer)) == json.loads(json.dumps(answer))


MARKS = {
    CHAT: lambda event: event["choices"][0]["finish_reason"] is not None,
    RESPONSES: lambda event: (
        event.get("response", {}).get("status", "in_progress") != "in_progress"
    ),
    MESSAGES: lambda event: event["type"] == "message_stop",
    CONVERSE: lambda event: "messageStop" in event,
}


@pytest.mark.parametrize("name", ANSWERS)
def test_no_answer_is_whole_before_the_mark_of_its_end(name):
    api, answer = ANSWERS[name]
    assembly = ASSEMBLIES[api]()
    for event in EVENTS_OF[api](answer):
        if MARKS[api](event):
            break
        assembly.add(event)
        assert not assembly.whole
    assembly.add(event)
    assert assembly.whole


def chunk(delta, **more):
    return {"choices": [{"index": 0, "delta": delta, **more}]}


def call_delta(arguments, **told):
    function = {"name": told.pop("name", None), "arguments": arguments}
    return chunk({"tool_calls": [told | {"function": function}]})


END = (chunk({}, finish_reason="tool_calls"), DONE)


@pytest.mark.parametrize(
    "deltas",
    [
        # As Gemini's compatible endpoint has it: whole calls, all at one index.
        [call_delta('{"a":1}', index=0, id="1", name="f"), call_delta("{}", index=0, id="2", name="g")],
        # Without any index, and the name again with each piece.
        [
            call_delta('{"a"', id="1", name="f"),
            call_delta(":1}", id="1", name="f"),
            call_delta("{}", id="2", name="g"),
        ],
        [
            call_delta('{"a"', index=0, id="1", name="f"),
            call_delta("{", index=1, id="2", name="g"),
            call_delta(":1}", index=0),
            call_delta("}", index=1),
        ],
    ],
    ids=["one index", "no index", "interleaved"],
)  # fmt: skip
def test_the_calls_of_servers_that_number_them_otherwise_are_told_apart(deltas):
    body = assembled(CHAT, [*deltas, *END])
    calls = body["choices"][0]["message"]["tool_calls"]
    assert [(call["id"], call["function"]) for call in calls] == [
        ("1", {"name": "f", "arguments": '{"a":1}'}),
        ("2", {"name": "g", "arguments": "{}"}),
    ]


def test_the_last_usage_counts_where_every_chunk_tells_one():
    told = [chunk({"content": "Hi"}) | {"usage": {"prompt_tokens": 1, "completion_tokens": n}}
            for n in (1, 2)]  # fmt: skip
    assert assembled(CHAT, [*told, *END])["usage"]["completion_tokens"] == 2


def test_content_that_comes_as_parts_stays_in_parts():
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}
    body = assembled(CHAT, [chunk({"content": [thought]}), chunk({"content": "Yes."}), *END])
    content = body["choices"][0]["message"]["content"]
    assert content == [thought, {"type": "text", "text": "Yes."}]


def test_a_response_that_repeats_no_output_at_its_end_has_what_came_before():
    answer = responses_answer(output=[item("Hi")])
    *events, last = EVENTS_OF[RESPONSES](answer)
    last = {**last, "response": answer | {"output": []}}
    assert assembled(RESPONSES, [*events, last]) == answer


def test_a_tools_input_that_was_cut_off_is_what_came_of_it():
    answer = anthropic_answer(content=[tool_use(1, {"a": "long text"})], stop_reason="max_tokens")
    events = [
        event
        for event in EVENTS_OF[MESSAGES](answer)
        if "text" not in str(event.get("delta", {}).get("partial_json"))
        and '"}' not in str(event.get("delta", {}).get("partial_json"))
    ]
    (block,) = assembled(MESSAGES, events)["content"]
    assert "long text".startswith(block["input"]["a"][:4])


@pytest.mark.parametrize(
    ("wire", "answer"),
    [
        ("openai", openai_answer()),
        ("azure_openai", openai_answer()),
        ("responses", responses_answer()),
        ("anthropic", anthropic_answer()),
    ],
)
def test_a_server_that_knows_no_streams_is_read_as_it_answers(wire, answer):
    exchange = Exchange(wire, answer)
    completion = exchange()
    assert exchange.sent["stream"] is True
    assert (completion.text, completion.usage) == ("Hi", Usage(input_tokens=10, output_tokens=2))


def test_only_chat_completions_are_asked_for_the_usage_which_the_others_tell_anyway():
    openai = Exchange("openai", openai_answer())
    openai()
    assert openai.sent["stream_options"] == {"include_usage": True}
    anthropic = Exchange("anthropic", anthropic_answer())
    anthropic()
    assert "stream_options" not in anthropic.sent
