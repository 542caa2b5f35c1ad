"""What providers answer a request with 400 for, as their documentation and their own errors say it.

Each interface has one function: the problem of a body, or "" where it is taken. They know nothing of how
our bodies are made.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

Body = dict[str, Any]

IMAGE_HEADS = {
    "png": b"\x89PNG", "jpeg": b"\xff\xd8\xff", "gif": b"GIF8", "webp": b"RIFF",
}  # fmt: skip

_NO_PREFILL = re.compile(r"(opus|sonnet)-4-[6-9]|(opus|sonnet|haiku|fable)-5")
"""platform.claude.com/docs/en/about-claude/models/whats-new-claude-4-6#prefill-removal"""


def problem_of(api: str, body: Body) -> str:
    rules = {
        "chat_completions": _of_chat,
        "responses": _of_responses,
        "messages": _of_messages,
        "converse": _of_converse,
    }[api]
    return next(rules(body), "")


# OpenAI


def _of_chat(body: Body) -> Iterator[str]:
    """developers.openai.com/api/reference/resources/chat, and the errors that it gives."""
    if not body["messages"]:
        yield "Invalid 'messages': empty array"
    yield from _of_chat_calls(body["messages"])
    for message in body["messages"]:
        if message["role"] == "assistant" and not (message.keys() & {"tool_calls", "content"}):
            yield "an assistant message needs content or tool_calls"
        if message["role"] == "tool" and "content" not in message:
            yield "Missing required parameter: content"
        for part in message["content"] if isinstance(message.get("content"), list) else ():
            yield from _of_data_url(part.get("image_url", {}).get("url", ""))
    for tool in body.get("tools") or ():
        yield from _of_openai_function(tool["function"])
    yield from _of_openai_form((body.get("response_format") or {}).get("json_schema"))
    # github.com/BerriAI/litellm/pull/34569
    effort = body.get("reasoning_effort")
    if body["model"].startswith(("gpt-5.6", "gpt-6")) and body.get("tools") and effort != "none":
        yield "Function tools with reasoning_effort are not supported in /v1/chat/completions"
    yield from _of_sampling(body)


def _of_chat_calls(messages: list[Body]) -> Iterator[str]:
    open_calls: set[str] = set()
    for message in [*messages, {"role": "end"}]:
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                yield "messages with role 'tool' must be a response to a preceding tool_calls"
            open_calls -= {message["tool_call_id"]}
            continue
        if open_calls:
            yield "tool_call_ids did not have response messages"
        open_calls = {call["id"] for call in message.get("tool_calls") or ()}
        # string_above_max_length
        if any(len(one) > 40 for one in open_calls):
            yield "tool_calls.id: string too long"


def _of_responses(body: Body) -> Iterator[str]:
    """developers.openai.com/api/reference/resources/responses"""
    if not body["input"]:
        yield "One of input, previous_response_id, prompt or conversation must be provided"
    if body["max_output_tokens"] < 16:
        yield "integer_below_min_value"
    yield from _of_responses_calls(body["input"])
    for item in body["input"]:
        if "role" in item and not item["content"]:
            yield "empty content"
        for part in item["content"] if isinstance(item.get("content"), list) else ():
            yield from _of_data_url(part.get("image_url", ""))
    for tool in body.get("tools") or ():
        yield from _of_openai_function(tool)
    yield from _of_openai_form((body.get("text") or {}).get("format"))
    yield from _of_sampling(body)


def _of_responses_calls(items: list[Body]) -> Iterator[str]:
    called = [item["call_id"] for item in items if item.get("type") == "function_call"]
    results = [item for item in items if item.get("type") == "function_call_output"]
    answered = {item["call_id"] for item in results}
    if any(len(one) > 64 for one in called):
        yield "call_id: string too long"
    if any("output" not in item for item in results):
        yield "Missing required parameter: output"
    if answered - set(called):
        yield "No tool call found for function call output"
    if set(called) - answered:
        yield "No tool output found for function call"


def _of_openai_function(function: Body) -> Iterator[str]:
    """developers.openai.com/api/docs/guides/function-calling; code `invalid_function_parameters`."""
    parameters = function.get("parameters")
    if parameters is None:
        return
    yield from _of_openai_root(parameters)
    if "properties" not in parameters:
        yield "object schema missing properties"
    # github.com/digitalocean-labs/mcp-digitalocean/issues/265
    for one, _ in _schemas_in(parameters, 1):
        if one.get("type") == "array" and "items" not in one:
            yield "array schema missing items"
    if function.get("strict"):
        yield from _of_strict(parameters)


def _of_openai_form(form: Body | None) -> Iterator[str]:
    if form is None or "schema" not in form:
        return
    yield from _of_openai_root(form["schema"])
    if form.get("strict"):
        yield from _of_strict(form["schema"])


