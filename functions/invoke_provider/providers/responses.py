"""OpenAI's Responses, for the models that take tools nowhere else."""

from __future__ import annotations

from typing import Annotated, Any

from functions.invoke_provider.called_model import CalledModel
from functions.invoke_provider.providers.base import Completion, FinishReason, Prompt
from functions.invoke_provider.providers.openai_usage import pinned_price, usage_in
from functions.invoke_provider.providers.refusals import ErrorTable, Refusal, refusal_error
from functions.invoke_provider.providers.wire_model import OrNone, WireModel, paid_for, parse
from functions.shared.contracts.request import (
    FunctionCall,
    GenerateRequest,
    ImagePart,
    Message,
    NamedToolChoice,
    Tool,
    ToolCall,
)
from functions.shared.errors import ContentFiltered, ProviderBadResponse
from functions.shared.vocabulary import Usage


class _Part(WireModel):
    type: str
    text: str | None = None


class _Item(WireModel):
    """Kinds of item that we know nothing of, reasoning among them, are left out."""

    type: str
    content: list[_Part] | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None


class _Incomplete(WireModel):
    reason: str | None = None


class _Failure(WireModel):
    code: str | None = None
    message: str | None = None


class _Answer(WireModel):
    output: list[_Item]
    status: str | None = None
    incomplete_details: Annotated[_Incomplete | None, OrNone] = None
    error: Annotated[_Failure | None, OrNone] = None


def request_body(prompt: Prompt, model: CalledModel) -> dict[str, Any]:
    """The call's arguments. Nothing is stored with the provider, as on Chat Completions."""
    request = prompt.request
    least = model.min_output_tokens
    body: dict[str, Any] = {
        "model": model.provider_model_id,
        "input": [item for message in request.conversation for item in _items(message)],
        "max_output_tokens": max(least, model.max_output_tokens),
        "store": False,
        **pinned_price(model),
    }
    if prompt.system:
        body["instructions"] = prompt.system
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
    if request.tool_choice is not None:
        body["tool_choice"] = _tool_choice(request.tool_choice)
    if form := _form(request):
        body["text"] = {"format": form}
    return body


def _items(message: Message) -> list[dict[str, Any]]:
    if message.role == "tool":
        output = {"type": "function_call_output", "call_id": message.tool_call_id}
        return [output | {"output": message.text}]
    turn: list[dict[str, Any]] = [{"role": message.role, "content": _content(message)}]
    calls = [
        {
            "type": "function_call",
            "call_id": call.id,
            "name": call.function.name,
            "arguments": call.function.arguments,
        }
        for call in message.tool_calls or []
    ]
    return (turn if message.content else []) + calls


def _content(message: Message) -> str | list[dict[str, Any]]:
    if not message.images:
        return message.text
    return [
        {"type": "input_image"}
        | {"image_url": part.image_url.url, "detail": part.image_url.detail or "auto"}
        if isinstance(part, ImagePart)
        else {"type": "input_text", "text": part.text}
        for part in message.parts
    ]


def _tool(tool: Tool) -> dict[str, Any]:
    # Strict is this interface's default, and Chat Completions' is not.
    flat = {"type": "function", "strict": False}
    return flat | tool.function.model_dump(exclude_none=True)


def _tool_choice(choice: str | NamedToolChoice) -> str | dict[str, str]:
    if isinstance(choice, str):
        return choice
    return {"type": "function", "name": choice.function.name}


def _form(request: GenerateRequest) -> dict[str, Any] | None:
    form = request.response_format
    if form is None or form.type == "text":
        return None
    schema = form.json_schema
    flat = schema.model_dump(by_alias=True, exclude_none=True) if schema else {}
    return {"type": form.type} | flat


def completion_of(body: object, errors: ErrorTable) -> Completion:
    """Raises `ContentFiltered`, `ProviderBadResponse` and what a failed answer says of itself, each with
    the usage that was told."""
    usage = usage_in(body)
    with paid_for(usage):
        return _completion(parse(_Answer, body), errors, usage)


def _completion(answer: _Answer, errors: ErrorTable, usage: Usage | None) -> Completion:
    if answer.status == "failed":
        failure = answer.error or _Failure()
        # Told with a 200: the code alone says what it was.
        raise refusal_error(Refusal(500, (failure.code,), failure.message or "", {}), errors)
    reason = answer.incomplete_details.reason if answer.incomplete_details else None
    parts = [part for item in answer.output for part in item.content or []]
    if reason == "content_filter" or any(part.type == "refusal" for part in parts):
        raise ContentFiltered(f"{errors.provider} refused the request on policy.")
    text = "".join(part.text or "" for part in parts if part.type == "output_text")
    calls = tuple(
        _call(item, errors.provider) for item in answer.output if item.type == "function_call"
    )
    return Completion(text, calls, _finish(answer, calls), usage)


def _finish(answer: _Answer, calls: tuple[ToolCall, ...]) -> FinishReason:
    if answer.status == "incomplete":
        return "length"
    return "tool_calls" if calls else "stop"


def _call(item: _Item, provider: str) -> ToolCall:
    if not item.call_id or not item.name:
        raise ProviderBadResponse(f"{provider}'s tool call has no id or no name.")
    function = FunctionCall(name=item.name, arguments=item.arguments or "{}")
    return ToolCall(id=item.call_id, function=function)
