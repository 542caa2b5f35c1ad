"""OpenAI's Chat Completions: what a call says, and what an answer means."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from functions.invoke_provider.called_model import CalledModel
from functions.invoke_provider.providers.base import Completion, FinishReason, Prompt
from functions.invoke_provider.providers.openai_usage import pinned_price, usage_in
from functions.invoke_provider.providers.wire_model import WireModel, paid_for, parse
from functions.shared.contracts.request import FunctionCall, NonBlank, ToolCall
from functions.shared.errors import ContentFiltered

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


class _Answer(WireModel):
    choices: Annotated[list[_Choice], Field(min_length=1)]


def request_body(prompt: Prompt, model: CalledModel) -> dict[str, Any]:
    """The call's arguments; the contract's messages and tools have this interface's form already."""
    request, system = prompt.request, prompt.system
    messages: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
    messages += [message.model_dump(exclude_none=True) for message in request.conversation]
    body: dict[str, Any] = {
        "model": model.provider_model_id,
        "messages": messages,
        "max_completion_tokens": model.max_output_tokens,
        **pinned_price(model),
    }
    if request.tools and model.effort_with_tools:
        body["reasoning_effort"] = model.effort_with_tools
    wanted = request.model_dump(
        include={"temperature", "tools", "tool_choice", "response_format"},
        by_alias=True,
        exclude_none=True,
    )
    return body | wanted


def completion_of(body: object, provider: str) -> Completion:
    """Raises `ContentFiltered` and `ProviderBadResponse`, each with the usage that was told."""
    usage = usage_in(body)
    with paid_for(usage):
        choice = parse(_Answer, body).choices[0]
        if choice.finish_reason == "content_filter" or choice.message.refusal:
            raise ContentFiltered(f"{provider} refused the request on policy.")
    calls = [
        ToolCall(id=call.id, function=FunctionCall(**call.function.model_dump()))
        for call in choice.message.tool_calls or []
    ]
    # A forced call ends with "stop"; the caller should not need to know that.
    finish = _FINISH.get(choice.finish_reason, "tool_calls" if calls else "stop")
    return Completion(choice.message.content or "", tuple(calls), finish, usage)
