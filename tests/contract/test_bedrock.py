import base64
import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import boto3
import botocore.session
import pytest
from botocore import exceptions
from botocore.credentials import CredentialResolver

from functions.invoke_provider.providers import bedrock
from functions.invoke_provider.providers.bedrock import BedrockProvider
from functions.shared import errors
from functions.shared.pricing import Usage
from functions.shared.settings import InvokeSettings
from tests.aimock import journal
from tests.builders import candidate, prompt

CLAUDE = "global.anthropic.claude-haiku-5-5"
LLAMA = "us.meta.llama3-3-70b-instruct-v1:0"
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {
    "type": "function",
    "function": {"name": "get_weather", "description": "Weather", "parameters": PARAMETERS},
}
TOOL_CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city": "Bern"}'},
}
AFTER_TWO_TOOLS = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Weather in Bern and Basel?"},
    {"role": "assistant", "content": "I ask.", "tool_calls": [TOOL_CALL, TOOL_CALL | {"id": "c2"}]},
    {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
    {"role": "tool", "tool_call_id": "c2", "content": "rain"},
    {"role": "user", "content": "And tomorrow?"},
]
DOT = base64.b64encode(b"a picture of a dot").decode()


def session():
    return boto3.Session("AKIDTEST", "secret-of-the-tests", region_name="us-east-1")


def converse_answer(text="Hi", **changes):
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": text}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 10, "outputTokens": 2, "totalTokens": 12},
        "metrics": {"latencyMs": 300},
        **changes,
    }


def content(*blocks, **changes):
    return converse_answer(
        output={"message": {"role": "assistant", "content": list(blocks)}}, **changes
    )


def http_response(body, status=200, headers=()):
    fields = {"Content-Type": "application/json", "Content-Length": len(body)} | dict(headers)
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} x\r\n{head}\r\n".encode() + body


