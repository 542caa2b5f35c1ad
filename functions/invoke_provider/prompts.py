"""What the engine tells a model about the task."""

from __future__ import annotations

from functions.invoke_provider.providers import Prompt
from functions.shared.contracts import GenerateRequest, Message, Task

INSTRUCTIONS: dict[Task, str] = {
    "summarize": (
        "Summarize what the user sends. Keep every key fact, add none, "
        "follow any wish for length or form, and answer with the summary only."
    ),
    "sentiment": (
        "Judge the sentiment of what the user sends. Answer with one JSON object and nothing else: "
        '{"sentiment": "positive" | "negative" | "neutral", "confidence": a number from 0 to 1}.'
    ),
    "rewrite": (
        "Rewrite what the user sends as asked, or more clearly if nothing is asked. "
        "Keep its meaning and language, and answer with the rewritten text only."
    ),
    "code": "Answer with correct, complete code, and explain only what the code does not show.",
    "analysis": "Reason carefully from the facts given, and state the conclusion plainly.",
}
"""`chat` and `tools` need none: there the caller's own messages say everything."""

JSON_ONLY = "Answer with one JSON object and nothing else."
"""OpenAI refuses `json_object` unless a message asks for JSON; others know no such mode."""


def prompt_for(request: GenerateRequest, task: Task) -> Prompt:
    """System messages inside `messages` join the system text, which is one for every provider."""
    said = [message.content for message in request.messages or [] if message.role == "system"]
    if task == "sentiment":
        # The task has a form of its own, and needs no tool.
        formless = {"tools": None, "tool_choice": None, "response_format": None}
        request = request.model_copy(update=formless)
    wants_object = request.response_format and request.response_format.type == "json_object"
    parts = [INSTRUCTIONS.get(task), request.system, *said, JSON_ONLY if wants_object else None]
    return Prompt(request, "\n\n".join(part for part in parts if part), task)


def conversation_of(request: GenerateRequest) -> list[Message]:
    """What was said, in order, without system messages; a lone text is one user message."""
    if request.messages is None:
        return [Message(role="user", content=request.text)]
    return [message for message in request.messages if message.role != "system"]
