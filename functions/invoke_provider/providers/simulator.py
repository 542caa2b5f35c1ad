"""Answers without a provider: the same request always gets the same plausible answer, at once."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping

from pydantic import Field, Json

from functions.invoke_provider.prompts import conversation, system_prompt
from functions.invoke_provider.providers import Completion, Provider
from functions.invoke_provider.providers.sample import sample_of
from functions.shared.contracts import (
    Candidate,
    FunctionCall,
    GenerateRequest,
    NamedToolChoice,
    Task,
    Tool,
    ToolCall,
)
from functions.shared.errors import ERRORS_BY_NAME
from functions.shared.pricing import Usage
from functions.shared.settings import InvokeSettings, Settings, read
from functions.shared.tokens import BYTES_PER_TOKEN

_POSITIVE = frozenset(
    "good great love loved loves excellent amazing happy wonderful best fantastic perfect nice "
    "enjoy enjoyed recommend pleased brilliant awesome delightful".split()
)
_NEGATIVE = frozenset(
    "bad terrible hate hated awful worst poor broken disappointed disappointing horrible slow "
    "useless angry refund never waste problem fails sad".split()
)


class SimulatorSettings(Settings):
    """`SIMULATOR_FAULTS`: model → name of the error class it fails with, as a JSON object."""

    SIMULATOR_FAULTS: Json[dict[str, str]] = Field(default_factory=dict)


class SimulatorProvider:
    """`faults` as in `SimulatorSettings`; it keys on the catalogue's id of a model."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        self._faults = {model: ERRORS_BY_NAME[name] for model, name in faults.items()}

    def complete(
        self, request: GenerateRequest, candidate: Candidate, task: Task, timeout_s: float
    ) -> Completion:
        fault = self._faults.get(candidate.model)
        if fault is not None:
            raise fault(f"The simulator was told that {candidate.model} fails.")
        tool = _tool_to_call(request, task)
        if tool is not None:
            call = _call_of(tool)
            return Completion(
                "", "tool_calls", _usage(request, task, call.model_dump_json()), [call]
            )
        text = _text_of(request, task)
        limit = candidate.max_output_tokens * BYTES_PER_TOKEN
        cut = text.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")
        finish = "stop" if cut == text else "length"
        return Completion(cut, finish, _usage(request, task, cut))


def connect(settings: InvokeSettings) -> Provider:
    del settings  # It needs neither a secret nor an address.
    return SimulatorProvider(read(SimulatorSettings).SIMULATOR_FAULTS)


def _usage(request: GenerateRequest, task: Task, answer: str) -> Usage:
    shown = request.model_dump_json(include={"messages", "text", "tools"}, exclude_none=True)
    return Usage(
        input_tokens=_tokens(system_prompt(request, task) + shown), output_tokens=_tokens(answer)
    )


def _tokens(text: str) -> int:
    return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)


def _tool_to_call(request: GenerateRequest, task: Task) -> Tool | None:
    """The named tool or the first one; none once the conversation ends with a tool's result."""
    if not request.tools or conversation(request)[-1].role == "tool":
        return None
    if isinstance(request.tool_choice, NamedToolChoice):
        name = request.tool_choice.function.name
        return next((tool for tool in request.tools if tool.function.name == name), None)
    forced = request.tool_choice == "required"
    may = task == "tools" and request.tool_choice in (None, "auto")
    return request.tools[0] if forced or may else None


def _call_of(tool: Tool) -> ToolCall:
    arguments = sample_of({"type": "object"} | tool.function.parameters)
    name = tool.function.name
    return ToolCall(
        id=f"call_{name}", function=FunctionCall(name=name, arguments=json.dumps(arguments))
    )


def _text_of(request: GenerateRequest, task: Task) -> str:
    said = [message.content or "" for message in conversation(request) if message.role != "system"]
    text = _ANSWERS[task](said[-1] if said else "")
    form = request.response_format
    if form is None or form.type == "text":
        return text
    answer = sample_of(form.json_schema.schema_) if form.json_schema else {"answer": text}
    return json.dumps(answer, ensure_ascii=False)


def _sentences(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"(?<=[.!?…。])\s+|\n+", text) if part.strip()]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _summary(text: str) -> str:
    return " ".join(_sentences(text)[:2])


def _sentiment(text: str) -> str:
    words = _words(text)
    good = sum(word in _POSITIVE for word in words)
    bad = sum(word in _NEGATIVE for word in words)
    label = "neutral" if good == bad else "positive" if good > bad else "negative"
    confidence = round(0.5 + 0.5 * abs(good - bad) / (good + bad + 1), 2)
    return json.dumps({"sentiment": label, "confidence": confidence})


def _rewritten(text: str) -> str:
    return " ".join(part[:1].upper() + part[1:] for part in _sentences(" ".join(text.split())))


def _chat(text: str) -> str:
    about = " ".join(text.split())[:120]
    return f"This is a simulated answer to “{about}”. With a provider's key, a model answers here."


def _code(text: str) -> str:
    name = "_".join(_words(text)[:4]) or "solution"
    named = name if name.isidentifier() else "solution"
    return f"```python\ndef {named}() -> None:\n    raise NotImplementedError\n```"


def _analysis(text: str) -> str:
    words = _words(text)
    often = ", ".join(word for word, _ in Counter(w for w in words if len(w) > 3).most_common(3))
    return (
        f"1. The text has {len(words)} words in {len(_sentences(text))} sentences.\n"
        f"2. It is mostly about: {often or 'nothing in particular'}.\n"
        "Conclusion: a simulated analysis counts, it does not judge."
    )


_ANSWERS: dict[Task, Callable[[str], str]] = {
    "summarize": _summary,
    "sentiment": _sentiment,
    "rewrite": _rewritten,
    "chat": _chat,
    "code": _code,
    "analysis": _analysis,
    "tools": _chat,
}
