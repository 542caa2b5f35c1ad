"""Bedrock's Converse, which is one interface for Claude and Llama: what a call says, and what an answer
means."""

from __future__ import annotations

import base64
import json
from typing import Any

from pydantic import Field

from functions.invoke_provider.called_model import CalledModel
from functions.invoke_provider.providers.base import Completion, FinishReason, Prompt
from functions.invoke_provider.providers.converse_usage import CamelModel, usage_in
from functions.invoke_provider.providers.schemas import NO_PARAMETERS, structured_output_schema
from functions.invoke_provider.providers.turns import arguments_of, turns_of, without_fence
from functions.invoke_provider.providers.wire_model import paid_for, parse
from functions.shared.contracts.request import (
    FunctionCall,
    GenerateRequest,
    ImagePart,
    ImageUrl,
    JsonSchemaFormat,
    Message,
    NamedToolChoice,
    NonBlank,
    TextPart,
    Tool,
    ToolCall,
)
from functions.shared.errors import ContentFiltered, ProviderBadResponse, RequestUnsupported
from functions.shared.vocabulary import Usage

_FINISH: dict[str | None, FinishReason] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
}
_REFUSED = frozenset({"guardrail_intervened", "content_filtered", "refusal"})
_MALFORMED = frozenset({"malformed_model_output", "malformed_tool_use"})


class _ToolUse(CamelModel):
    tool_use_id: NonBlank
    name: NonBlank
    input: dict[str, Any] = Field(default_factory=dict)


class _Block(CamelModel):
    """Kinds of block that we know nothing of have none of these fields, and are left out."""

    text: str | None = None
    tool_use: _ToolUse | None = None


class _Message(CamelModel):
    content: list[_Block]


class _Output(CamelModel):
    message: _Message


class _Answer(CamelModel):
    output: _Output
    stop_reason: str | None = None


def request_body(prompt: Prompt, model: CalledModel) -> dict[str, Any]:
    """The call's arguments in Converse's terms.

    Raises `RequestUnsupported` for an image at an address.
    """
    request = prompt.request
    body: dict[str, Any] = {
        "modelId": model.provider_model_id,
        "messages": turns_of(request.conversation, _blocks),
        "inferenceConfig": _inference(request, model),
        "serviceTier": {"type": "default"},
    }
    form = request.response_format
    if form and form.json_schema and not prompt.schema_in_words:
        body["outputConfig"] = {"textFormat": _text_format(form.json_schema)}
    if prompt.system:
        body["system"] = [{"text": prompt.system}]
    # Tool blocks without declared tools are refused: what was called earlier is declared then.
    if tools := request.tools or request.called_tools:
        body["toolConfig"] = {"tools": [_tool(tool) for tool in tools], **_tool_choice(request)}
    return body


def _inference(request: GenerateRequest, model: CalledModel) -> dict[str, Any]:
    told = {
        "maxTokens": model.max_output_tokens,
        "temperature": request.temperature,
        "topP": request.top_p,
        "stopSequences": request.stop,
    }
    return {name: value for name, value in told.items() if value is not None}


def _blocks(message: Message) -> list[dict[str, Any]]:
    parts = [_part(part) for part in message.parts]
    if message.role == "tool":
        result = {"toolUseId": message.tool_call_id, "content": parts or [{"json": {}}]}
        return [{"toolResult": result}]
    return parts + [
        {"toolUse": {"toolUseId": call.id, "name": call.function.name, "input": arguments_of(call)}}
        for call in message.tool_calls or []
    ]


def _part(part: TextPart | ImagePart) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"text": part.text}
    return {"image": _image(part.image_url)}


def _image(image: ImageUrl) -> dict[str, Any]:
    if image.inline is None:
        raise RequestUnsupported("The model takes no image at an address.")
    media_type, data = image.inline
    source = {"bytes": base64.b64decode(data)}
    return {"format": media_type.removeprefix("image/"), "source": source}


def _tool(tool: Tool) -> dict[str, Any]:
    function = tool.function
    optional = {"description": function.description, "strict": function.strict}
    spec = {"name": function.name} | {key: value for key, value in optional.items() if value}
    return {"toolSpec": spec | {"inputSchema": {"json": function.parameters or NO_PARAMETERS}}}


def _tool_choice(request: GenerateRequest) -> dict[str, Any]:
    match request.tool_choice:
        case None:
            return {}
        case "required":
            return {"toolChoice": {"any": {}}}
        case NamedToolChoice() as named:
            return {"toolChoice": {"tool": {"name": named.function.name}}}
        case word:
            return {"toolChoice": {str(word): {}}}


def _text_format(form: JsonSchemaFormat) -> dict[str, Any]:
    schema = structured_output_schema(form.schema_)
    named = {"name": form.name, "description": form.description}
    json_schema = {key: value for key, value in named.items() if value}
    json_schema["schema"] = json.dumps(schema, ensure_ascii=False)
    return {"type": "json_schema", "structure": {"jsonSchema": json_schema}}


def completion_of(answer: object, request: GenerateRequest) -> Completion:
    """Raises `ContentFiltered` and `ProviderBadResponse`, each with the usage that was told."""
    usage = usage_in(answer)
    with paid_for(usage):
        return _completion(parse(_Answer, answer), request, usage)


def _completion(answer: _Answer, request: GenerateRequest, usage: Usage | None) -> Completion:
    if answer.stop_reason in _REFUSED:
        raise ContentFiltered("bedrock refused the request on policy.")
    if answer.stop_reason in _MALFORMED:
        raise ProviderBadResponse("bedrock could not make sense of the model's answer.")
    blocks = answer.output.message.content
    text = "".join(block.text or "" for block in blocks)
    calls = tuple(_call(block.tool_use) for block in blocks if block.tool_use)
    finish = _FINISH.get(answer.stop_reason, "tool_calls" if calls else "stop")
    return Completion(without_fence(text, request), calls, finish, usage)


def _call(use: _ToolUse) -> ToolCall:
    arguments = json.dumps(use.input, ensure_ascii=False)
    return ToolCall(id=use.tool_use_id, function=FunctionCall(name=use.name, arguments=arguments))