def refusal(status, code, message, headers=()):
    body = json.dumps({"message": message}).encode()
    kind = {"x-amzn-errortype": f"{code}:http://internal.amazon.com/coral/com.amazon.bedrock/"}
    return http_response(body, status, kind | dict(headers))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.received.append((self.path, json.loads(body)))
        self.close_connection = True
        with suppress(OSError):
            self.server.reply(self.wfile)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        running.received = []
        threading.Thread(target=running.serve_forever, args=(0.05,), daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture(scope="module")
def provider(server):
    return BedrockProvider(session(), f"http://127.0.0.1:{server.server_port}")


@pytest.fixture
def converse(server, provider):
    """Ask with a reply laid ready: an answer's JSON, bytes as they are sent, or what writes them."""
    server.received.clear()

    def ask(reply=None, model=CLAUDE, timeout_s=5.0, limits=None, **fields):
        reply = converse_answer() if reply is None else reply
        if isinstance(reply, dict):
            reply = http_response(json.dumps(reply).encode())
        server.reply = reply if callable(reply) else lambda stream: stream.write(reply)
        asked = candidate(model, api="converse", **limits or {})
        return provider.complete(prompt(asked, **fields), asked, timeout_s)

    return ask


@pytest.fixture
def sent(server, converse):
    """What arrives at Bedrock for a request."""

    def body_of(**fields):
        converse(**fields)
        ((_, body),) = server.received
        return body

    return body_of


def raised_by(converse, **fields):
    with pytest.raises(errors.EngineError) as raised:
        converse(**fields)
    return raised.value


# What is sent


def test_a_text_is_one_turn_with_the_models_own_limit(sent):
    assert sent(limits={"max_output_tokens": 77}) == {
        "messages": [{"role": "user", "content": [{"text": "Hello?"}]}],
        "inferenceConfig": {"maxTokens": 77},
    }


def test_the_conversation_becomes_alternating_turns_with_all_tool_results_in_one(sent):
    body = sent(messages=AFTER_TWO_TOOLS, system="You are kind.", tools=[TOOL])
    assert body["system"] == [{"text": "You are kind.\n\nBe brief."}]
    use = {"name": "get_weather", "input": {"city": "Bern"}}
    assert body["messages"] == [
        {"role": "user", "content": [{"text": "Weather in Bern and Basel?"}]},
        {
            "role": "assistant",
            "content": [
                {"text": "I ask."},
                {"toolUse": {"toolUseId": "call_1", **use}},
                {"toolUse": {"toolUseId": "c2", **use}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"toolResult": {"toolUseId": "call_1", "content": [{"text": "sunny"}]}},
                {"toolResult": {"toolUseId": "c2", "content": [{"text": "rain"}]}},
                {"text": "And tomorrow?"},
            ],
        },
    ]


def test_blank_messages_leave_no_blank_blocks_and_no_turn_twice_in_a_row(sent):
    body = sent(
        messages=[
            {"role": "user", "content": "One."},
            {"role": "assistant", "content": "  ", "tool_call_id": "none"},
            {"role": "user", "content": "Two."},
            {"role": "assistant", "content": " ", "tool_calls": [TOOL_CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": "\n"},
        ],
        tools=[TOOL],
    )
    first, call, result = body["messages"]
    assert first == {"role": "user", "content": [{"text": "One."}, {"text": "Two."}]}
    assert [list(block) for block in call["content"]] == [["toolUse"]]
    assert result["content"] == [{"toolResult": {"toolUseId": "call_1", "content": [{"json": {}}]}}]


@pytest.mark.parametrize("media_type", ["png", "jpeg", "gif", "webp"])
def test_an_image_is_sent_with_its_format_and_bytes(sent, media_type):
    url = f"data:image/{media_type};base64,{DOT}"
    parts = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": url, "detail": "low"}},
    ]
    (turn,) = sent(messages=[{"role": "user", "content": parts}])["messages"]
    image = {"format": media_type, "source": {"bytes": DOT}}
    assert turn["content"] == [{"text": "What is it?"}, {"image": image}]


@pytest.mark.parametrize("url", ["data:image/png;base64,AAAAA", "https://example.com/a.png"])
def test_an_image_that_cannot_be_sent_is_the_callers_error(server, converse, url):
    parts = [{"type": "image_url", "image_url": {"url": url}}]
    error = raised_by(converse, messages=[{"role": "user", "content": parts}])
    assert type(error) is errors.InvalidRequest
    assert error.details[0]["field"] == "messages"
    assert server.received == []


@pytest.mark.parametrize("arguments", ["{", "[]", "1"])
def test_arguments_that_are_no_object_are_the_callers_error(server, converse, arguments):
    broken = TOOL_CALL | {"function": {"name": "get_weather", "arguments": arguments}}
    said = [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [broken]}]
    assert type(raised_by(converse, messages=said)) is errors.InvalidRequest
    assert server.received == []


@pytest.mark.parametrize(("sampling", "temperature"), [(["temperature"], 1.0), ([], None)])
def test_a_temperature_is_sent_as_the_model_takes_it(sent, sampling, temperature):
    limits = {"sampling": sampling, "max_temperature": 1}
    assert sent(temperature=1.5, limits=limits)["inferenceConfig"].get("temperature") == temperature


def test_a_tool_is_declared_with_its_schema(sent):
    assert sent(tools=[TOOL])["toolConfig"] == {
        "tools": [
            {
                "toolSpec": {
                    "name": "get_weather",
                    "description": "Weather",
                    "inputSchema": {"json": PARAMETERS},
                }
            }
        ]
    }


def test_a_tool_without_description_and_parameters_has_an_open_schema(sent):
    bare = {"type": "function", "function": {"name": "now", "description": ""}}
    (tool,) = sent(tools=[bare])["toolConfig"]["tools"]
    assert tool["toolSpec"] == {"name": "now", "inputSchema": {"json": {"type": "object"}}}


@pytest.mark.parametrize(("strict", "told"), [(True, True), (False, None), (None, None)])
def test_strict_is_told_only_where_it_is_wanted(sent, strict, told):
    function = {"name": "now", "parameters": PARAMETERS, "strict": strict}
    (tool,) = sent(tools=[{"type": "function", "function": function}])["toolConfig"]["tools"]
    assert tool["toolSpec"].get("strict") is told


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ("auto", {"auto": {}}),
        ("required", {"any": {}}),
        (
            {"type": "function", "function": {"name": "get_weather"}},
            {"tool": {"name": "get_weather"}},
        ),
    ],
)
def test_the_tool_choice_is_told_in_converses_words(sent, choice, told):
    assert sent(tools=[TOOL], tool_choice=choice)["toolConfig"]["toolChoice"] == told


