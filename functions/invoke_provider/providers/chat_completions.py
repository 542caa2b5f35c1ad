"""OpenAI's Chat Completions: what a call says, and what an answer means."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, NonNegativeInt

from functions.invoke_provider.called_model import CalledModel
from functions.invoke_provider.providers.base import Completion, FinishReason, Prompt
from functions.invoke_provider.providers.wire_model import OrNone, Tokens, WireModel, parse
from functions.shared.contracts.request import FunctionCall, NonBlank, ToolCall
from functions.shared.errors import ContentFiltered
from functions.shared.vocabulary import Usage

_FINISH: dict[str | None, FinishReason] = {
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}


class _Function(WireModel):
    name: NonBlank
    arguments: str


class _Call(WireModel):
    id: NonBlank
    function: _Function


class _Message(WireModel):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(WireModel):
    message: _Message
    finish_reason: str | None = None


class InputDetails(WireModel):
    cached_tokens: Tokens = None
    cache_write_tokens: Tokens = None


class OutputDetails(WireModel):
    reasoning_tokens: Tokens = None


class _Usage(WireModel):
    prompt_tokens: NonNegativeInt
    completion_tokens: NonNegativeInt
    prompt_tokens_details: Annotated[InputDetails | None, OrNone] = None
    completion_tokens_details: Annotated[OutputDetails | None, OrNone] = None


class _Answer(WireModel):
    choices: Annotated[list[_Choice], Field(min_length=1)]
    usage: Annotated[_Usage | None, OrNone] = None


def request_body(prompt: Prompt, model: CalledModel) -> dict[str, Any]:
    """The call's arguments; the contract's messages and tools have this interface's form already."""
    request, system = prompt.request, prompt.system
    messages: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
    messages += [message.model_dump(exclude_none=True) for message in request.conversation]
    body: dict[str, Any] = {
        "model": model.provider_model_id,
        "messages": messages,
        "max_completion_tokens": model.max_output_tokens,
    }
    if request.tools and model.effort_with_tools:
        body["reasoning_effort"] = model.effort_with_tools
    wanted = request.model_dump(
        include={"temperature", "tools", "tool_choice", "response_format"},
        by_alias=True,
        exclude_none=True,
    )
    return body | wanted


def completion_of(body: bytes, provider: str) -> Completion:
    """Raises `ProviderBadResponse` and `ContentFiltered`."""
    answer = parse(_Answer, body)
    choice = answer.choices[0]
    if choice.finish_reason == "content_filter" or choice.message.refusal:
        raise ContentFiltered(f"{provider} refused the request on policy.")
    calls = [
        ToolCall(id=call.id, function=FunctionCall(**call.function.model_dump()))
        for call in choice.message.tool_calls or []
    ]
    # A forced call ends with "stop"; the caller should not need to know that.
    finish = _FINISH.get(choice.finish_reason, "tool_calls" if calls else "stop")
    return Completion(choice.message.content or "", tuple(calls), finish, _usage(answer.usage))


def _usage(usage: _Usage | None) -> Usage | None:
    if usage is None:
        return None
    return disjoint_usage(
        usage.prompt_tokens,
        usage.prompt_tokens_details,
        usage.completion_tokens,
        usage.completion_tokens_details,
    )


def disjoint_usage(
    input_tokens: int,
    inputs: InputDetails | None,
    output_tokens: int,
    outputs: OutputDetails | None,
) -> Usage:
    """OpenAI counts cached and cache-written tokens among the input; our parts are disjoint."""
    inputs, outputs = inputs or InputDetails(), outputs or OutputDetails()
    cached, written = inputs.cached_tokens or 0, inputs.cache_write_tokens or 0
    return Usage(
        input_tokens=max(0, input_tokens - cached - written),
        cached_input_tokens=cached,
        cache_write_tokens=written,
        output_tokens=output_tokens,
        reasoning_tokens=outputs.reasoning_tokens or 0,
    )
