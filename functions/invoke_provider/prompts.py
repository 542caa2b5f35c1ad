"""What a model is told besides the caller's own words."""

from __future__ import annotations

from functions.shared.contracts import GenerateRequest, Message, Task

INSTRUCTIONS: dict[Task, str] = {
    "summarize": (
        "Summarize what the user sends, in a few sentences unless asked for another length or "
        "form. Keep to what it says. Answer with the summary only."
    ),
    "sentiment": (
        "Judge the sentiment of what the user sends. Answer with one JSON object and nothing else: "
        '{"sentiment": "positive" | "negative" | "neutral", "confidence": a number from 0 to 1}'
    ),
    "rewrite": (
        "Rewrite what the user sends the way the user asks, else clearer and without mistakes. "
        "Keep the meaning and the language. Answer with the rewritten text only."
    ),
    "code": "Answer with correct, complete code; explain only what is not obvious from it.",
    "analysis": "Work step by step, check the result, and end with the conclusion.",
}
"""`chat` and `tools` need none: there the caller's own messages say everything."""

JSON_ONLY = "Answer with one JSON object and nothing else."


def system_prompt(request: GenerateRequest, task: Task) -> str:
    """The task's instruction, the caller's own system prompt, and the wish for JSON; may be empty."""
    wants_object = request.response_format and request.response_format.type == "json_object"
    parts = (INSTRUCTIONS.get(task), request.system, JSON_ONLY if wants_object else None)
    return "\n\n".join(part for part in parts if part)


def conversation(request: GenerateRequest) -> list[Message]:
    """The caller's messages; a lone text is the user's one message."""
    return request.messages or [Message(role="user", content=request.text)]