def test_tools_that_were_called_earlier_are_declared_where_the_request_has_none(sent):
    (tool,) = sent(messages=AFTER_TWO_TOOLS)["toolConfig"]["tools"]
    assert tool["toolSpec"] == {"name": "get_weather", "inputSchema": {"json": {"type": "object"}}}


def test_a_schema_is_sent_as_text_with_every_object_closed_and_limits_in_words(sent):
    schema = {
        "type": "object",
        "properties": {
            "minimum": {"type": "integer", "minimum": 3, "description": "At least."},
            "places": {"type": "array", "minItems": 1, "maxItems": 9, "items": PARAMETERS},
            "either": {"oneOf": [{"type": ["object", "null"]}, {"$ref": "#/$defs/place"}]},
        },
        "$defs": {"place": PARAMETERS},
    }
    form = {"name": "weather", "description": "The weather.", "schema": schema, "strict": True}
    body = sent(response_format={"type": "json_schema", "json_schema": form})
    text_format = body["outputConfig"]["textFormat"]
    assert text_format["type"] == "json_schema"
    told = text_format["structure"]["jsonSchema"]
    place = PARAMETERS | {"additionalProperties": False}
    assert (told["name"], told["description"]) == ("weather", "The weather.")
    assert json.loads(told["schema"]) == {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "minimum": {"type": "integer", "description": 'At least. {"minimum": 3}'},
            "places": {
                "type": "array",
                "minItems": 1,
                "description": '{"maxItems": 9}',
                "items": place,
            },
            "either": {
                "anyOf": [
                    {"type": ["object", "null"], "additionalProperties": False},
                    {"$ref": "#/$defs/place"},
                ]
            },
        },
        "$defs": {"place": place},
    }


def test_a_json_object_is_asked_for_in_words_alone(sent):
    body = sent(response_format={"type": "json_object"})
    assert "JSON object" in body["system"][0]["text"]
    assert "outputConfig" not in body


@pytest.mark.parametrize(
    ("model_id", "path"),
    [
        ("meta.llama3-8b-instruct-v1:0", "meta.llama3-8b-instruct-v1%3A0"),
        ("us.meta.llama3-3-70b-instruct-v1:0", "us.meta.llama3-3-70b-instruct-v1%3A0"),
        ("eu.anthropic.claude-x-v1:0", "eu.anthropic.claude-x-v1%3A0"),
        ("apac.anthropic.claude-x-v1:0", "apac.anthropic.claude-x-v1%3A0"),
        ("global.anthropic.claude-haiku-5-5", "global.anthropic.claude-haiku-5-5"),
        (
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-x-v1:0",
            "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3A"
            "inference-profile%2Fus.anthropic.claude-x-v1%3A0",
        ),
    ],
)
def test_every_kind_of_model_id_is_one_escaped_part_of_the_path(server, converse, model_id, path):
    converse(model=model_id)
    assert server.received[0][0] == f"/model/{path}/converse"


# What comes back


def test_an_answers_text_blocks_are_joined_and_other_blocks_left_out(converse):
    blocks = [
        {"reasoningContent": {"reasoningText": {"text": "hm"}}},
        {"text": "Hi, "},
        {"newKindOfBlock": {"x": 1}},
        {"text": "you."},
    ]
    completion = converse(content(*blocks))
    assert completion.text == "Hi, you."
    assert completion.tool_calls == ()