def _of_openai_root(schema: Body) -> Iterator[str]:
    """github.com/langchain-ai/langchainjs/issues/9804"""
    if schema.get("type") != "object":
        yield "schema must be a JSON Schema of 'type: \"object\"'"
    if schema.keys() & {"oneOf", "anyOf", "allOf", "enum", "const", "not"}:
        yield "schema must not have 'oneOf'/'anyOf'/'allOf'/'enum'/'const'/'not' at the top level"


def _of_strict(schema: Body) -> Iterator[str]:
    """developers.openai.com/api/docs/guides/structured-outputs#supported-schemas"""
    enum_values = properties = 0
    for one, levels in _schemas_in(schema, 1):
        if levels > 10:
            yield "more than 10 levels of nesting"
        if one.keys() & {"allOf", "not", "if", "then", "else", "dependentRequired"}:
            yield "a keyword is not permitted"
        enum_values += len(one.get("enum", ()))
        properties += len(one.get("properties", ()))
        if one.get("type") == "object":
            if one.get("additionalProperties") is not False:
                yield "'additionalProperties' is required to be supplied and to be false"
            if set(one.get("required", ())) != set(one.get("properties", ())):
                yield "'required' is required to include every key in properties"
    if enum_values > 1_000 or properties > 5_000:
        yield "the schema is too large"


def _of_sampling(body: Body) -> Iterator[str]:
    """learn.microsoft.com/azure/foundry/openai/how-to/reasoning, for models from GPT-5 on."""
    reasons = re.match(r"gpt-([5-9])", body["model"])
    refused = {
        "temperature", "top_p", "stop", "presence_penalty", "frequency_penalty", "logit_bias",
    }  # fmt: skip
    if reasons and body.keys() & refused:
        yield "Unsupported parameter with this model"
    if not reasons and body.keys() & {"reasoning_effort", "verbosity"}:
        yield "Unrecognized request argument supplied: reasoning_effort"
    if "parallel_tool_calls" in body and not body.get("tools"):
        yield "'parallel_tool_calls' is only allowed when 'tools' are specified"
    if len(body.get("user", "")) > 128:
        yield "user: string too long"


def _of_data_url(url: str) -> Iterator[str]:
    """developers.openai.com/api/docs/guides/images-vision#image-input-requirements"""
    if url.startswith("data:"):
        head, _, data = url.partition(";base64,")
        yield from _of_image(head.removeprefix("data:"), base64.b64decode(data, validate=True))


def _of_image(media_type: str, image: bytes) -> Iterator[str]:
    """platform.claude.com/docs/en/build-with-claude/vision: the type told must be the one it has."""
    head = IMAGE_HEADS.get(media_type.removeprefix("image/"))
    if head is None or not image.startswith(head):
        yield "the image is not of the media type that is told"


# Anthropic


def _of_messages(body: Body) -> Iterator[str]:
    """platform.claude.com/docs/en/api/messages, and the errors that it gives."""
    turns = body["messages"]
    if not turns:
        yield "messages: at least one message is required"
        return
    yield from _of_uses(turns)
    for turn in turns:
        if not turn["content"]:
            yield "all messages must have non-empty content"
        for block in turn["content"]:
            yield from _of_block(block)
    if turns[0]["role"] != "user":
        yield 'first message must use the "user" role'
    form = (body.get("output_config") or {}).get("format")
    yield from _of_end(turns, body["model"], has_form=form is not None)
    if "system" in body and not body["system"].strip():
        yield "system: text content blocks must be non-empty"
    if any(not one.strip() for one in body.get("stop_sequences", ())):
        yield "stop_sequences: each stop sequence must contain non-whitespace"
    for tool in body.get("tools", ()):
        yield from _of_input_schema(tool["input_schema"])
    schemas = [tool["input_schema"] for tool in body.get("tools", ()) if tool.get("strict")]
    yield from _of_grammar([*schemas, *([form["schema"]] if form else [])], len(schemas))
    if body.keys() & {"temperature", "top_p", "top_k"}:
        yield "temperature: sampling parameters are not supported"


def _of_uses(turns: list[Body]) -> Iterator[str]:
    asked: set[str] = set()
    known: set[str] = set()
    for turn in [*turns, {"content": []}]:
        given = [one["tool_use_id"] for one in turn["content"] if one["type"] == "tool_result"]
        if asked != set(given) or len(given) != len(set(given)):
            yield "each `tool_use` block must have one `tool_result` block in the next message"
        uses = [block["id"] for block in turn["content"] if block["type"] == "tool_use"]
        asked = set(uses)
        if len(asked) != len(uses) or asked & known:
            yield "`tool_use` ids must be unique"
        known |= asked


def _of_block(block: Body) -> Iterator[str]:
    if block["type"] == "text" and not block["text"].strip():
        yield "text content blocks must contain non-whitespace text"
    call_id = block.get("id", block.get("tool_use_id", "ok"))
    if not re.fullmatch(r"[a-zA-Z0-9_-]+", call_id):
        yield "String should match pattern '^[a-zA-Z0-9_-]+$'"
    if block["type"] == "tool_use":
        yield from _of_input(block["input"])
    if block["type"] == "image" and block["source"]["type"] == "base64":
        source = block["source"]
        yield from _of_image(source["media_type"], base64.b64decode(source["data"]))


