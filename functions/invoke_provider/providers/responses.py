"""OpenAI's Responses, for the models that take tools nowhere else."""

from __future__ import annotations

from typing import Annotated, Any

from functions.invoke_provider.called_model import CalledModel
from functions.invoke_provider.providers.base import Completion, Prompt
from functions.invoke_provider.providers.openai_usage import pinned_price, usage_in
from functions.invoke_provider.providers.reading import completed, tool_call
from functions.invoke_provider.providers.refusals import (
    IN_AN_ANSWER,
    ErrorTable,
    Refusal,
    refusal_error,
)
from functions.invoke_provider.providers.wire_model import OrNone, WireModel, paid_for, parse
from functions.shared.contracts.request import GenerateRequest, ImagePart, Message
from functions.shared.contracts.tools import NamedToolChoice, Tool, ToolChoice
from functions.shared.errors import ContentFiltered
from functions.shared.vocabulary import Usage


class _Part(WireModel):
    type: str
    text: str | None = None


class _Item(WireModel):
    """Kinds of item that we know nothing of, reasoning among them, are left out."""

    type: str
    content: list[_Part] | None = None
    call_id: Annotated[str | None, OrNone] = None
    name: Annotated[str | None, OrNone] = None
    arguments: Any = None


class _Incomplete(WireModel):
    reason: str | None = None


class _Failure(WireModel):
    code: str | None = None
    type: str | None = None
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
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
    if request.tool_choice is not None:
        body["tool_choice"] = _tool_choice(request.tool_choice)
    if request.reasoning_effort is not None:
        body["reasoning"] = {"effort": request.reasoning_effort}
    if text := _text(prompt):
        body["text"] = text
    return body | request.model_dump(include=_PASSED_ON, exclude_none=True)


_PASSED_ON = {"temperature", "top_p", "parallel_tool_calls", "user"}


def _text(prompt: Prompt) -> dict[str, Any]:
    """What is asked of the answer's text."""
    form = None if prompt.schema_in_words else _form(prompt.request)
    told = {"format": form, "verbosity": prompt.request.verbosity}
    return {name: value for name, value in told.items() if value}


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
    return (turn if message.parts else []) + calls


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


def _tool_choice(choice: ToolChoice) -> str | dict[str, str]:
    if isinstance(choice, NamedToolChoice):
        return {"type": "function", "name": choice.function.name}
    return str(choice)


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
        codes = (failure.code, failure.type)
        raise refusal_error(Refusal(IN_AN_ANSWER, codes, failure.message or "", {}), errors)
    reason = answer.incomplete_details.reason if answer.incomplete_details else None
    parts = [part for item in answer.output for part in item.content or []]
    if any(part.type == "refusal" for part in parts):
        raise ContentFiltered(f"{errors.provider} refused the request on policy.")
    text = "".join(part.text or "" for part in parts if part.type == "output_text")
    calls = [
        tool_call(item.call_id, item.name, item.arguments, errors.provider)
        for item in answer.output
        if item.type == "function_call"
    ]
    return completed(text, calls, reason or answer.status, usage, errors.provider)