def test_a_tool_use_becomes_a_call_with_its_arguments_as_text(converse):
    use = {"toolUseId": "tooluse_1", "name": "get_weather", "input": {"city": "Zürich"}}
    bare = {"toolUseId": "tooluse_2", "name": "now", "input": {}}
    completion = converse(content({"toolUse": use}, {"toolUse": bare}, stopReason="tool_use"))
    first, second = completion.tool_calls
    assert (first.id, first.function.name) == ("tooluse_1", "get_weather")
    assert first.function.arguments == '{"city": "Zürich"}'
    assert second.function.arguments == "{}"
    assert completion.finish_reason == "tool_calls"
    assert completion.text == ""


@pytest.mark.parametrize(
    ("told", "finish_reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("a_new_reason", "stop"),
    ],
)
def test_every_end_has_its_finish_reason(converse, told, finish_reason):
    assert converse(converse_answer(stopReason=told)).finish_reason == finish_reason


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ("guardrail_intervened", errors.ContentFiltered),
        ("content_filtered", errors.ContentFiltered),
        ("refusal", errors.ContentFiltered),
        ("malformed_model_output", errors.ProviderBadResponse),
        ("malformed_tool_use", errors.ProviderBadResponse),
    ],
)
def test_an_end_without_an_answer_is_an_error(converse, told, error):
    assert type(raised_by(converse, reply=converse_answer(stopReason=told))) is error


def test_cached_tokens_stand_beside_the_input(converse):
    usage = {
        "inputTokens": 10,
        "outputTokens": 20,
        "totalTokens": 120,
        "cacheReadInputTokens": 60,
        "cacheWriteInputTokens": 30,
    }
    assert converse(converse_answer(usage=usage)).usage == Usage(
        input_tokens=10, cached_input_tokens=60, cache_write_tokens=30, output_tokens=20
    )


@pytest.mark.parametrize("usage", [None, {}, {"inputTokens": -1, "outputTokens": 1}])
def test_an_answer_without_readable_usage_is_kept(converse, usage):
    completion = converse(converse_answer(usage=usage))
    assert (completion.text, completion.usage) == ("Hi", None)


def test_a_fence_around_an_object_is_taken_off_where_one_was_asked_for(converse):
    fenced = converse_answer('```json\n{"a": 1}\n```')
    assert converse(fenced, response_format={"type": "json_object"}).text == '{"a": 1}'
    assert converse(fenced).text.startswith("```")


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        {"message": "Hello"},
        converse_answer(output={}),
        converse_answer(output={"message": {"role": "assistant"}}),
        converse_answer(output={"message": {"role": "assistant", "content": "Hi"}}),
        content({"toolUse": {"name": "now", "input": {}}}),
        content({"toolUse": {"toolUseId": "t", "name": "", "input": {}}}),
        content({"toolUse": {"toolUseId": "t", "name": "now", "input": "city"}}),
    ],
)
def test_an_answer_that_is_not_what_converse_promises_is_a_bad_one(converse, answer):
    reply = http_response(json.dumps(answer).encode())
    assert type(raised_by(converse, reply=reply)) is errors.ProviderBadResponse


@pytest.mark.parametrize("body", [b"", b'{"output": ', b"<html>", b"\xff\xfe", b"null"])
def test_a_body_that_is_no_json_is_a_bad_answer(converse, body):
    error = raised_by(converse, reply=http_response(body))
    assert type(error) is errors.ProviderBadResponse


# What fails

