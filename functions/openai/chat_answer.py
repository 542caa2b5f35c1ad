"""An answer as Chat Completions writes it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from functions.openai.custom_tools import text_of
from functions.openai.routing_facts import openai_id, routing_of
from functions.openai.translated import Translated

_ID = "chatcmpl-"


def completion(answer: Mapping[str, Any], asked: Translated, now_s: int) -> dict[str, Any]:
    """Of a native answer; `now_s` in epoch seconds."""
    calls = [_call(one, asked.custom_tools) for one in answer["tool_calls"]]
    message = {
        "role": "assistant",
        "content": answer["result"] or (None if calls else ""),
        "refusal": None,
        "annotations": [],
        **({"tool_calls": calls} if calls else {}),
    }
    choice = {"index": 0, "message": message, "logprobs": None}
    return {
        **head_of(answer, "chat.completion", now_s),
        "choices": [choice | {"finish_reason": answer["finish_reason"]}],
        "usage": usage_of(answer),
        "routing": routing_of(answer, asked.ignored),
    }


def head_of(answer: Mapping[str, Any], kind: str, now_s: int) -> dict[str, Any]:
    """What an answer and each of its chunks begin with."""
    return {
        "id": openai_id(_ID, answer["request_id"]),
        "object": kind,
        "created": now_s,
        "model": answer["routing"]["selected_model"],
    }


def usage_of(answer: Mapping[str, Any]) -> dict[str, Any]:
    usage = answer["usage"]
    return {
        "prompt_tokens": usage["input_tokens"],
        "completion_tokens": usage["output_tokens"],
        "total_tokens": usage["input_tokens"] + usage["output_tokens"],
        "prompt_tokens_details": {
            "cached_tokens": usage["cached_input_tokens"],
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.get("reasoning_tokens", 0),
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def custom_call(call_id: str, name: str, text: str) -> dict[str, Any]:
    return {"id": call_id, "type": "custom", "custom": {"name": name, "input": text}}


def _call(call: Mapping[str, Any], custom: Collection[str]) -> dict[str, Any]:
    function = call["function"]
    text = text_of(function["name"], function["arguments"], custom)
    if text is None:
        return {"id": call["id"], "type": "function", "function": dict(function)}
    return custom_call(call["id"], function["name"], text)
