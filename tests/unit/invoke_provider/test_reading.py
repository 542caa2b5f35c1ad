import json
import re
from typing import get_args

import botocore.session
import pytest
from anthropic.types import StopReason
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat.chat_completion import Choice
from openai.types.responses import ResponseStatus
from openai.types.responses.response import IncompleteDetails

from functions.invoke_provider.providers import chat_completions, converse, messages, responses
from functions.invoke_provider.providers.openai_errors import ERRORS
from functions.invoke_provider.providers.reading import _CUT, _FILTERED, _WHOLE
from functions.shared.contracts.request import GenerateRequest
from functions.shared.errors import ContentFiltered, ProviderBadResponse
from functions.shared.vocabulary import Usage

REQUEST = GenerateRequest(text="a")
PAID = Usage(input_tokens=10, output_tokens=2)
MADE = re.compile(r"call_[0-9a-f]{24}")
HALF = "\ud83d"


def _chat(text, calls, ended):
    told = [{"type": "function", "id": one[0], "function": _named(one)} for one in calls]
    choice = {"message": {"content": text, "tool_calls": told}, "finish_reason": ended}
    usage = {"prompt_tokens": 10, "completion_tokens": 2}
    return chat_completions.completion_of(_body({"choices": [choice], "usage": usage}), "openai")


def _responses(text, calls, ended):
    said = {"type": "message", "content": [{"type": "output_text", "text": text}]}
    told = [{"type": "function_call", "call_id": one[0], **_named(one)} for one in calls]
    usage = {"input_tokens": 10, "output_tokens": 2}
    cut = {"max_output_tokens", "content_filter", "steered"}
    how = {"status": ended}
    if ended in cut:
        how = {"status": "incomplete", "incomplete_details": {"reason": ended}}
    answer = {"output": ([said] if text else []) + told, "usage": usage, **how}
    return responses.completion_of(_body(answer), ERRORS)


