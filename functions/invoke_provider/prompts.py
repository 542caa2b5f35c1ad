"""What a model is told: the task's template, the caller's system text, and the parameters it takes.

A template is a file `templates/<task>.v<number>.txt`. A change is a new number, because the request
log names the version that an answer came from; the highest one is in use.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from functions.invoke_provider.called_model import CalledModel
from functions.invoke_provider.providers.base import Prompt
from functions.shared.contracts.answer import DroppedParameter
from functions.shared.contracts.decision import Profile
from functions.shared.contracts.request import GenerateRequest, NamedToolChoice, Tool
from functions.shared.vocabulary import Task

_TEMPLATES = Path(__file__).with_name("templates")
_COMMENT = "#"

JSON_ONLY = "Answer with one JSON object and nothing else."
"""OpenAI refuses `json_object` unless a message asks for JSON; others know no such mode."""


@lru_cache
def template_of(task: Task) -> tuple[str, str]:
    """The version in use, such as `code.v1`, and its text; lines that start with # are remarks."""
    newest = max(_TEMPLATES.glob(f"{task}.v*.txt"), key=lambda path: int(path.stem.split(".v")[1]))
    lines = newest.read_text("utf-8").splitlines()
    return newest.stem, "\n".join(line for line in lines if not line.startswith(_COMMENT)).strip()


def prompt_for(request: GenerateRequest, profile: Profile, model: CalledModel) -> Prompt:
    """The request as this model gets it. What it does not take of it is in `dropped`.

    System messages inside `messages` join the system text, which is one for every provider.
    """
    task = profile.task
    # A guessed task must not bend the answer; only sentiment has a form that callers rely on.
    template = "chat" if profile.task_unsure and task != "sentiment" else task
    version, instruction = template_of(template)
    fitted, dropped = _fitted(request, task, model)
    system_texts = [message.text for message in request.messages or [] if message.role == "system"]
    form = fitted.response_format
    wants_object = form is not None and form.type == "json_object"
    parts = [instruction, request.system, *system_texts, JSON_ONLY if wants_object else None]
    system = "\n\n".join(part for part in parts if part)
    return Prompt(fitted, system, task, version, tuple(dropped))


def _fitted(
    request: GenerateRequest, task: Task, model: CalledModel
) -> tuple[GenerateRequest, list[DroppedParameter]]:
    dropped: list[DroppedParameter] = []
    if task == "sentiment":
        request = _formless(request, dropped)
    request = _with_temperature(request, model, dropped)
    request = _with_tool_choice(request, model, dropped)
    request = _with_strict(request, model, dropped)
    least = model.min_output_tokens
    if model.max_output_tokens < least:
        _drop(dropped, "max_output_tokens", f"raised to {least}, the model's least")
    if not model.image_detail and any(image.detail for image in request.images):
        _drop(dropped, "messages.content.image_url.detail", "the model knows no level of detail")
    return request, dropped


def _drop(dropped: list[DroppedParameter], parameter: str, reason: str) -> None:
    dropped.append(DroppedParameter(parameter=parameter, reason=reason))


def _formless(request: GenerateRequest, dropped: list[DroppedParameter]) -> GenerateRequest:
    """The sentiment task has a form of its own, and needs no tool."""
    formless = ("tools", "tool_choice", "response_format")
    for name in formless:
        if getattr(request, name) is not None:
            _drop(dropped, name, "the sentiment task has a form of its own")
    return request.model_copy(update=dict.fromkeys(formless))


def _with_temperature(
    request: GenerateRequest, model: CalledModel, dropped: list[DroppedParameter]
) -> GenerateRequest:
    highest = model.max_temperature
    if request.temperature is None:
        return request
    if "temperature" not in model.sampling:
        _drop(dropped, "temperature", "the model takes no temperature")
        return request.model_copy(update={"temperature": None})
    if request.temperature > highest:
        _drop(dropped, "temperature", f"lowered to {highest:g}, the model's highest")
        return request.model_copy(update={"temperature": highest})
    return request


def _with_tool_choice(
    request: GenerateRequest, model: CalledModel, dropped: list[DroppedParameter]
) -> GenerateRequest:
    choice = request.tool_choice
    kind = "named" if isinstance(choice, NamedToolChoice) else choice
    if kind is None or kind in model.tool_choices:
        return request
    if kind == "none" and not request.called_tools:
        # A model that sees no tool calls none: the same, in other words.
        return request.model_copy(update={"tools": None, "tool_choice": None})
    _drop(dropped, "tool_choice", "the model decides itself whether to call a tool")
    return request.model_copy(update={"tool_choice": None})


def _with_strict(
    request: GenerateRequest, model: CalledModel, dropped: list[DroppedParameter]
) -> GenerateRequest:
    functions = [tool.function for tool in request.tools or []]
    if model.strict_tools or not any(function.strict for function in functions):
        return request
    _drop(dropped, "tools.function.strict", "the model is not held to a tool's schema")
    lenient = [Tool(function=one.model_copy(update={"strict": None})) for one in functions]
    return request.model_copy(update={"tools": lenient})