REFUSALS = {
    (429, "ThrottlingException", errors.ProviderThrottled): [
        "Too many requests, please wait before trying again.",
        "Too many tokens, please wait before trying again.",
    ],
    (429, "ThrottlingException", errors.ProviderQuotaExhausted): [
        "Too many tokens per day, please wait before trying again.",
    ],
    (400, "ServiceQuotaExceededException", errors.ProviderQuotaExhausted): [
        "Your request exceeds the service quota for your account.",
    ],
    (503, "ServiceUnavailableException", errors.ProviderOverloaded): [
        "Bedrock is unable to process your request.",
    ],
    (429, "ModelNotReadyException", errors.ProviderOverloaded): [
        "The model specified in the request is not ready to serve inference requests.",
    ],
    (408, "ModelTimeoutException", errors.ProviderTimeout): [
        "The request took too long to process. Processing time exceeded the model timeout length.",
    ],
    (424, "ModelErrorException", errors.ProviderUnavailable): [
        "The request failed due to an error while processing the model.",
    ],
    (500, "InternalServerException", errors.ProviderUnavailable): [
        "The system encountered an unexpected error during processing. Try your request again.",
    ],
    (418, "TeapotException", errors.ProviderUnavailable): ["Short and stout."],
    (403, "UnrecognizedClientException", errors.ProviderAuthFailed): [
        "The security token included in the request is invalid.",
    ],
    (403, "ExpiredTokenException", errors.ProviderAuthFailed): [
        "The security token included in the request is expired",
    ],
    (403, "InvalidSignatureException", errors.ProviderAuthFailed): [
        "The request signature we calculated does not match the signature you provided.",
    ],
    (400, "IncompleteSignature", errors.ProviderAuthFailed): ["It does not conform."],
    (400, "NotAuthorized", errors.ProviderAuthFailed): ["You do not have permission."],
    (400, "RequestExpired", errors.ProviderAuthFailed): ["The request is no longer valid."],
    (403, "AccessDeniedException", errors.ProviderAuthFailed): [
        "Your account is not authorized to invoke this API operation.",
    ],
    (400, "ValidationException", errors.ProviderAuthFailed): [
        "Your account is not authorized to invoke this API operation.",
        "Operation not allowed",
    ],
    (403, "AccessDeniedException", errors.ModelNotFound): [
        "You don't have access to the model with the specified model ID.",
        "Model access is denied due to INVALID_PAYMENT_INSTRUMENT:A valid payment instrument must "
        "be provided.. Your AWS Marketplace subscription for this model cannot be completed.",
        "User: arn:aws:sts::123456789012:assumed-role/r/f is not authorized to perform: "
        "bedrock:InvokeModel on resource: arn:aws:bedrock:us-east-1::foundation-model/m "
        "because no identity-based policy allows the bedrock:InvokeModel action",
    ],
    (404, "ResourceNotFoundException", errors.ModelNotFound): [
        "This model version has reached the end of its life. Please refer to the AWS "
        "documentation for more details.",
        "Access denied. This Model is marked by provider as Legacy and you have not been actively "
        "using the model in the last 30 days. Please upgrade to an active model on Amazon Bedrock",
        "Model use case details have not been submitted for this account.",
    ],
    (400, "ValidationException", errors.ModelNotFound): [
        "The provided model identifier is invalid.",
        "This model version has reached the end of its life.",
        "Invocation of model ID anthropic.claude-x with on-demand throughput isn’t supported. "
        "Retry your request with the ID or ARN of an inference profile that contains this model.",
        "This action doesn't support the model that you provided. Try again with a supported text "
        "or chat model.",
        "Access to Anthropic models is not allowed from unsupported countries, regions, or "
        "territories.",
    ],
    (400, "ValidationException", errors.ContextWindowExceeded): [
        "Input is too long for requested model.",
        "The model returned the following errors: prompt is too long: 200049 tokens > 200000 "
        "maximum",
        "The model returned the following errors: input length and `max_tokens` exceed context "
        "limit: 199000 + 8192 > 200000, decrease input length or `max_tokens` and try again",
        "The model returned the following errors: too many total text bytes: 10000000 > 9000000",
        "This model's maximum context length is 8192 tokens. Please reduce the length of the "
        "prompt",
        "400 Bad Request: Too many input tokens. Max input tokens: 8192, request input token "
        "count: 9279",
    ],
    (400, "ValidationException", errors.InvalidRequest): [
        "The maximum tokens you requested exceeds the model limit of 4096.",
        "A conversation must start with a user message. Try again with a conversation that "
        "starts with a user message.",
    ],
}
"""What Bedrock says, under what it means."""
EVERY_REFUSAL = [(meant, text) for meant, texts in REFUSALS.items() for text in texts]


