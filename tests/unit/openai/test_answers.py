"""What comes back, whole: as OpenAI's own models read it, and as the document tells it."""

import json

import pytest
from openai.types.chat import ChatCompletion as OpenaiChatCompletion
from openai.types.responses import Response as OpenaiResponse

from functions.openai.bodies import ChatCompletion, OpenaiErrorBody, Response
from functions.shared.contracts.error_body import LONGER_THAN_ANY_WINDOW
from functions.shared.errors import HTTP_STATUS
from tests.support.native_answers import native_answer, native_call, native_error

CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
HELLO = {"model": "auto", "messages": [{"role": "user", "content": "Hello"}]}
ASKED = {"model": "auto", "input": "Hello"}
CUSTOM = {"type": "custom", "name": "patch", "description": "Patches"}
CHAT_CUSTOM = {"type": "custom", "custom": {"name": "patch"}}


def test_a_completion_tells_what_the_native_answer_tells(machine, send):
    status, body, headers = send(CHAT, HELLO)
    assert status == 200
    told = OpenaiChatCompletion.model_validate(ChatCompletion.model_validate(body).model_dump())
    assert (body["id"], body["model"]) == ("chatcmpl-1-2-3", "gpt-4o-mini")
    assert told.choices[0].message.content == "Hello there"
    assert told.choices[0].finish_reason == "stop"
    usage = told.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (12, 7, 19)
    assert usage.prompt_tokens_details.cached_tokens == 4
    assert usage.completion_tokens_details.reasoning_tokens == 3
    assert body["routing"]["total_cost_usd"] == 0.000012345
    facts = {name: headers[name] for name in headers if name.startswith("x-")}
    assert facts == {
        "x-request-id": "req_1-2-3", "x-model": "gpt-4o-mini", "x-provider": "openai",
        "x-cost-usd": "0.000012345", "x-fallbacks": "0",
    }  # fmt: skip


def test_the_machine_is_told_what_the_gateway_would_tell_it(machine, send):
    send(CHAT, HELLO, headers={"Idempotency-Key": "k-1", "x-stainless-retry-count": "2"})
    told = machine.told[0]
    assert (told["stateMachineArn"], told["name"]) == ("arn:generate", "req_1-2-3")
    assert told["input"] == {
        "request": {"messages": HELLO["messages"]},
        "request_id": "req_1-2-3",
        "caller_id": "key-1",
        "caller": told["input"]["caller"],
        "mode": "sync",
        "idempotency_key": "k-1",
        "client_retry_count": 2,
    }


@pytest.mark.parametrize("count", [None, "", "-1", "many", "99999"])
def test_a_client_that_tells_no_count_of_its_calls_has_none(machine, send, count):
    send(CHAT, HELLO, headers={} if count is None else {"x-stainless-retry-count": count})
    assert "client_retry_count" not in machine.input


def test_an_answer_that_is_given_again_says_so(machine, send):
    machine.answers(native_answer(request_id="req_first", execution_id="req_first"))
    _, body, headers = send(CHAT, HELLO)
    assert body["id"] == "chatcmpl-first"
    assert (headers["x-request-id"], headers["x-idempotent-replay"]) == ("req_first", "true")


def test_what_was_dropped_is_listed_once_in_the_header_and_with_reasons_in_the_body(machine, send):
    answer = native_answer()
    answer["routing"]["dropped_parameters"] = [{"parameter": "seed", "reason": "none"}]
    answer["routing"]["fallbacks"] = [
        {"model": "a", "provider": "b", "error": "ProviderTimeout", "elapsed_ms": 1}
    ]
    machine.answers(answer)
    _, body, headers = send(CHAT, HELLO | {"seed": 1, "logprobs": True})
    assert headers["x-dropped-parameters"] == "logprobs, seed"
    assert [one["parameter"] for one in body["routing"]["dropped_parameters"]] == ["logprobs", "seed"]  # fmt: skip
    assert headers["x-fallbacks"] == "1"


