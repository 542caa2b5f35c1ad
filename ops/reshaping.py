"""What each interface gets of a request otherwise than it was sent, by sending it what its providers refuse."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from functions.classify.profiling import profile_request
from functions.invoke_provider.called_model import called_model
from functions.invoke_provider.prompts import prompt_for
from functions.shared.catalogue.models import Model, load_catalogue
from functions.shared.contracts.states import ClassifyInput, for_text
from functions.shared.settings import ClassifySettings

Body = dict[str, Any]

_IMAGE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA"
    "60e6kgAAAABJRU5ErkJggg=="
)


def _object(**more: Any) -> Body:
    return {"type": "object", "properties": {"q": {"type": "string"}}, **more}


_ALTERNATIVES = {"anyOf": [_object(required=["q"]), _object()], "type": "object"}
_ENDLESS = {"type": "object", "properties": {"inner": {"$ref": "#"}}}


def _tool(name: str = "look", parameters: Body | None = None, **more: Any) -> Body:
    schema = {} if parameters is None else {"parameters": parameters}
    return {"type": "function", "function": {"name": name, **schema, **more}}


def _says(role: str, content: Any = "Hi", **more: Any) -> Body:
    return {"role": role, "content": content, **more}


def _calls(*ids: str, arguments: str = "{}") -> Body:
    function = {"name": "look", "arguments": arguments}
    calls = [{"id": one, "type": "function", "function": function} for one in ids]
    return {"role": "assistant", "tool_calls": calls}


def _result(call_id: str, content: str = "sunny") -> Body:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def _form(schema: Body, **more: Any) -> Body:
    return {"type": "json_schema", "json_schema": {"name": "form", "schema": schema, **more}}


_TOOLS: Body = {"tools": [_tool(parameters=_object()), _tool("other", _object())]}
_NAMED = {"type": "function", "function": {"name": "look"}}
_ALLOWED = {
    "type": "allowed_tools",
    "allowed_tools": {"mode": "auto", "tools": [_NAMED]},
}

_PARAMETERS: tuple[Body, ...] = (
    {"temperature": 2}, {"top_p": 0.5}, {"stop": ["END"]}, {"stop": ["\n"]}, {"seed": 1},
    {"presence_penalty": 1}, {"frequency_penalty": 1}, {"logit_bias": {"50256": -100}},
    {"parallel_tool_calls": False}, {"parallel_tool_calls": False, **_TOOLS},
    {"reasoning_effort": "minimal"}, {"reasoning_effort": "max"},
    {"reasoning_effort": "high", **_TOOLS}, {"verbosity": "low"}, {"user": "u" * 20},
    {"user": "u" * 300}, {"service_tier": "priority"}, {"max_output_tokens": 1},
    *({"tool_choice": choice, **_TOOLS} for choice in ("none", "required", _NAMED, _ALLOWED)),
    {"task": "sentiment", "response_format": {"type": "json_object"}, **_TOOLS,
     "tool_choice": "auto"},
    {"tools": [_tool()]},
    {"tools": [_tool(parameters={"properties": {}})]},
    {"tools": [_tool(parameters=_ALTERNATIVES)]},
    {"tools": [_tool(parameters=_object(additionalProperties=False, required=["q"]), strict=True)]},
    {"tools": [_tool(parameters=_ENDLESS, strict=True)]},
    {"response_format": _form(_ENDLESS)},
    {"response_format": _form(_ALTERNATIVES)},
    {"response_format": _form(_object(), strict=True)},
)  # fmt: skip

_CONVERSATIONS: tuple[list[Body], ...] = (
    [_says("system")],
    [_says("assistant"), _says("user")],
    [_says("user"), _says("assistant")],
    [_says("user"), _says("assistant", ""), _says("user")],
    [_says("user"), _result("orphan")],
    [_says("user"), _calls("call_1"), _says("user")],
    [_says("user"), _calls("call_1"), _says("user"), _result("call_1")],
    [_says("user"), _calls("functions.look:0"), _result("functions.look:0")],
    [_says("user"), _calls("c" * 70), _result("c" * 70)],
    [_says("user"), _calls("call_1", arguments='{"q": "x'), _result("call_1")],
    [_says("user", [{"type": "image_url", "image_url": {"url": _IMAGE, "detail": "low"}}])],
    [_says("user", [{"type": "image_url", "image_url": {"url": _IMAGE, "detail": "original"}}])],
)


class Change(NamedTuple):
    """Of a request's `parameter`, as the answer's `dropped_parameters` has it."""

    parameter: str
    reason: str


def changes() -> Mapping[Change, list[Model]]:
    """With the models for which each is made."""
    found: defaultdict[Change, list[Model]] = defaultdict(list)
    models = [model for model in load_catalogue().for_text if model.provider != "local"]
    for body in _bodies():
        for model in models:
            for change in _changes_for(model, body):
                if model not in found[change]:
                    found[change].append(model)
    return dict(sorted(found.items()))


def _bodies() -> Iterator[Body]:
    for parameters in _PARAMETERS:
        yield {"task": "chat", "text": "Hi", **parameters}
    for messages in _CONVERSATIONS:
        yield {"task": "chat", "messages": messages}


def _changes_for(model: Model, body: Body) -> Iterator[Change]:
    event = ClassifyInput(
        request=body,
        request_id="req_of-the-page",
        caller_id="page",
        mode="sync",
        started_at="2026-01-01T00:00:00Z",
    )
    settings = ClassifySettings(SYNC_DEADLINE_MS=29_000, ASYNC_DEADLINE_MS=900_000)
    asked = profile_request(event, settings)
    prompt = prompt_for(
        for_text(asked.request), asked.profile, called_model(model.id, asked.profile)
    )
    for dropped in prompt.dropped:
        yield Change(dropped.parameter, dropped.reason)