@pytest.mark.parametrize(("meant", "text"), EVERY_REFUSAL)
def test_every_known_refusal_has_its_class(server, converse, meant, text):
    status, code, error = meant
    assert type(raised_by(converse, reply=refusal(status, code, text))) is error
    assert len(server.received) == 1


def test_a_code_may_stand_in_the_body_alone(converse):
    body = json.dumps({"__type": "com.amazon.bedrock#ModelNotReadyException", "message": "Wait"})
    error = raised_by(converse, reply=http_response(body.encode(), 429))
    assert type(error) is errors.ProviderOverloaded


@pytest.mark.parametrize(
    ("status", "error"),
    [(502, errors.ProviderUnavailable), (503, errors.ProviderOverloaded)],
)
def test_a_page_in_place_of_a_refusal_goes_by_its_status(converse, status, error):
    assert type(raised_by(converse, reply=http_response(b"<html>Bad", status))) is error


def test_a_refused_request_tells_bedrocks_reason(converse):
    reason = "The value at toolConfig.tools.0.member.toolSpec.name must be shorter"
    error = raised_by(converse, reply=refusal(400, "ValidationException", reason))
    assert reason in error.message


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500])
def test_no_failure_repeats_a_key_or_a_long_quote(converse, status):
    told = f"Bearer bedrock-api-key-0123456789 may not say '{'my secret diary ' * 20}'"
    error = raised_by(converse, reply=refusal(status, "SomeException", told))
    assert "0123456789" not in str(error)
    assert "diary" not in str(error)


def test_a_refusal_names_bedrocks_code(converse):
    error = raised_by(converse, reply=refusal(429, "ThrottlingException", "Too many requests"))
    assert error.message == "bedrock answered 429 ThrottlingException"


def test_a_wait_is_taken_up_where_one_is_told(converse):
    reply = refusal(429, "ThrottlingException", "Too many requests", {"Retry-After": "7"})
    assert raised_by(converse, reply=reply).retry_after_seconds == 7


def hang(stream):
    time.sleep(2)
    stream.write(http_response(json.dumps(converse_answer()).encode()))


def trickle(stream):
    body = json.dumps(converse_answer()).encode()
    head = http_response(body)[: -len(body)]
    stream.write(head)
    for byte in body[:40]:
        time.sleep(0.1)
        stream.write(bytes([byte]))


@pytest.mark.parametrize("reply", [hang, trickle])
def test_neither_silence_nor_a_trickle_outlasts_the_timeout(converse, reply):
    began = time.monotonic()
    error = raised_by(converse, reply=reply, timeout_s=0.5)
    assert type(error) is errors.ProviderTimeout
    assert time.monotonic() - began < 1.2


