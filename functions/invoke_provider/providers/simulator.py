"""A provider without network or model: deterministic, quick, and plain about what it is."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections import Counter
from collections.abc import Callable
from math import ceil
from typing import NoReturn

from functions.invoke_provider.called_model import CalledModel
from functions.invoke_provider.providers import simulated_vectors
from functions.invoke_provider.providers.base import (
    Completion,
    Embedded,
    FinishReason,
    Prompt,
)
from functions.invoke_provider.providers.retry_after import MAX_WAIT_S
from functions.invoke_provider.providers.sample import sample_of
from functions.shared.catalogue.models import load_catalogue
from functions.shared.contracts.embedding import EmbeddingRequest
from functions.shared.contracts.request import FunctionCall, ToolCall
from functions.shared.contracts.tools import NamedToolChoice, Tool
from functions.shared.errors import (
    ProviderOverloaded,
    ProviderThrottled,
    ProviderTimeout,
    ProviderUnavailable,
)
from functions.shared.settings import InvokeSettings
from functions.shared.simulation import (
    FAULTS_VARIABLE,
    LATENCY_VARIABLE,
    Fault,
    fault_of,
    faults_in,
)
from functions.shared.vocabulary import TextTask, Usage

FAILURE_PERCENT_VARIABLE = "SIMULATOR_FAILURE_PERCENT"
"""0 to 100: this share of the requests that a model gets fails at it. No deployment sets it."""

_SHARED_FAULTS = (ProviderOverloaded, ProviderThrottled, ProviderUnavailable)

_LEAST_JITTER, _JITTER = 0.7, 0.6
"""An answer takes 0.7 to 1.3 times as long as usual."""

_DIGITS = 24

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
        _fail_some(prompt.request, model, timeout_s, lambda: _completion(prompt, model).usage)
        completion = _completion(prompt, model)
        _take_time(prompt.request, model, completion.usage, timeout_s)
        return completion

    def embed(self, request: EmbeddingRequest, model: CalledModel, timeout_s: float) -> Embedded:
        usage = simulated_vectors.usage_of(request)
        _fail_some(request, model, timeout_s, lambda: usage)
        _take_time(request, model, usage, timeout_s)
        return Embedded(simulated_vectors.vectors_of(request, model), usage)


def connect(_settings: InvokeSettings) -> Simulator:
    return Simulator()


def _completion(prompt: Prompt, model: CalledModel) -> Completion:
    tool = _tool_to_call(prompt)
    if tool is not None:
        call = _call(tool, prompt, model.id)
        return Completion("", (call,), "tool_calls", _usage(prompt, call.model_dump_json()))
    text = _text(prompt)
    limit = model.max_output_tokens * _BYTES_PER_TOKEN
    answer = text.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")
    finish_reason: FinishReason = "stop" if answer == text else "length"
    return Completion(answer, (), finish_reason, _usage(prompt, answer))


def _fail_some(
    request: object, model: CalledModel, timeout_s: float, usage: Callable[[], Usage | None]
) -> None:
    _fail_a_share(request, model.id)
    fault = fault_of(faults_in(os.environ.get(FAULTS_VARIABLE, "")), model.id, model.provider)
    if fault and _drawn(request, model.id, "fault") < fault.share:
        _fail(fault, usage, timeout_s)


def _take_time(request: object, model: CalledModel, usage: Usage | None, timeout_s: float) -> None:
    if os.environ.get(LATENCY_VARIABLE) == "1":
        _wait(_latency_s(request, model, usage), timeout_s)


def _fail(fault: Fault, usage: Callable[[], Usage | None], timeout_s: float) -> NoReturn:
    told_s = 1 if fault.wait_seconds is None else fault.wait_seconds
    error = fault.error("Simulated.", retry_after_seconds=ceil(told_s))
    error.told_wait_seconds = told_s
    if fault.wait_seconds and not isinstance(error, ProviderThrottled):
        error.retry_after_seconds, error.told_wait_seconds = 0, None
        _wait(told_s, timeout_s)
    if fault.fault == "cut":
        whole = usage() or Usage()
        error.usage = whole.model_copy(update={"output_tokens": whole.output_tokens // 2})
        error.billed = "known"
    raise error


def _wait(seconds: float, timeout_s: float) -> None:
    """Raises `ProviderTimeout` where that is longer than the attempt may take."""
    time.sleep(max(0.0, min(seconds, timeout_s)))
    if seconds > timeout_s:
        raise ProviderTimeout("The simulated answer did not come in time.")


def _latency_s(request: object, model: CalledModel, usage: Usage | None) -> float:
    """As the catalogue has it, give or take: the same request always takes as long."""
    told = load_catalogue().get(model.id)
    tokens = usage.output_tokens if usage else 0
    usual_s = told.time_to_first_token_ms / 1000 + tokens / told.output_tokens_per_second
    return usual_s * (_LEAST_JITTER + _JITTER * _drawn(request, model.id, "latency"))


def _fail_a_share(request: object, model: str) -> None:
    percent = float(os.environ.get(FAILURE_PERCENT_VARIABLE) or 0)
    if percent and 100 * _drawn(request, model, "failure") < percent:
        kind = int(_digest(request, model, "kind"), 16) % len(_SHARED_FAULTS)
        error = _SHARED_FAULTS[kind]("Simulated.")
        if isinstance(error, ProviderThrottled):
            # It would end alike however long one waits.
            error.told_wait_seconds = MAX_WAIT_S
        raise error


def _drawn(request: object, model: str, of_what: str) -> float:
    """In [0, 1), by a hash of what is asked of whom, so that the same request always ends alike."""
    return int(_digest(request, model, of_what), 16) / float(16**_DIGITS)


def _digest(request: object, model: str, of_what: str) -> str:
    told = f"{of_what} {model} {request!r}"
    return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:_DIGITS]


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


def _call(tool: Tool, prompt: Prompt, model: str) -> ToolCall:
    arguments = json.dumps(sample_of({"type": "object"} | (tool.function.parameters or {})))
    function = FunctionCall(name=tool.function.name, arguments=arguments)
    # Another one with every turn of a conversation: a result names its call by the id alone.
    return ToolCall(id=f"call_{_digest(prompt.request, model, 'call')}", function=function)


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


_ANSWERS: dict[TextTask, Callable[[str], str]] = {
    "summarize": _summary,
    "sentiment": _sentiment,
    "rewrite": _rewritten,
    "chat": _chat,
    "code": _code,
    "analysis": _analysis,
    "tools": _chat,
}
