"""What comes back as a stream: event by event, and put together by OpenAI's own client."""

import json
from collections import Counter

import httpx2
import openai
import pytest

from tests.support.native_answers import native_answer, native_call
from tests.unit.openai.test_answers import ASKED, CHAT, CHAT_CUSTOM, CUSTOM, HELLO, RESPONSES

LONG = "Wörter, immer mehr 🙂 " * 60
CALLS = [
    native_call("f", json.dumps({"city": LONG}), "c1"),
    native_call("patch", json.dumps({"input": LONG}), "c2"),
    native_call("f", "{}", "c3"),
]
ANSWERS = {
    "a text": native_answer(result=LONG),
    "no text": native_answer(result=""),
    "calls": native_answer(result="", tool_calls=CALLS, finish_reason="tool_calls"),
    "a text and calls": native_answer(tool_calls=CALLS, finish_reason="tool_calls"),
    "a custom call at the end": native_answer(result="", tool_calls=CALLS[:2]),
    "a text that was cut": native_answer(result=LONG, finish_reason="length"),
}
TOOLS = {"tools": [CHAT_CUSTOM]}


def events(text):
    """The data of each event, and the names of those that have one."""
    blocks = [block for block in text.split("\n\n") if block]
    assert text.endswith("\n\n")
    found = []
    for block in blocks:
        lines = dict(line.split(": ", 1) for line in block.split("\n"))
        found.append((lines.get("event"), lines["data"]))
    return found


def client(text):
    """OpenAI's, for which the network is this stream."""
    headers = {"content-type": "text/event-stream"}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, text=text, headers=headers))
    return openai.OpenAI(
        api_key="k", base_url="http://x/v1", http_client=httpx2.Client(transport=transport)
    )


@pytest.fixture(params=ANSWERS)
def answer(request, machine):
    machine.answers(ANSWERS[request.param])
    return ANSWERS[request.param]