def test_a_slow_answer_within_the_timeout_is_an_answer(converse):
    def answer_late(stream):
        time.sleep(0.3)
        stream.write(http_response(json.dumps(converse_answer()).encode()))

    assert converse(answer_late, timeout_s=5.0).text == "Hi"


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 x\r\nContent-Length: 100\r\n\r\n{"])
def test_a_connection_that_breaks_off_is_an_unavailable_provider(server, converse, start):
    error = raised_by(converse, reply=start)
    assert type(error) is errors.ProviderUnavailable
    assert len(server.received) == 1


def test_nobody_listening_is_an_unavailable_provider():
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        with pytest.raises(errors.ProviderUnavailable):
            ask(BedrockProvider(session(), address))


@pytest.mark.parametrize(
    "error", [exceptions.ConnectTimeoutError, exceptions.SSLError, exceptions.HTTPClientError]
)
def test_no_connection_is_an_unavailable_provider_and_no_timeout(error):
    known = bedrock.engine_error(error(endpoint_url="https://bedrock.test", error="x"))
    assert type(known) is errors.ProviderUnavailable


def ask(provider, timeout_s=5.0, model=CLAUDE):
    asked = candidate(model, api="converse")
    return provider.complete(prompt(asked), asked, timeout_s)


def test_without_credentials_nothing_is_sent(server):
    server.received.clear()
    core = botocore.session.Session()
    core.register_component("credential_provider", CredentialResolver([]))
    bare = boto3.Session(botocore_session=core, region_name="us-east-1")
    with pytest.raises(errors.ProviderAuthFailed):
        ask(BedrockProvider(bare, f"http://127.0.0.1:{server.server_port}"))
    assert server.received == []


# Against a simulator that is not ours


@pytest.fixture(scope="module")
def simulated(aimock):
    provider = BedrockProvider(session(), aimock)
    return lambda model, **fields: ask(provider, model=model, **fields)


def test_the_simulators_text_comes_with_its_tokens(simulated):
    completion = simulated("answers")
    assert (completion.text, completion.finish_reason) == ("Hello, you.", "stop")
    assert completion.usage == Usage(input_tokens=12, output_tokens=7)


def test_the_simulators_tool_call_comes_in_the_contracts_form(simulated):
    completion = simulated("calls-a-tool")
    (made,) = completion.tool_calls
    assert json.loads(made.function.arguments) == {"city": "Bern"}
    assert completion.finish_reason == "tool_calls"


def test_the_simulators_cut_off_answer_says_so(simulated):
    assert simulated("is-cut-off").finish_reason == "length"


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("throttles", errors.ProviderThrottled),
        ("rejects-the-key", errors.ProviderAuthFailed),
        ("forbids", errors.ProviderAuthFailed),
        ("is-gone", errors.ModelNotFound),
        ("is-picky", errors.InvalidRequest),
        ("breaks", errors.ProviderUnavailable),
        ("is-overloaded", errors.ProviderOverloaded),
        ("is-unavailable", errors.ProviderOverloaded),
        ("babbles", errors.ProviderBadResponse),
        ("hangs-up", errors.ProviderUnavailable),
    ],
)
def test_the_simulators_failures_go_by_their_status(simulated, aimock, model, error):
    before = calls_of(aimock, model)
    with pytest.raises(errors.EngineError) as raised:
        simulated(model)
    assert type(raised.value) is error
    assert calls_of(aimock, model) == before + 1


def calls_of(aimock, model):
    paths = [entry["path"] for entry in journal(aimock)]
    return paths.count(f"/model/{model}/converse")


# How it is connected


@pytest.mark.parametrize("told", [{}, {"BEDROCK_ENDPOINT_URL": ""}])
def test_without_an_address_aws_is_asked(monkeypatch, told):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    made = []
    monkeypatch.setattr(
        bedrock.boto3, "Session", lambda: SimpleNamespace(client=lambda *_, **k: recorded(made, k))
    )
    bedrock.connect(InvokeSettings.model_validate({"PROVIDER": "bedrock"} | told))
    assert [keywords["endpoint_url"] for keywords in made] == [None]


def recorded(made, keywords):
    made.append(keywords)
    return SimpleNamespace(close=lambda: None)


def test_a_set_address_is_asked_in_awss_place(server, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDTEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-tests")
    server.reply = lambda stream: stream.write(
        http_response(json.dumps(converse_answer()).encode())
    )
    address = f"http://127.0.0.1:{server.server_port}"
    settings = InvokeSettings(PROVIDER="bedrock", BEDROCK_ENDPOINT_URL=address)
    assert ask(bedrock.connect(settings)).text == "Hi"


def test_the_adapter_needs_no_other_providers_libraries():
    script = (
        "import sys, functions.invoke_provider.providers.bedrock\n"
        "print({'openai', 'anthropic', 'httpx2'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=os.environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