def test_calls_of_tools_are_told_each_in_its_own_form(machine, send):
    calls = [native_call("f", "{}", "c1"), native_call("patch", '{"input": "*** Begin"}', "c2")]
    machine.answers(native_answer(result="", tool_calls=calls, finish_reason="tool_calls"))
    _, body, _ = send(CHAT, HELLO | {"tools": [CHAT_CUSTOM]})
    message = ChatCompletion.model_validate(body).choices[0].message
    assert (message.content, body["choices"][0]["finish_reason"]) == (None, "tool_calls")
    assert body["choices"][0]["message"]["tool_calls"] == [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        {"id": "c2", "type": "custom", "custom": {"name": "patch", "input": "*** Begin"}},
    ]
    _, response, _ = send(RESPONSES, ASKED | {"tools": [CUSTOM]})
    Response.model_validate(response)
    kinds = [one.type for one in OpenaiResponse.model_validate(response).output]
    assert kinds == ["function_call", "custom_tool_call"]
    assert response["output"][1]["input"] == "*** Begin"


def test_a_call_of_a_tool_in_a_namespace_names_both(machine, send):
    inner = [{"type": "function", "name": "spawn"}, {"type": "custom", "name": "exec"}]
    tools = [{"type": "namespace", "name": "agents", "tools": inner}]
    calls = [native_call("agents__spawn", "{}"), native_call("agents__exec", '{"input": "ls"}')]
    machine.answers(native_answer(result="", tool_calls=calls))
    for streamed in (False, True):
        _, told, _ = send(RESPONSES, ASKED | {"tools": tools, "stream": streamed})
        last = told.strip().rpartition("data: ")[2] if streamed else "{}"
        output = (json.loads(last)["response"] if streamed else told)["output"]
        Response.model_validate(json.loads(last)["response"] if streamed else told)
        named = [(one["namespace"], one["name"]) for one in output]
        assert named == [("agents", "spawn"), ("agents", "exec")]


@pytest.mark.parametrize("arguments", ["not JSON", "[]", "{}", '{"text": "x"}'])
def test_a_model_that_kept_to_no_schema_is_told_as_it_is(machine, send, arguments):
    machine.answers(native_answer(tool_calls=[native_call("patch", arguments)]))
    _, body, _ = send(CHAT, HELLO | {"tools": [CHAT_CUSTOM]})
    assert body["choices"][0]["message"]["tool_calls"][0]["custom"]["input"] == arguments


def test_a_response_repeats_what_it_was_asked(machine, send):
    tool = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}
    asked = ASKED | {
        "instructions": "Be brief", "max_output_tokens": 90, "temperature": 0.5, "metadata": {"a": "b"},
        "tools": [tool, CUSTOM], "tool_choice": {"type": "custom", "name": "patch"}, "user": "u",
        "text": {"format": {"type": "json_schema", "name": "x", "schema": {"type": "object"}}, "verbosity": "low"},
        "reasoning": {"effort": "low"}, "parallel_tool_calls": False,
    }  # fmt: skip
    status, body, _ = send(RESPONSES, asked)
    assert status == 200
    Response.model_validate(body)
    OpenaiResponse.model_validate(body)
    assert {name: body[name] for name in asked if name not in {"input", "model"}} == {
        **{name: told for name, told in asked.items() if name not in {"input", "model"}},
        "reasoning": {"effort": "low", "summary": None},
    }
    assert (body["id"], body["status"], body["model"]) == ("resp_1-2-3", "completed", "gpt-4o-mini")
    assert body["output"][0]["content"][0]["text"] == "Hello there"
    assert body["usage"]["input_tokens_details"] == {"cached_tokens": 4, "cache_write_tokens": 2}


def test_an_answer_that_was_cut_off_is_incomplete(machine, send):
    machine.answers(native_answer(finish_reason="length"))
    _, body, _ = send(RESPONSES, ASKED)
    assert body["status"] == "incomplete"
    assert body["incomplete_details"] == {"reason": "max_output_tokens"}
    assert (body["completed_at"], body["output"][0]["status"]) == (None, "incomplete")


def test_a_body_of_responses_is_understood_where_cursor_sends_it(machine, send):
    _, body, _ = send(CHAT, {"model": "auto", "input": [{"role": "user", "content": "Hi"}]})
    assert body["object"] == "chat.completion"
    assert machine.input["request"] == {"messages": [{"role": "user", "content": "Hi"}]}
    status, body, _ = send(CHAT, {"model": "auto", "input": "Hi", "background": True})
    assert (status, body["error"]["code"]) == (400, "invalid_request")