def test_chunks_add_up_to_the_answer(answer, send):
    asked = HELLO | TOOLS | {"stream": True, "stream_options": {"include_usage": True}}
    status, text, headers = send(CHAT, asked)
    assert (status, headers["Content-Type"]) == (200, "text/event-stream; charset=utf-8")
    assert (headers["x-stream-mode"], headers["x-model"]) == ("buffered", "gpt-4o-mini")
    *told, (_, end) = events(text)
    assert (end, {name for name, _ in told}) == ("[DONE]", {None})
    *chunks, usage = [json.loads(data) for _, data in told]
    assert (usage["choices"], usage["usage"]["total_tokens"]) == ([], 19)
    assert {one["id"] for one in [*chunks, usage]} == {"chatcmpl-1-2-3"}
    assert all(one["usage"] is None for one in chunks)
    first, *between, last = [one["choices"][0] for one in chunks]
    assert first["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert (last["delta"], last["finish_reason"]) == ({}, answer["finish_reason"])
    assert all(one["finish_reason"] is None for one in between)
    said = "".join(one["delta"].get("content", "") for one in between)
    assert said == answer["result"]
    assert chunks[-1]["routing"]["request_id"] == "req_1-2-3"


def test_calls_come_in_order_each_begun_before_its_arguments(answer, send):
    _, text, _ = send(CHAT, HELLO | TOOLS | {"stream": True})
    made = {}
    for _, data in events(text)[:-1]:
        for call in json.loads(data)["choices"][0]["delta"].get("tool_calls", []):
            if "id" in call:
                assert call["index"] == len(made)
                made[call["index"]] = call | {"arguments": ""}
            elif call.get("function"):
                made[call["index"]]["arguments"] += call["function"]["arguments"]
    assert [one["id"] for one in made.values()] == [one["id"] for one in answer["tool_calls"]]
    for one, native in zip(made.values(), answer["tool_calls"], strict=True):
        function = native["function"]
        if one["type"] == "custom":
            assert one["custom"] == {"name": "patch", "input": LONG}
        else:
            assert one["function"]["name"] == function["name"]
            assert one["arguments"] == function["arguments"]


def test_usage_comes_only_where_it_is_asked_for(machine, send):
    _, text, _ = send(CHAT, HELLO | {"stream": True})
    chunks = [json.loads(data) for _, data in events(text)[:-1]]
    assert not [one for one in chunks if "usage" in one or not one["choices"]]


def test_the_clients_own_reader_puts_the_chunks_together(machine, send):
    machine.answers(native_answer(tool_calls=[CALLS[0], CALLS[2]], finish_reason="tool_calls"))
    _, text, _ = send(CHAT, HELLO | {"stream": True})
    with client(text).chat.completions.stream(**HELLO) as stream:
        message = stream.get_final_completion().choices[0].message
    assert message.content == "Hello there"
    assert [one.function.arguments for one in message.tool_calls] == [
        one["function"]["arguments"] for one in (CALLS[0], CALLS[2])
    ]


def test_events_add_up_to_the_response(answer, send):
    whole = send(RESPONSES, ASKED | {"tools": [CUSTOM]})[1]
    status, text, headers = send(RESPONSES, ASKED | {"tools": [CUSTOM], "stream": True})
    assert (status, headers["x-stream-mode"]) == (200, "buffered")
    told = events(text)
    bodies = [json.loads(data) for _, data in told]
    assert [name for name, _ in told] == [one["type"] for one in bodies]
    assert [one["sequence_number"] for one in bodies] == list(range(len(bodies)))
    assert [one["type"] for one in bodies[:2]] == ["response.created", "response.in_progress"]
    begun, last = bodies[0]["response"], bodies[-1]
    assert (begun["status"], begun["output"], begun["usage"]) == ("in_progress", [], None)
    assert begun.keys() == whole.keys() - {"routing"}
    assert last["type"] == f"response.{whole['status']}"
    same = {"created_at", "completed_at"}
    assert {name: told for name, told in last["response"].items() if name not in same} == {
        name: told for name, told in whole.items() if name not in same
    }
    done = [one["item"] for one in bodies if one["type"] == "response.output_item.done"]
    assert done == whole["output"]


def test_each_item_is_opened_filled_and_closed_before_the_next(answer, send):
    _, text, _ = send(RESPONSES, ASKED | {"tools": [CUSTOM], "stream": True})
    bodies = [json.loads(data) for _, data in events(text)][2:-1]
    items = [one["output_index"] for one in bodies]
    assert items == sorted(items)
    counts = Counter(one["type"] for one in bodies)
    assert counts["response.output_item.added"] == counts["response.output_item.done"]
    assert counts["response.content_part.added"] == counts["response.output_text.done"]
    for index in set(items):
        own = [one for one in bodies if one["output_index"] == index]
        assert own[0]["type"] == "response.output_item.added"
        assert own[0]["item"]["status"] == "in_progress"
        filled = "".join(one["delta"] for one in own if one["type"].endswith(".delta"))
        item = own[-1]["item"]
        whole = item.get("arguments", item.get("input", ""))
        assert filled == (item["content"][0]["text"] if item["type"] == "message" else whole)


def test_the_clients_own_reader_puts_the_events_together(machine, send):
    machine.answers(native_answer(tool_calls=CALLS, finish_reason="tool_calls"))
    _, text, _ = send(RESPONSES, ASKED | {"tools": [CUSTOM], "stream": True})
    with client(text).responses.stream(**ASKED) as stream:
        response = stream.get_final_response()
    assert response.output_text == "Hello there"
    assert [one.type for one in response.output] == [
        "message", "function_call", "custom_tool_call", "function_call",
    ]  # fmt: skip


def test_an_error_before_the_first_event_is_an_error_and_no_stream(machine, send):
    machine.says = {"status": "TIMED_OUT"}
    for path, body in ((CHAT, HELLO), (RESPONSES, ASKED)):
        status, told, headers = send(path, body | {"stream": True})
        assert (status, told["error"]["code"]) == (504, "deadline_exceeded")
        assert headers["Content-Type"] == "application/json"