def _of_input(arguments: Any) -> Iterator[str]:
    if not isinstance(arguments, dict):
        yield "tool_use.input: Input should be a valid dictionary"
    try:
        json.dumps(arguments, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        yield "no low surrogate in string"


def _of_end(turns: list[Body], model: str, *, has_form: bool) -> Iterator[str]:
    if turns[-1]["role"] != "assistant":
        return
    if _NO_PREFILL.search(model):
        yield "This model does not support assistant message prefill"
    if has_form:
        yield "prefilling is incompatible with structured outputs"
    text = turns[-1]["content"][-1].get("text", "")
    if text != text.rstrip():
        yield "final assistant content cannot end with trailing whitespace"


def _of_input_schema(schema: Any) -> Iterator[str]:
    if not isinstance(schema, dict) or schema.get("type") != "object":
        yield "input_schema.type: Input should be 'object'"
    elif schema.keys() & {"oneOf", "allOf", "anyOf"}:
        yield "input_schema does not support oneOf, allOf, or anyOf at the top level"


def _of_grammar(schemas: list[Body], strict_tools: int) -> Iterator[str]:
    """platform.claude.com/docs/en/build-with-claude/structured-outputs#schema-complexity-limits"""
    optional = unions = 0
    for schema in schemas:
        for one, levels in _schemas_in(schema, 1):
            if levels > 40 or one.get("$ref") == "#":
                yield "recursive schemas are not supported"
                return
            properties = one.get("properties", {})
            optional += len(set(properties) - set(one.get("required", ())))
            unions += isinstance(one.get("type"), list) or "anyOf" in one
            if one.get("type") == "object" and one.get("additionalProperties") is not False:
                yield "additionalProperties must be false"
            if one.keys() & {"minimum", "maximum", "minLength", "maxLength", "maxItems"}:
                yield "a keyword is not supported"
    if strict_tools > 20 or optional > 24 or unions > 16:
        yield "the compiled grammar is too large"


# Bedrock


def _of_converse(body: Body) -> Iterator[str]:
    """docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html, and its errors."""
    turns = body["messages"]
    if not turns or turns[0]["role"] != "user":
        yield "A conversation must start with a user message"
        return
    yield from _of_converse_turns(turns)
    if turns[-1]["role"] == "assistant" and not re.search("nova|claude-3|-4-5", body["modelId"]):
        yield "A conversation must end with a user message"
    for tool in body.get("toolConfig", {}).get("tools", ()):
        schema = tool["toolSpec"]["inputSchema"]["json"]
        yield from _of_input_schema(schema)
        # github.com/BerriAI/litellm/pull/10062
        if schema.keys() & {"$schema", "$id"}:
            yield "inputSchema.json has keys that are not supported"
    if any(not one["text"].strip() for one in body.get("system", ())):
        yield "The text field in the ContentBlock object is blank"


def _of_converse_turns(turns: list[Body]) -> Iterator[str]:
    asked: set[str] = set()
    for before, turn in zip([{"role": ""}, *turns], [*turns, {}], strict=True):
        if before["role"] == turn.get("role"):
            yield "roles must alternate between user and assistant"
        content = turn.get("content", [])
        if turn and not content:
            yield "The content field in the Message object is empty"
        given = {one["toolResult"]["toolUseId"] for one in content if "toolResult" in one}
        if asked != given:
            yield "Expected toolResult blocks for the following Ids"
        asked = {one["toolUse"]["toolUseId"] for one in content if "toolUse" in one}
        for block in content:
            yield from _of_content_block(block)


def _of_content_block(block: Body) -> Iterator[str]:
    if "text" in block and not block["text"].strip():
        yield "The text field in the ContentBlock object is blank"
    use = block.get("toolUse") or block.get("toolResult")
    if use and not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", use["toolUseId"]):
        yield "Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+"
    if "toolUse" in block:
        yield from _of_input(use["input"])
    if "toolResult" in block and not block["toolResult"]["content"]:
        yield "The content field in the ToolResultBlock is empty"
    if "image" in block:
        yield from _of_image(block["image"]["format"], block["image"]["source"]["bytes"])


def _schemas_in(schema: Any, levels: int) -> Iterator[tuple[Body, int]]:
    if isinstance(schema, list):
        for one in schema:
            yield from _schemas_in(one, levels)
    if not isinstance(schema, dict):
        return
    yield schema, levels
    for name in ("properties", "$defs"):
        for one in schema.get(name, {}).values():
            yield from _schemas_in(one, levels + 1)
    for name in ("items", "anyOf", "oneOf", "allOf"):
        yield from _schemas_in(schema.get(name), levels)
