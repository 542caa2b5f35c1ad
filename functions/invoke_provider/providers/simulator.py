"""A built-in provider without network or model: deterministic, quick, and plain about what it is."""

from __future__ import annotations

import json
import os
import re
from typing import Any

from functions.invoke_provider.prompts import conversation_of
from functions.invoke_provider.providers import Completion, Prompt
from functions.shared.contracts import Candidate, FunctionCall, Tool, ToolCall
from functions.shared.errors import ERRORS_BY_NAME
from functions.shared.pricing import Usage
from functions.shared.settings import InvokeSettings
from functions.shared.tokens import BYTES_PER_TOKEN

FAULTS_VARIABLE = "SIMULATOR_FAULTS"
"""JSON {catalogue id: error class name}: these models fail, for rehearsing what the engine does then."""

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_GOOD = frozenset(
    "good great love loved excellent happy best amazing wonderful nice perfect".split()
)
_BAD = frozenset(
    "bad terrible hate hated awful sad worst horrible poor broken disappointing".split()
)


class Simulator:
    def complete(self, prompt: Prompt, candidate: Candidate, timeout_s: float) -> Completion:
        faults = json.loads(os.environ.get(FAULTS_VARIABLE, "{}"))
        if candidate.model in faults:
            raise ERRORS_BY_NAME[faults[candidate.model]]("Simulated.", retry_after_seconds=1)
        asked = _last_text(prompt)
        input_tokens = _tokens(prompt.system) + sum(
            _tokens(message.content or "") for message in conversation_of(prompt.request)
        )
        request = prompt.request
        if request.tools and request.tool_choice != "none":
            call = _call(request.tools[0])
            used = Usage(input_tokens=input_tokens, output_tokens=_tokens(call.function.arguments))
            return Completion("", (call,), "tool_calls", used)
        text, cut = _within(_text(prompt, asked), candidate.max_output_tokens)
        used = Usage(input_tokens=input_tokens, output_tokens=_tokens(text))
        return Completion(text, (), "length" if cut else "stop", used)


def connect(settings: InvokeSettings) -> Simulator:
    return Simulator()


def _last_text(prompt: Prompt) -> str:
    said = [message.content for message in conversation_of(prompt.request) if message.content]
    return said[-1] if said else ""


def _text(prompt: Prompt, asked: str) -> str:
    wanted = prompt.request.response_format
    if wanted and wanted.json_schema:
        return json.dumps(_example(wanted.json_schema.schema_))
    if '"sentiment"' in prompt.system:
        return _sentiment(asked)
    if wanted and wanted.type == "json_object":
        return json.dumps({"simulated": True})
    sentences = _SENTENCE_END.split(asked.strip())
    return f"[simulated] {' '.join(sentences[:2])}"


def _sentiment(text: str) -> str:
    words = set(re.findall(r"[a-z]+", text.lower()))
    balance = len(words & _GOOD) - len(words & _BAD)
    found = "positive" if balance > 0 else "negative" if balance < 0 else "neutral"
    return json.dumps({"sentiment": found, "confidence": min(0.95, 0.5 + 0.15 * abs(balance))})


def _call(tool: Tool) -> ToolCall:
    arguments = json.dumps(_example(tool.function.parameters))
    name = tool.function.name
    return ToolCall(id=f"call_{name}", function=FunctionCall(name=name, arguments=arguments))


def _example(schema: dict[str, Any]) -> Any:
    """The smallest value of the plain parts of JSON Schema: types, enums, required properties."""
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    kind = schema.get("type", "object")
    if kind == "object":
        properties = schema.get("properties", {})
        return {name: _example(properties.get(name, {})) for name in schema.get("required", [])}
    if kind == "array":
        return [_example(schema.get("items", {}))] * schema.get("minItems", 0)
    plain: dict[str, Any] = {"string": "", "boolean": False, "null": None}
    return plain.get(kind, schema.get("minimum", 0))


def _tokens(text: str) -> int:
    return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)


def _within(text: str, max_tokens: int) -> tuple[str, bool]:
    encoded = text.encode("utf-8", "replace")
    limit = max_tokens * BYTES_PER_TOKEN
    return encoded[:limit].decode("utf-8", "ignore"), len(encoded) > limit
