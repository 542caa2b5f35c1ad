"""Anthropic's Messages: what a call says, and what an answer means."""

from __future__ import annotations

import json
from typing import Annotated, Any

from functions.invoke_provider.called_model import CalledModel
from functions.invoke_provider.providers.base import Completion, FinishReason, Prompt
from functions.invoke_provider.providers.schemas import (
    structured_output_schema,
    with_schema_in_words,
)
from functions.invoke_provider.providers.turns import arguments_of, turns_of, without_fence
from functions.invoke_provider.providers.wire_model import (
    OrNone,
    Tokens,
    WireModel,
    paid_for,
    parse,
    parse_bill,
)
from functions.shared.contracts.request import (
    FunctionCall,
    GenerateRequest,
    ImagePart,
    Message,
    TextPart,
    Tool,
    ToolCall,
)
from functions.shared.errors import ContentFiltered, ProviderBadResponse
from functions.shared.vocabulary import PriceTier, Usage

_TIERS: dict[str | None, PriceTier] = {"batch": "batch"}

_FINISH: dict[str | None, FinishReason] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
}


class _Block(WireModel):
    """Kinds of block that we know nothing of have none of these fields, and are left out."""

    type: str
    text: str | None = None
    id: str | None = None
    name: str | None = None
    input: dict[str, Any] | None = None


class _OutputDetails(WireModel):
    thinking_tokens: Tokens | None = None


class _WriteDetails(WireModel):
    ephemeral_1h_input_tokens: Tokens | None = None


class _Usage(WireModel):
    input_tokens: Tokens
    output_tokens: Tokens
    cache_read_input_tokens: Tokens | None = None
    cache_creation_input_tokens: Tokens | None = None
    cache_creation: _WriteDetails | None = None
    output_tokens_details: _OutputDetails | None = None
    inference_geo: Annotated[str | None, OrNone] = None
    service_tier: Annotated[str | None, OrNone] = None
    speed: Annotated[str | None, OrNone] = None


class _Bill(WireModel):
    usage: _Usage


class _Answer(WireModel):
    content: list[_Block]
    stop_reason: str | None = None


def request_body(prompt: Prompt, model: CalledModel) -> dict[str, Any]:
    """The call's arguments in Messages' terms; sampling parameters are not among them any more.

    Raises `InvalidRequest` where an earlier tool call's arguments are no JSON object.
    """
    request = prompt.request
    body: dict[str, Any] = {
        "model": model.provider_model_id,
        "max_tokens": model.max_output_tokens,
        "messages": turns_of(request.conversation, _blocks),
        # Neither the workspace's settings nor its purchases decide what a call costs.
        "service_tier": "standard_only",
    }
    if model.inference_geo:
        body["inference_geo"] = "global"
    system = prompt.system
    if request.response_format and (form := request.response_format.json_schema):
        if schema := structured_output_schema(form.schema_):
            body["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
        else:
            system = with_schema_in_words(system, form.schema_)
    if system:
        body["system"] = system
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
    elif called := request.called_tools:
        # Earlier calls are refused unless their tools are declared.
        body |= {"tools": [_tool(tool) for tool in called], "tool_choice": {"type": "none"}}
    if request.tool_choice is not None:
        body["tool_choice"] = _tool_choice(request)
    return body


def _blocks(message: Message) -> list[dict[str, Any]]:
    if message.role == "tool":
        result = {"type": "tool_result", "tool_use_id": message.tool_call_id}
        return [result | {"content": message.text}]
    return [_part(part) for part in message.parts] + [
        {"type": "tool_use", "id": call.id, "name": call.function.name, "input": arguments_of(call)}
        for call in message.tool_calls or []
    ]


def _part(part: TextPart | ImagePart) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    inline = part.image_url.inline
    if inline is None:
        return {"type": "image", "source": {"type": "url", "url": part.image_url.url}}
    media_type, data = inline
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}


def _tool(tool: Tool) -> dict[str, Any]:
    spec = tool.function.model_dump(include={"name", "description", "strict"}, exclude_none=True)
    return spec | {"input_schema": {"type": "object"} | tool.function.parameters}


def _tool_choice(request: GenerateRequest) -> dict[str, str]:
    match request.tool_choice:
        case "required":
            return {"type": "any"}
        case str(choice):
            return {"type": choice}
        case named:
            return {"type": "tool", "name": named.function.name if named else ""}


def completion_of(body: object, request: GenerateRequest) -> Completion:
    """Raises `ContentFiltered` and `ProviderBadResponse`, each with the usage that was told."""
    usage = usage_in(body)
    with paid_for(usage):
        return _completion(parse(_Answer, body), request, usage)


def _completion(answer: _Answer, request: GenerateRequest, usage: Usage | None) -> Completion:
    if answer.stop_reason == "refusal":
        raise ContentFiltered("anthropic refused the request on policy.")
    text = "".join(block.text or "" for block in answer.content if block.type == "text")
    calls = [_call(block) for block in answer.content if block.type == "tool_use"]
    finish = _FINISH.get(answer.stop_reason, "stop")
    return Completion(without_fence(text, request), tuple(calls), finish, usage)


def _call(block: _Block) -> ToolCall:
    if not block.id or not block.name:
        raise ProviderBadResponse("anthropic's tool call has no id or no name.")
    arguments = json.dumps(block.input or {}, ensure_ascii=False)
    return ToolCall(id=block.id, function=FunctionCall(name=block.name, arguments=arguments))


def usage_in(body: object) -> Usage | None:
    """None where it is missing, or no usage. The cache's tokens are outside `input_tokens`, as in ours.

    A `priority` tier is capacity that was paid for ahead, and costs no more by the token:
    https://platform.claude.com/docs/en/api/service-tiers
    """
    bill, is_odd = parse_bill(_Bill, body)
    if bill is None:
        return None
    told = bill.usage
    written = told.cache_creation_input_tokens or 0
    details = told.cache_creation or _WriteDetails()
    written_long = min(written, details.ephemeral_1h_input_tokens or 0)
    return Usage(
        input_tokens=told.input_tokens,
        cached_input_tokens=told.cache_read_input_tokens or 0,
        cache_write_tokens=written - written_long,
        long_cache_write_tokens=written_long,
        output_tokens=told.output_tokens,
        reasoning_tokens=(told.output_tokens_details or _OutputDetails()).thinking_tokens or 0,
        tier="fast" if told.speed == "fast" else _TIERS.get(told.service_tier, "standard"),
        inference_geo="us" if told.inference_geo == "us" else "global",
        estimated=is_odd,
    )
