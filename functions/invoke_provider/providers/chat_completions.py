"""OpenAI's Chat Completions: what a call says, and what an answer means."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from functions.invoke_provider.called_model import CalledModel
from functions.invoke_provider.providers.base import Completion, Prompt
from functions.invoke_provider.providers.openai_usage import pinned_price, usage_in
from functions.invoke_provider.providers.reading import completed, tool_call
from functions.invoke_provider.providers.thought_signatures import signed
from functions.invoke_provider.providers.wire_model import OrNone, WireModel, paid_for, parse
from functions.shared.contracts.request import Message
from functions.shared.errors import ContentFiltered

_SAID = frozenset({None, "text", "output_text", "refusal"})


class _Function(WireModel):
    name: str | None = None
    arguments: Any = None


class _Call(WireModel):
    id: Annotated[str | None, OrNone] = None
    function: _Function


class _Part(WireModel):
    """Kinds of part that we know nothing of, reasoning among them, are left out."""

    type: Annotated[str | None, OrNone] = None
    text: Annotated[str | None, OrNone] = None
    refusal: Annotated[str | None, OrNone] = None


class _Message(WireModel):
    """`function_call` is what `tool_calls` were before there were several."""

    content: str | list[_Part | str] | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None
    function_call: _Function | None = None

    @property
    def parts(self) -> list[_Part]:
        told = self.content if isinstance(self.content, list) else [self.content or ""]
        parts = [_Part(text=one) if isinstance(one, str) else one for one in told]
        return [part for part in parts if part.type in _SAID]

    @property
    def calls(self) -> list[_Call]:
        older = [_Call(function=self.function_call)] if self.function_call else []
        return self.tool_calls or older


class _Choice(WireModel):
    message: _Message
    finish_reason: str | None = None


class _Answer(WireModel):
    choices: Annotated[list[_Choice], Field(min_length=1)]


_PASSED_ON = {
        "temperature", "top_p", "stop", "seed", "presence_penalty", "frequency_penalty",
        "logit_bias", "reasoning_effort", "verbosity", "user", "parallel_tool_calls", "tools",
        "tool_choice", "response_format",
}  # fmt: skip
"""As they are: the contract has this interface's form already."""


def request_body(prompt: Prompt, model: CalledModel) -> dict[str, Any]:
    request, system = prompt.request, prompt.system
    messages: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
    messages += [_message(message) for message in request.conversation]
    body: dict[str, Any] = {
        "model": model.provider_model_id,
        "messages": signed(messages, model.provider),
        model.output_limit_name: model.max_output_tokens,
        **pinned_price(model),
    }
    if request.tools and model.effort_with_tools == "none":
        body["reasoning_effort"] = model.effort_with_tools
    body |= request.model_dump(include=_PASSED_ON, by_alias=True, exclude_none=True)
    if prompt.schema_in_words:
        del body["response_format"]
    return body


def _message(message: Message) -> dict[str, Any]:
    told = message.model_dump(exclude_none=True)
    if isinstance(message.content, list):
        told["content"] = [part.model_dump(exclude_none=True) for part in message.parts]
    # A result is demanded, also of a tool that returned nothing.
    return told | ({"content": ""} if message.role == "tool" and not message.parts else {})


def completion_of(body: object, provider: str) -> Completion:
    """Raises `ContentFiltered` and `ProviderBadResponse`, each with the usage that was told."""
    usage = usage_in(body)
    with paid_for(usage):
        choice = parse(_Answer, body).choices[0]
        message, parts = choice.message, choice.message.parts
        if message.refusal or any(part.refusal for part in parts):
            raise ContentFiltered(f"{provider} refused the request on policy.")
        text = "".join(part.text or "" for part in parts)
        calls = [
            tool_call(call.id, call.function.name, call.function.arguments, provider)
            for call in message.calls
        ]
        return completed(text, calls, choice.finish_reason, usage, provider)
