import base64
import json

import pytest

from functions.shared import errors
from functions.shared.vocabulary import Usage
from tests.support.bedrock_server import content, converse_answer, http_response, raised_by
from tests.support.builders import PARAMETERS, TOOL, TOOL_CALL

AFTER_TWO_TOOLS = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Weather in Bern and Basel?"},
    {"role": "assistant", "content": "I ask.", "tool_calls": [TOOL_CALL, TOOL_CALL | {"id": "c2"}]},
    {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
    {"role": "tool", "tool_call_id": "c2", "content": "rain"},
    {"role": "user", "content": "And tomorrow?"},
]
NO_PARAMETERS = {"type": "object", "properties": {}}
DOTS = {
    "png": b"\x89PNG\r\n\x1a\n a dot",
    "jpeg": b"\xff\xd8\xff a dot",
    "gif": b"GIF89a a dot",
    "webp": b"RIFF\x00\x00\x00\x00WEBP a dot",
}


# What is sent


def test_a_text_is_one_turn_with_the_models_own_limit(sent):
    assert sent(limits={"max_output_tokens": 77}) == {
        "messages": [{"role": "user", "content": [{"text": "Hello?"}]}],
        "inferenceConfig": {"maxTokens": 77},
        "serviceTier": {"type": "default"},
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


@pytest.mark.parametrize("media_type", DOTS)
def test_an_image_is_sent_with_its_format_and_bytes(sent, media_type):
    dot = base64.b64encode(DOTS[media_type]).decode()
    url = f"data:image/{media_type};base64,{dot}"
    parts = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": url, "detail": "low"}},
    ]
    (turn,) = sent(messages=[{"role": "user", "content": parts}])["messages"]
    image = {"format": media_type, "source": {"bytes": dot}}
    assert turn["content"] == [{"text": "What is it?"}, {"image": image}]


def test_an_image_at_an_address_is_for_another_candidate(bedrock_api, converse):
    parts = [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]
    error = raised_by(converse, messages=[{"role": "user", "content": parts}])
    assert type(error) is errors.RequestUnsupported
    assert bedrock_api.received == []


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


def test_a_tool_without_description_and_parameters_has_an_empty_schema(sent):
    bare = {"type": "function", "function": {"name": "now", "description": ""}}
    (tool,) = sent(tools=[bare])["toolConfig"]["tools"]
    assert tool["toolSpec"] == {"name": "now", "inputSchema": {"json": NO_PARAMETERS}}


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
    assert tool["toolSpec"] == {"name": "get_weather", "inputSchema": {"json": NO_PARAMETERS}}


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


def test_a_schema_of_free_names_is_told_in_words(sent):
    schema = {"type": "object", "additionalProperties": {"type": "integer"}}
    form = {"type": "json_schema", "json_schema": {"name": "counts", "schema": schema}}
    body = sent(response_format=form)
    assert "outputConfig" not in body
    assert json.dumps(schema) in body["system"][0]["text"]


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
def test_every_kind_of_model_id_is_one_escaped_part_of_the_path(
    bedrock_api, converse, model_id, path
):
    converse(model=model_id)
    assert bedrock_api.received[0][0] == f"/model/{path}/converse"


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
        ("a_new_reason", errors.ProviderBadResponse),
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


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        {"message": "Hello"},
        converse_answer(output={}),
        converse_answer(output={"message": {"role": "assistant"}}),
        converse_answer(output={"message": {"role": "assistant", "content": "Hi"}}),
        converse_answer(output={"message": []}),
        converse_answer(output={"message": {}, "another": {}}),
        converse_answer(metrics={"latencyMs": "long"}),
        content({"reasoningContent": {"redactedContent": "a"}}),
        content({"toolUse": {"toolUseId": "t", "name": "", "input": {}}}),
    ],
)
def test_an_answer_that_is_not_what_converse_promises_is_a_bad_one(converse, answer):
    reply = http_response(json.dumps(answer).encode())
    assert type(raised_by(converse, reply=reply)) is errors.ProviderBadResponse


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b'{"output": ', b"<html>", b"\xff\xfe", b"null"),
        pytest.param(b"[" * 10_000, id="nested too deeply"),
    ],
)
def test_a_body_that_is_no_json_is_a_bad_answer(converse, body):
    error = raised_by(converse, reply=http_response(body))
    assert type(error) is errors.ProviderBadResponse