TYPES = {
    400: "invalid_request_error", 401: "authentication_error", 402: "insufficient_quota",
    403: "permission_error", 404: "not_found_error", 409: "conflict_error", 413: "invalid_request_error",
    415: "invalid_request_error", 422: "invalid_request_error", 429: "rate_limit_error",
}  # fmt: skip
HELPED = {"request_in_progress", "rate_limited", "service_unavailable"}


@pytest.mark.parametrize("path", [CHAT, RESPONSES])
@pytest.mark.parametrize("code", [one for one in HTTP_STATUS if one != "aborted"])
def test_each_error_says_whether_to_ask_again(machine, send, code, path):
    machine.fails(native_error(code, retry_after_seconds=3 if code == "rate_limited" else 0))
    status, body, headers = send(path, HELLO if path == CHAT else ASKED)
    OpenaiErrorBody.model_validate(body)
    assert status == HTTP_STATUS[code]
    assert body["error"]["type"] == TYPES.get(status, "server_error")
    assert headers["x-should-retry"] == ("true" if code in HELPED else "false")
    assert headers.get("Retry-After") == ("3" if code == "rate_limited" else None)
    assert headers["x-request-id"] == body["request_id"] == "req_1-2-3"


def test_what_failed_everywhere_is_worth_another_try_where_a_provider_said_when(machine, send):
    machine.fails(native_error("all_providers_failed", retry_after_seconds=4))
    _, _, headers = send(CHAT, HELLO)
    assert (headers["x-should-retry"], headers["Retry-After"]) == ("true", "4")


@pytest.mark.parametrize(
    ("path", "field", "param"),
    [
        (CHAT, "max_output_tokens", "max_completion_tokens"),
        (CHAT, "messages.0.content", "messages.0.content"),
        (RESPONSES, "messages.3.content", "input"),
        (RESPONSES, "text", "input"),
        (RESPONSES, "system", "instructions"),
        (RESPONSES, "response_format.json_schema.name", "text.format"),
        (RESPONSES, "max_output_tokens", "max_output_tokens"),
    ],
)
def test_a_field_is_called_what_the_client_calls_it(machine, send, path, field, param):
    details = [{"field": field, "problem": "is wrong"}]
    machine.fails(native_error("invalid_request", "The request is not valid.", details=details))
    _, body, _ = send(path, HELLO if path == CHAT else ASKED)
    assert body["error"]["param"] == param
    assert body["error"]["message"] == f"The request is not valid. {param}: is wrong."


def test_clients_know_a_model_that_is_not_there_and_a_text_that_is_too_long(machine, send):
    meant = [{"field": "model", "problem": 'no such model; did you mean "gpt-5"?'}]
    machine.fails(native_error("not_found", "There is no such model.", details=meant))
    status, body, _ = send(CHAT, HELLO)
    assert (status, body["error"]["code"]) == (404, "model_not_found")
    assert body["error"]["message"].endswith('model: no such model; did you mean "gpt-5"?')
    details = [{"field": "body", "problem": LONGER_THAN_ANY_WINDOW}]
    machine.fails(native_error("invalid_request", details=details))
    _, body, _ = send(CHAT, HELLO)
    assert body["error"]["code"] == "context_length_exceeded"


def test_an_answer_that_is_an_error_is_one(machine, send):
    # A provider's refusal is the output of a machine that has succeeded.
    machine.answers(native_error("content_filtered", "openai refused the request."))
    status, body, _ = send(CHAT, HELLO)
    assert (status, body["error"]["message"]) == (422, "openai refused the request.")


@pytest.mark.parametrize("key", ["", "a b", "x" * 65, "é"])
def test_a_key_that_is_none_is_refused_before_anything_runs(machine, send, key):
    status, body, _ = send(CHAT, HELLO, headers={"Idempotency-Key": key})
    assert (status, body["error"]["param"], machine.told) == (400, "Idempotency-Key", [])


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7", '{"model": ' + "[" * 5000])
def test_a_body_that_is_no_object_is_refused(machine, send, text):
    status, body, headers = send(CHAT, text)
    assert (status, body["error"]["type"]) == (400, "invalid_request_error")
    assert headers["x-should-retry"] == "false"
    assert json.loads(json.dumps(body)) == body
