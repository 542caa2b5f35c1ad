"""A provider without network or model: deterministic, quick, and plain about what it is."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Callable

from functions.invoke_provider.called_model import CalledModel
from functions.invoke_provider.providers.base import Completion, FinishReason, Prompt
from functions.invoke_provider.providers.sample import sample_of
from functions.shared.contracts.request import FunctionCall, NamedToolChoice, Tool, ToolCall
from functions.shared.errors import (
    ERRORS_BY_NAME,
    ProviderOverloaded,
    ProviderThrottled,
    ProviderUnavailable,
)
from functions.shared.settings import InvokeSettings
from functions.shared.vocabulary import Task, Usage

FAULTS_VARIABLE = "SIMULATOR_FAULTS"
"""JSON {catalogue id: error class}: these models fail, to rehearse what the engine does then."""

FAILURE_PERCENT_VARIABLE = "SIMULATOR_FAILURE_PERCENT"
"""0 to 100: this share of the requests that a model gets fails at it. No deployment sets it."""

_SHARED_FAULTS = (ProviderOverloaded, ProviderThrottled, ProviderUnavailable)

_BYTES_PER_TOKEN = 4
"""Its own way of counting, which is simple and the same for every model."""

_GOOD = re.compile(
    r"\b(good|great|love[ds]?|excellent|amazing|happy|wonderful|best|fantastic|perfect|nice"
    r"|enjoy(ed)?|recommend|pleased|brilliant|awesome|delightful)\b",
    re.IGNORECASE,
)
_BAD = re.compile(
    r"\b(bad|terrible|hate[ds]?|awful|worst|poor|broken|disappoint(ed|ing)|horrible|slow|useless"
    r"|angry|refund|never|waste|problem|fail(s|ed)?|sad)\b",
    re.IGNORECASE,
)


class Simulator:
    def complete(self, prompt: Prompt, model: CalledModel, timeout_s: float) -> Completion:
        _fail_on_demand(model.id)
        _fail_a_share(prompt, model.id)
        tool = _tool_to_call(prompt)
        if tool is not None:
            call = _call(tool)
            return Completion("", (call,), "tool_calls", _usage(prompt, call.model_dump_json()))
        text = _text(prompt)
        limit = model.max_output_tokens * _BYTES_PER_TOKEN
        answer = text.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")
        finish_reason: FinishReason = "stop" if answer == text else "length"
        return Completion(answer, (), finish_reason, _usage(prompt, answer))


def connect(_settings: InvokeSettings) -> Simulator:
    return Simulator()


def _fail_on_demand(model: str) -> None:
    faults: dict[str, str] = json.loads(os.environ.get(FAULTS_VARIABLE) or "{}")
    if model in faults:
        raise ERRORS_BY_NAME[faults[model]]("Simulated.", retry_after_seconds=1)


def _fail_a_share(prompt: Prompt, model: str) -> None:
    """By a hash of what is asked of whom, so that the same request always ends alike."""
    percent = float(os.environ.get(FAILURE_PERCENT_VARIABLE) or 0)
    if not percent:
        return
    digest = hashlib.sha256(f"{model} {prompt.request!r}".encode()).digest()
    kind, share = divmod(int.from_bytes(digest[:8], "big"), 10_000)
    if share < percent * 100:
        raise _SHARED_FAULTS[kind % len(_SHARED_FAULTS)]("Simulated.")


def _usage(prompt: Prompt, answer: str) -> Usage:
    tools = prompt.request.model_dump_json(include={"tools"}, exclude_none=True)
    texts = "".join(message.text for message in prompt.request.conversation)
    return Usage(input_tokens=_tokens(prompt.system + tools + texts), output_tokens=_tokens(answer))


def _tokens(text: str) -> int:
    return -(-len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN)


def _tool_to_call(prompt: Prompt) -> Tool | None:
    """The named tool or the first one; none once the conversation ends with a tool's result."""
    tools, choice = prompt.request.tools or [], prompt.request.tool_choice
    conversation = prompt.request.conversation
    if isinstance(choice, NamedToolChoice):
        tools = [tool for tool in tools if tool.function.name == choice.function.name]
    if not tools or choice == "none" or (conversation and conversation[-1].role == "tool"):
        return None
    return tools[0]


def _call(tool: Tool) -> ToolCall:
    arguments = json.dumps(sample_of({"type": "object"} | (tool.function.parameters or {})))
    name = tool.function.name
    return ToolCall(id=f"call_{name}", function=FunctionCall(name=name, arguments=arguments))


def _text(prompt: Prompt) -> str:
    texts = [message.text for message in prompt.request.conversation]
    text = _ANSWERS[prompt.task](texts[-1] if texts else "")
    form = prompt.request.response_format
    if form is None or form.type == "text":
        return text
    answer = sample_of(form.json_schema.schema_) if form.json_schema else {"answer": text}
    return json.dumps(answer, ensure_ascii=False)


def _sentences(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"(?<=[.!?…。])\s+|\n+", text) if part.strip()]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _summary(text: str) -> str:
    return f"[simulated] {' '.join(_sentences(text)[:2])}"


def _sentiment(text: str) -> str:
    good, bad = len(_GOOD.findall(text)), len(_BAD.findall(text))
    label = "neutral" if good == bad else "positive" if good > bad else "negative"
    confidence = round(0.5 + 0.5 * abs(good - bad) / (good + bad + 1), 2)
    return json.dumps({"sentiment": label, "confidence": confidence})


def _rewritten(text: str) -> str:
    sentences = _sentences(" ".join(text.split()))
    return "[simulated] " + " ".join(one[:1].upper() + one[1:] for one in sentences)


def _chat(text: str) -> str:
    return f"[simulated] An answer to: {' '.join(text.split())[:200]}"


def _code(text: str) -> str:
    name = "_".join(_words(text)[:4])
    named = name if name.isidentifier() else "solution"
    return f"```python\n# [simulated]\ndef {named}() -> None:\n    raise NotImplementedError\n```"


def _analysis(text: str) -> str:
    words = _words(text)
    often = [word for word, _ in Counter(word for word in words if len(word) > 3).most_common(3)]
    return (
        f"[simulated] {len(words)} words in {len(_sentences(text))} sentences, "
        f"most of all about: {', '.join(often) or 'nothing in particular'}."
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
