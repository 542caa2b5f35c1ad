"""Bedrock's Converse, which is one interface for Claude and Llama: what a call says, and what an answer
means."""

from __future__ import annotations

import base64
import json
from typing import Annotated, Any

from functions.invoke_provider.called_model import CalledModel
from functions.invoke_provider.providers.base import Completion, Prompt
from functions.invoke_provider.providers.converse_usage import CamelModel, usage_in
from functions.invoke_provider.providers.reading import completed, tool_call
from functions.invoke_provider.providers.schemas import NO_PARAMETERS, structured_output_schema
from functions.invoke_provider.providers.turns import arguments_of, turns_of
from functions.invoke_provider.providers.wire_model import OrNone, paid_for, parse
from functions.shared.contracts.request import (
    GenerateRequest,
    ImagePart,
    ImageUrl,
    Message,
    TextPart,
)
from functions.shared.contracts.response_format import JsonSchemaFormat
from functions.shared.contracts.tools import NamedToolChoice, Tool
from functions.shared.errors import RequestUnsupported


class _ToolUse(CamelModel):
    tool_use_id: Annotated[str | None, OrNone] = None
    name: Annotated[str | None, OrNone] = None
    input: Any = None


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


def completion_of(answer: object) -> Completion:
    """Raises `ContentFiltered` and `ProviderBadResponse`, each with the usage that was told."""
    usage = usage_in(answer)
    with paid_for(usage):
        read = parse(_Answer, answer)
        blocks = read.output.message.content
        text = "".join(block.text or "" for block in blocks)
        uses = [block.tool_use for block in blocks if block.tool_use]
        calls = [tool_call(use.tool_use_id, use.name, use.input, "bedrock") for use in uses]
        return completed(text, calls, read.stop_reason, usage, "bedrock")
