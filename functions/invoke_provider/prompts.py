"""What the engine tells a model about the task."""

from __future__ import annotations

from functions.invoke_provider.providers import Prompt
from functions.shared.contracts import GenerateRequest, Message, Task

INSTRUCTIONS: dict[Task, str] = {
    "summarize": (
        "Summarize the user's text. Keep every key fact, add none, and answer with the summary only."
    ),
    "sentiment": (
        "Judge the sentiment of the user's text. Answer with one JSON object and nothing else: "
        '{"sentiment": "positive" | "negative" | "neutral", "confidence": a number from 0 to 1}.'
    ),
    "rewrite": (
        "Rewrite the user's text as asked, or more clearly if nothing is asked. "
        "Keep its meaning and answer with the rewritten text only."
    ),
    "chat": "",
    "code": "Answer with correct, complete code, and explain only what the code does not show.",
    "analysis": "Reason carefully from the facts given. State the result plainly.",
    "tools": "Use the tools given where one of them does what the user needs.",
}


def prompt_for(request: GenerateRequest, task: Task) -> Prompt:
    """System messages inside `messages` join the system text, which is one for every provider."""
    said = [message.content or "" for message in conversation_of(request, roles={"system"})]
    parts = [INSTRUCTIONS[task], request.system or "", *said]
    return Prompt(request, "\n\n".join(part for part in parts if part))


def conversation_of(
    request: GenerateRequest,
    roles: frozenset[str] | set[str] = frozenset({"user", "assistant", "tool"}),
) -> list[Message]:
    """The messages of these roles in order; a lone text is one user message."""
    if request.messages is None:
        return [Message(role="user", content=request.text)] if "user" in roles else []
    return [message for message in request.messages if message.role in roles]
