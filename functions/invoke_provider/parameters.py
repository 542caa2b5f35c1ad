"""The caller's parameters as a model takes them. What it gets otherwise, or not at all, is `dropped`."""

from __future__ import annotations

from typing import get_args

from functions.invoke_provider.called_model import CalledModel
from functions.shared.contracts.answer import DroppedParameter
from functions.shared.contracts.request import GenerateRequest, Message, TextPart
from functions.shared.contracts.tools import AllowedToolsChoice, NamedToolChoice
from functions.shared.vocabulary import Api, Effort, Parameter

Dropped = list[DroppedParameter]

EFFORTS: tuple[Effort, ...] = get_args(Effort)

LONGEST_USER: dict[Api, int] = {"chat_completions": 128, "responses": 128, "messages": 256}
"""Characters: of OpenAI's safety_identifier, which replaces it, and Anthropic's metadata.user_id.
https://developers.openai.com/api/docs/guides/safety-best-practices
https://platform.claude.com/docs/en/api/messages"""

_PINNED_TIERS = frozenset({"auto", "default", "standard_only"})
"""What means the tier that every call is asked at; a price limit counts on that one's prices."""


def drop(dropped: Dropped, parameter: str, reason: str) -> None:
    one = DroppedParameter(parameter=parameter, reason=reason)
    if one not in dropped:
        dropped.append(one)


def with_taken_parameters(
    request: GenerateRequest, model: CalledModel, dropped: Dropped
) -> GenerateRequest:
    for step in (
        _with_known, _with_temperature, _with_stop, _with_user, _with_parallel_calls, _with_effort,
        _with_tier, _with_allowed_tools, _with_tool_choice, _with_detail,
    ):  # fmt: skip
        request = step(request, model, dropped)
    if model.max_output_tokens < model.min_output_tokens:
        least = f"raised to {model.min_output_tokens}, the model's least"
        drop(dropped, "max_output_tokens", least)
    return request


def _with_known(request: GenerateRequest, model: CalledModel, dropped: Dropped) -> GenerateRequest:
    known = {*model.parameters, *model.sampling}
    asked = [
        name
        for name in (*get_args(Parameter), "temperature", "top_p")
        if getattr(request, name) is not None
    ]
    unknown = [name for name in asked if name not in known]
    for name in unknown:
        drop(dropped, name, f"the model takes no {name}")
    return request.model_copy(update=dict.fromkeys(unknown))


def _with_temperature(
    request: GenerateRequest, model: CalledModel, dropped: Dropped
) -> GenerateRequest:
    highest = model.max_temperature
    if request.temperature is None or request.temperature <= highest:
        return request
    drop(dropped, "temperature", f"lowered to {highest:g}, the model's highest")
    return request.model_copy(update={"temperature": highest})


def _with_stop(request: GenerateRequest, model: CalledModel, dropped: Dropped) -> GenerateRequest:
    """Claude refuses a sequence of blanks alone, and every provider an empty list."""
    asked = request.stop or []
    taken = asked
    if model.api in {"messages", "converse"}:
        taken = [one for one in asked if one.strip()]
    if len(taken) < len(asked):
        drop(dropped, "stop", "the model takes no sequence of blanks")
    return request.model_copy(update={"stop": taken or None})


def _with_user(request: GenerateRequest, model: CalledModel, dropped: Dropped) -> GenerateRequest:
    longest = LONGEST_USER.get(model.api, 0)
    if request.user is None or len(request.user) <= longest:
        return request
    drop(dropped, "user", f"over {longest} characters, the most that the model takes")
    return request.model_copy(update={"user": None})


def _with_parallel_calls(
    request: GenerateRequest, model: CalledModel, dropped: Dropped
) -> GenerateRequest:
    if request.parallel_tool_calls is None or request.tools:
        return request
    drop(dropped, "parallel_tool_calls", "there are no tools")
    return request.model_copy(update={"parallel_tool_calls": None})


def _with_effort(request: GenerateRequest, model: CalledModel, dropped: Dropped) -> GenerateRequest:
    asked = request.reasoning_effort
    if asked is None:
        return request
    effort: Effort | None = None
    if not model.efforts:
        drop(dropped, "reasoning_effort", "the model takes no reasoning_effort")
    elif request.tools and model.effort_with_tools:
        if asked != model.effort_with_tools:
            drop(dropped, "reasoning_effort", "the model takes none beside tools")
    else:
        effort = _nearest(asked, model.efforts)
        if effort != asked:
            drop(dropped, "reasoning_effort", f"{effort} instead, the nearest that the model knows")
    return request.model_copy(update={"reasoning_effort": effort})


def _nearest(asked: Effort, known: tuple[Effort, ...]) -> Effort:
    """The lower of two that are equally near: it costs less."""
    place = EFFORTS.index(asked)
    return min(known, key=lambda one: (abs(EFFORTS.index(one) - place), EFFORTS.index(one)))


def _with_tier(request: GenerateRequest, model: CalledModel, dropped: Dropped) -> GenerateRequest:
    """Other tiers have other prices, and what a request may cost at most is told by the standard one's."""
    if request.service_tier is not None and request.service_tier not in _PINNED_TIERS:
        drop(dropped, "service_tier", "the engine asks at the standard tier")
    return request.model_copy(update={"service_tier": None})


def _with_allowed_tools(
    request: GenerateRequest, model: CalledModel, dropped: Dropped
) -> GenerateRequest:
    """Who sees only the allowed ones calls no other: the same on every interface."""
    choice = request.tool_choice
    if not isinstance(choice, AllowedToolsChoice):
        return request
    allowed = [one for one in request.tools or [] if one.function.name in request.chosen_tools]
    drop(dropped, "tool_choice", "only the allowed tools are shown to the model")
    return request.model_copy(update={"tools": allowed, "tool_choice": choice.allowed_tools.mode})


def _with_tool_choice(
    request: GenerateRequest, model: CalledModel, dropped: Dropped
) -> GenerateRequest:
    choice = request.tool_choice
    kind = "named" if isinstance(choice, NamedToolChoice) else choice
    if kind is None or kind in model.tool_choices:
        return request
    if kind == "none" and not request.called_tools:
        # A model that sees no tool calls none: the same, in other words.
        return request.model_copy(update={"tools": None, "tool_choice": None})
    drop(dropped, "tool_choice", "the model decides itself whether to call a tool")
    return request.model_copy(update={"tool_choice": None})


def _with_detail(request: GenerateRequest, model: CalledModel, dropped: Dropped) -> GenerateRequest:
    details = {image.detail for image in request.images}
    if not model.image_detail and any(details):
        drop(dropped, _DETAIL, "the model knows no level of detail")
    if not model.image_detail or model.original_images or "original" not in details:
        return request
    drop(dropped, _DETAIL, "high instead of original, the model's highest")
    lowered = [_at_most_high(message) for message in request.messages or []]
    return request.model_copy(update={"messages": lowered})


_DETAIL = "messages.content.image_url.detail"


def _at_most_high(message: Message) -> Message:
    if not any(image.detail == "original" for image in message.images):
        return message
    parts = [
        part
        if isinstance(part, TextPart) or part.image_url.detail != "original"
        else part.model_copy(
            update={"image_url": part.image_url.model_copy(update={"detail": "high"})}
        )
        for part in message.parts
    ]
    return message.model_copy(update={"content": parts})
