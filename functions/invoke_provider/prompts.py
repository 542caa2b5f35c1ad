"""What a model is told: the task's template, the caller's system text, and the parameters it takes."""

from __future__ import annotations

from functions.invoke_provider.called_model import CalledModel
from functions.invoke_provider.conversations import with_taken_turns
from functions.invoke_provider.parameters import Dropped, drop, with_taken_parameters
from functions.invoke_provider.providers.base import Prompt
from functions.invoke_provider.providers.schemas import with_schema_in_words
from functions.invoke_provider.schema_fit import with_taken_form, with_taken_tools
from functions.shared.contracts.decision import Profile
from functions.shared.contracts.request import GenerateRequest
from functions.shared.prompts import template_of

JSON_ONLY = "Answer with one JSON object and nothing else."
"""OpenAI refuses `json_object` unless a message asks for JSON; others know no such mode."""


def prompt_for(request: GenerateRequest, profile: Profile, model: CalledModel) -> Prompt:
    """The request as this model gets it. What it does not take of it is in `dropped`.

    System and developer messages inside `messages` join the system text, which is one for every
    provider: behind the task's instruction and `system`, in the order in which they came.
    """
    task = profile.task
    if task == "embedding":
        raise TypeError("Vectors are asked for without a prompt.")
    # A guessed task must not bend the answer; only sentiment has a form that callers rely on.
    template = "chat" if profile.task_unsure and task != "sentiment" else task
    version, instruction = template_of(template)
    dropped: Dropped = []
    if task == "sentiment":
        request = _formless(request, dropped)
    request = with_taken_parameters(request, model, dropped)
    request = with_taken_tools(request, model, dropped)
    request, in_words = with_taken_form(request, model, dropped)
    system = _system_text(request, instruction, in_words=in_words)
    request = with_taken_turns(request, model, dropped, has_system=bool(system))
    return Prompt(request, system, task, version, tuple(dropped), in_words)


def _system_text(request: GenerateRequest, instruction: str, *, in_words: bool) -> str:
    form = request.response_format
    wants_object = form is not None and form.type == "json_object"
    parts = [instruction, *request.instructions, JSON_ONLY if wants_object else ""]
    system = "\n\n".join(part for part in parts if part)
    if in_words and form and form.json_schema:
        return with_schema_in_words(system, form.json_schema.schema_)
    return system


def _formless(request: GenerateRequest, dropped: Dropped) -> GenerateRequest:
    """The sentiment task has a form of its own, and needs no tool."""
    formless = ("tools", "tool_choice", "response_format")
    for name in formless:
        if getattr(request, name) is not None:
            drop(dropped, name, "the sentiment task has a form of its own")
    return request.model_copy(update=dict.fromkeys(formless))
