"""An answer as Responses writes it, whichever way it was asked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from functions.openai.custom_tools import text_of
from functions.openai.namespaces import OwnNames, called
from functions.openai.routing_facts import RESPONSE_ID, openai_id, routing_of

Status = Literal["queued", "in_progress", "completed", "failed", "cancelled", "incomplete"]


@dataclass(frozen=True)
class AskedFor:
    """What a response repeats of its request, which is the native one. `model` is what the client called it."""

    request: Mapping[str, Any]
    model: str
    ignored: list[str] = field(default_factory=list)
    custom_tools: list[str] = field(default_factory=list)
    own_names: OwnNames = field(default_factory=dict)
    previous_response_id: str | None = None
    is_background: bool = False


def response_of(
    request_id: str,
    asked: AskedFor,
    *,
    status: Status,
    created_s: int,
    completed_s: int | None = None,
    error: Mapping[str, Any] | None = None,
    incomplete_reason: str | None = None,
) -> dict[str, Any]:
    """One without an answer so far, or for good. Times in epoch seconds."""
    return {
        "id": openai_id(RESPONSE_ID, request_id),
        "object": "response",
        "created_at": created_s,
        "status": status,
        "completed_at": completed_s,
        "background": asked.is_background,
        "error": error,
        "incomplete_details": {"reason": incomplete_reason} if incomplete_reason else None,
        "model": asked.model,
        "output": [],
        "usage": None,
        **_echoed(asked),
    }


def answered(
    answer: Mapping[str, Any], asked: AskedFor, *, created_s: int, completed_s: int
) -> dict[str, Any]:
    """Of a native answer."""
    is_cut = answer["finish_reason"] == "length"
    response = response_of(
        answer["request_id"],
        asked,
        status="incomplete" if is_cut else "completed",
        created_s=created_s,
        completed_s=None if is_cut else completed_s,
        incomplete_reason="max_output_tokens" if is_cut else None,
    )
    return response | {
        "model": answer["routing"]["selected_model"],
        "output": output_items(answer, asked),
        "usage": _usage(answer["usage"]),
        "routing": routing_of(answer, asked.ignored),
    }


def output_items(answer: Mapping[str, Any], asked: AskedFor) -> list[dict[str, Any]]:
    request_id, calls = answer["request_id"], answer["tool_calls"]
    status = "incomplete" if answer["finish_reason"] == "length" else "completed"
    items = [_call(one, f"{request_id}_{number}", asked) for number, one in enumerate(calls)]
    if not answer["result"] and items:
        return items
    return [message_item(request_id, answer["result"], status), *items]


def message_item(request_id: str, text: str | None, status: str = "completed") -> dict[str, Any]:
    """Without a part where there is no text yet."""
    return {
        "id": openai_id("msg_", request_id),
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": [] if text is None else [text_part(text)],
    }


def function_item(
    own_id: str, call_id: str, name: Mapping[str, str], arguments: str
) -> dict[str, Any]:
    """`own_id` is the request's, with the number of the call; `name` with its namespace."""
    return {
        "id": openai_id("fc_", own_id),
        "type": "function_call",
        "call_id": call_id,
        **name,
        "arguments": arguments,
        "status": "completed",
    }


def custom_item(own_id: str, call_id: str, name: Mapping[str, str], text: str) -> dict[str, Any]:
    return {
        "id": openai_id("ctc_", own_id),
        "type": "custom_tool_call",
        "call_id": call_id,
        **name,
        "input": text,
        "status": "completed",
    }


def text_part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _call(call: Mapping[str, Any], own_id: str, asked: AskedFor) -> dict[str, Any]:
    name, arguments = call["function"]["name"], call["function"]["arguments"]
    text, own = text_of(name, arguments, asked.custom_tools), called(name, asked.own_names)
    if text is None:
        return function_item(own_id, call["id"], own, arguments)
    return custom_item(own_id, call["id"], own, text)


def _usage(usage: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "input_tokens": usage["input_tokens"],
        "input_tokens_details": {
            "cached_tokens": usage["cached_input_tokens"],
            "cache_write_tokens": usage.get("cache_write_tokens", 0),
        },
        "output_tokens": usage["output_tokens"],
        "output_tokens_details": {"reasoning_tokens": usage.get("reasoning_tokens", 0)},
        "total_tokens": usage["input_tokens"] + usage["output_tokens"],
    }


def _echoed(asked: AskedFor) -> dict[str, Any]:
    request, custom = asked.request, asked.custom_tools
    verbosity = {"verbosity": request["verbosity"]} if "verbosity" in request else {}
    user = {"user": request["user"]} if "user" in request else {}
    return {
        "instructions": request.get("system"),
        "max_output_tokens": request.get("max_output_tokens"),
        "metadata": request.get("metadata", {}),
        "parallel_tool_calls": request.get("parallel_tool_calls", True),
        "previous_response_id": asked.previous_response_id,
        "reasoning": {"effort": request.get("reasoning_effort"), "summary": None},
        "store": asked.is_background,
        "temperature": request.get("temperature", 1.0),
        "text": {"format": _flat_format(request.get("response_format")), **verbosity},
        "tool_choice": _flat_choice(request.get("tool_choice"), custom),
        "tools": [_flat_tool(one, custom) for one in request.get("tools", [])],
        "top_p": request.get("top_p", 1.0),
        "presence_penalty": request.get("presence_penalty", 0.0),
        "frequency_penalty": request.get("frequency_penalty", 0.0),
        **_FIXED,
        **user,
    }


_FIXED: Mapping[str, Any] = {
    "truncation": "disabled",
    "service_tier": "default",
    "top_logprobs": 0,
    "max_tool_calls": None,
    "safety_identifier": None,
    "prompt_cache_key": None,
}
"""What is always so here, and always told by OpenAI."""


def _flat_format(wanted: Mapping[str, Any] | None) -> dict[str, Any]:
    told = wanted or {"type": "text"}
    return {"type": told["type"], **(told.get("json_schema") or {})}


def _flat_choice(choice: Any, custom: Collection[str]) -> Any:
    match choice:
        case {"function": {"name": name}}:
            return {"type": "custom" if name in custom else "function", "name": name}
        case {"allowed_tools": {"tools": tools, **how}}:
            flat = [_flat_choice(one, custom) for one in tools]
            return {"type": "allowed_tools", "mode": how.get("mode", "auto"), "tools": flat}
        case _:
            return choice or "auto"


def _flat_tool(tool: Mapping[str, Any], custom: Collection[str]) -> dict[str, Any]:
    function = tool["function"]
    if function["name"] in custom:
        shown = {"name": function["name"], "description": function.get("description", "")}
        return {"type": "custom", **shown}
    return {"type": "function", "parameters": None, "strict": None, **function}