def _messages(text, calls, ended):
    said = [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": text}]
    told = [{"type": "tool_use", "id": one[0], "name": one[1], "input": one[2]} for one in calls]
    usage = {"input_tokens": 10, "output_tokens": 2}
    answer = {"content": said[: 2 if text else 1] + told, "stop_reason": ended, "usage": usage}
    return messages.completion_of(_body(answer))


def _converse(text, calls, ended):
    said = [{"reasoningContent": {"redactedContent": b"\xff"}}, {"text": text}]
    told = [{"toolUse": {"toolUseId": one[0], "name": one[1], "input": one[2]}} for one in calls]
    answer = {
        "output": {"message": {"content": said[: 2 if text else 1] + told}},
        "stopReason": ended,
        "usage": {"inputTokens": 10, "outputTokens": 2},
    }
    return converse.completion_of(answer)


def _named(call):
    return {"name": call[1], "arguments": call[2]}


def _body(answer):
    return json.dumps(answer).encode()


INTERFACES = {
    "chat": _chat,
    "responses": _responses,
    "messages": _messages,
    "converse": _converse,
}
every_interface = pytest.mark.parametrize("interface", INTERFACES)

WHOLE = {
    "chat": ["stop", "tool_calls", "function_call", "STOP", "eos", None, ""],
    "responses": ["completed", None],
    "messages": ["end_turn", "stop_sequence", "tool_use", None],
    "converse": ["end_turn", "stop_sequence", "tool_use"],
}
CUT = {
    "chat": ["length", "MAX_TOKENS", "model_length"],
    "responses": ["max_output_tokens", "incomplete"],
    "messages": ["max_tokens", "model_context_window_exceeded"],
    "converse": ["max_tokens", "model_context_window_exceeded"],
}
FILTERED = {
    "chat": ["content_filter", "SAFETY", "PROHIBITED_CONTENT", "content_filter: RECITATION"],
    "responses": ["content_filter"],
    "messages": ["refusal"],
    "converse": ["guardrail_intervened", "content_filtered"],
}
BROKEN = {
    "chat": ["error", "a_new_one", "abort", "function_call_filter: MALFORMED_FUNCTION_CALL"],
    "responses": ["in_progress", "queued", "cancelled", "steered"],
    "messages": ["pause_turn", "a_new_one"],
    "converse": ["malformed_model_output", "malformed_tool_use", "a_new_one"],
}


def cases(words):
    return [(interface, word) for interface in words for word in words[interface]]


def call(name="look", call_id="call_1", arguments=None):
    return (call_id, name, {} if arguments is None else arguments)


def paid_failure(kind, interface, *answer):
    with pytest.raises(kind) as raised:
        INTERFACES[interface](*answer)
    assert (raised.value.billed, raised.value.usage) == ("known", PAID)


@pytest.mark.parametrize(("interface", "word"), cases(WHOLE))
def test_what_an_answer_ends_in_is_what_is_in_it(interface, word):
    read = INTERFACES[interface]
    assert read("Hi", [], word).finish_reason == "stop"
    assert read("Hi", [call()], word).finish_reason == "tool_calls"
    assert read("", [call()], word).finish_reason == "tool_calls"
    for nothing in ("", " \n"):
        paid_failure(ProviderBadResponse, interface, nothing, [], word)


@pytest.mark.parametrize(("interface", "word"), cases(CUT))
def test_a_cut_answer_says_so_also_where_reasoning_took_all_its_tokens(interface, word):
    read = INTERFACES[interface]
    assert (read("Hi", [], word).text, read("Hi", [], word).finish_reason) == ("Hi", "length")
    assert (read("", [], word).text, read("", [], word).finish_reason) == ("", "length")
    assert read("", [call()], word).finish_reason == "length"


@pytest.mark.parametrize(("interface", "word"), cases(FILTERED))
def test_a_filter_of_any_name_is_a_refusal_that_was_paid(interface, word):
    paid_failure(ContentFiltered, interface, "Hi", [], word)


@pytest.mark.parametrize(("interface", "word"), cases(BROKEN))
def test_an_end_that_nobody_knows_is_no_answer_whatever_was_said(interface, word):
    paid_failure(ProviderBadResponse, interface, "Hi", [], word)
    paid_failure(ProviderBadResponse, interface, "", [call()], word)


def _told(kind):
    return {word for part in get_args(kind) for word in (get_args(part) or [part]) if part}


def test_every_end_that_an_sdk_lists_is_known_or_known_to_be_no_answer():
    bedrock = botocore.session.get_session().get_service_model("bedrock-runtime")
    listed = {
        *_told(Choice.model_fields["finish_reason"].annotation),
        *_told(StopReason),
        *_told(ResponseStatus),
        *_told(IncompleteDetails.model_fields["reason"].annotation),
        *getattr(bedrock.shape_for("StopReason"), "enum", []),
    }
    assert {word for word in listed if isinstance(word, str)} - _WHOLE - _CUT - _FILTERED == {
        "cancelled", "failed", "in_progress", "malformed_model_output", "malformed_tool_use",
        "max_messages", "pause_turn", "queued", "steered",
    }  # fmt: skip


@every_interface
def test_ids_that_are_missing_or_twice_there_are_made_and_the_others_kept(interface):
    told = [call(call_id=one) for one in ("call_1", "", None, 7, "call_1", " ")]
    ids = [made.id for made in INTERFACES[interface]("", told, None).tool_calls]
    assert ids[0] == "call_1"
    assert len(set(ids)) == len(told)
    assert all(MADE.fullmatch(one) for one in ids[1:])


@every_interface
@pytest.mark.parametrize(
    ("told", "arguments"),
    [
        ("", "{}"),
        (None, "{}"),
        ("  ", "{}"),
        ("null", "{}"),
        ({}, "{}"),
        ({"q": "ü", "id": 1234567890123456789}, '{"q": "ü", "id": 1234567890123456789}'),
        ('{"q": 1}', '{"q": 1}'),
        ('{"q": "x', '{"q": "x'),
    ],
)
def test_arguments_are_a_text_and_none_are_an_empty_object(interface, told, arguments):
    made = INTERFACES[interface]("", [("call_1", "look", told)], None)
    assert made.tool_calls[0].function.arguments == arguments


@every_interface
@pytest.mark.parametrize("name", ["", None, "no name<|channel|>", 7])
def test_a_call_of_nothing_is_no_answer(interface, name):
    paid_failure(ProviderBadResponse, interface, "", [("call_1", name, {})], None)


def answered(**message):
    choice = {"message": message, "finish_reason": "stop"}
    return chat_completions.completion_of(_body({"choices": [choice]}), "openai")


def test_a_content_of_parts_is_read_and_reasoning_left_out():
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
        {"type": "reasoning", "text": "Hm."},
        {"type": "text", "text": "Hi, "},
        "you",
        {"type": "output_text", "text": "."},
        {"type": "image", "text": 7},
    ]
    assert answered(content=parts).text == "Hi, you."


def test_what_a_model_reasons_is_not_its_answer():
    with pytest.raises(ProviderBadResponse):
        answered(content=None, reasoning_content="The answer is 7.")


def test_a_part_may_hold_the_refusal():
    with pytest.raises(ContentFiltered):
        answered(content=[{"type": "refusal", "refusal": "I can't."}])


def test_the_call_of_an_older_server_is_one_of_todays():
    [made] = answered(function_call={"name": "look", "arguments": '{"q": 1}'}).tool_calls
    assert MADE.fullmatch(made.id)
    assert (made.function.name, made.function.arguments) == ("look", '{"q": 1}')


@every_interface
def test_half_a_surrogate_pair_is_replaced_wherever_it_stands(interface):
    arguments = {"q": HALF} if interface in {"messages", "converse"} else json.dumps({"q": HALF})
    read = INTERFACES[interface](f"cut {HALF}", [(HALF, "look", arguments)], None)
    [made] = read.tool_calls
    assert (read.text, made.id) == ("cut \ufffd", "\ufffd")
    assert json.loads(made.function.arguments) == {"q": "\ufffd"}


texts = st.text(st.characters(exclude_categories=()))


@every_interface
@given(text=texts, call_id=texts, argument=texts)
def test_whatever_is_said_can_be_written_and_stays_as_it_was_where_it_could(
    interface, text, call_id, argument
):
    said = "x" + text
    arguments = {"q": argument}
    told = arguments if interface in {"messages", "converse"} else json.dumps(arguments)
    read = INTERFACES[interface](said, [("x" + call_id, "look", told)], None)
    inner = json.loads(read.tool_calls[0].function.arguments)["q"]
    for before, after in ((said, read.text), (argument, inner)):
        assert _is_valid(after)
        assert after == before or not _is_valid(before)
    assert _is_valid(read.tool_calls[0].id)


def _is_valid(text):
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
