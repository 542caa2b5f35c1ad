"""Anthropic's Messages: what a call says, and what an answer means."""

from __future__ import annotations

from typing import Annotated, Any

from functions.invoke_provider.called_model import CalledModel
from functions.invoke_provider.providers.base import Completion, Prompt
from functions.invoke_provider.providers.reading import completed, tool_call
from functions.invoke_provider.providers.schemas import NO_PARAMETERS, structured_output_schema
from functions.invoke_provider.providers.turns import arguments_of, turns_of
from functions.invoke_provider.providers.wire_model import (
    OrNone,
    Tokens,
    WireModel,
    paid_for,
    parse,
    parse_bill,
)
from functions.shared.contracts.request import GenerateRequest, ImagePart, Message, TextPart
from functions.shared.contracts.tools import NamedToolChoice, Tool
from functions.shared.vocabulary import PriceTier, Usage

_TIERS: dict[str | None, PriceTier] = {"batch": "batch"}


class _Block(WireModel):
    """Kinds of block that we know nothing of have none of these fields, and are left out."""

    type: str
    text: str | None = None
    id: Annotated[str | None, OrNone] = None
    name: Annotated[str | None, OrNone] = None
    input: Any = None


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
    """The call's arguments in Messages' terms; sampling parameters are not among them any more."""
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
    if output_config := _output_config(prompt):
        body["output_config"] = output_config
    if prompt.system:
        body["system"] = prompt.system
    if request.stop:
        body["stop_sequences"] = request.stop
    if request.user:
        body["metadata"] = {"user_id": request.user}
    return body | _tools(request)


def _output_config(prompt: Prompt) -> dict[str, Any]:
    form, effort = prompt.request.response_format, prompt.request.reasoning_effort
    told: dict[str, Any] = {"effort": effort} if effort else {}
    if form and form.json_schema and not prompt.schema_in_words:
        schema = structured_output_schema(form.json_schema.schema_)
        told["format"] = {"type": "json_schema", "schema": schema}
    return told


def _tools(request: GenerateRequest) -> dict[str, Any]:
    if request.tools:
        choice = _tool_choice(request)
        return {"tools": [_tool(one) for one in request.tools]} | (
            {"tool_choice": choice} if choice else {}
        )
    # Earlier calls are refused unless their tools are declared.
    called = [_tool(tool) for tool in request.called_tools]
    return {"tools": called, "tool_choice": {"type": "none"}} if called else {}


def _blocks(message: Message) -> list[dict[str, Any]]:
    if message.role == "tool":
        result = {"type": "tool_result", "tool_use_id": message.tool_call_id}
        # One that returned nothing has no content: a blank one is refused.
        return [result | ({"content": message.text} if message.parts else {})]
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
    return spec | {"input_schema": tool.function.parameters or NO_PARAMETERS}


def _tool_choice(request: GenerateRequest) -> dict[str, Any]:
    one_at_a_time = request.parallel_tool_calls is False
    match request.tool_choice:
        case None:
            choice = {"type": "auto"} if one_at_a_time else {}
        case "required":
            choice = {"type": "any"}
        case NamedToolChoice() as named:
            choice = {"type": "tool", "name": named.function.name}
        case word:
            choice = {"type": str(word)}
    if not one_at_a_time or choice["type"] == "none":
        return choice
    return choice | {"disable_parallel_tool_use": True}


def completion_of(body: object) -> Completion:
    """Raises `ContentFiltered` and `ProviderBadResponse`, each with the usage that was told."""
    usage = usage_in(body)
    with paid_for(usage):
        answer = parse(_Answer, body)
        text = "".join(block.text or "" for block in answer.content if block.type == "text")
        calls = [
            tool_call(block.id, block.name, block.input, "anthropic")
            for block in answer.content
            if block.type == "tool_use"
        ]
        return completed(text, calls, answer.stop_reason, usage, "anthropic")


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
