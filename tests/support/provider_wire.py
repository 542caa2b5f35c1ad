"""An answer in the words of each provider's interface."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from functions.shared.vocabulary import Api, Usage

Json = dict[str, Any]
TEXT = "Bern has 134,000 inhabitants."
USAGE = Usage(input_tokens=1200, output_tokens=340)


@dataclass(frozen=True)
class Told:
    """What a model answers. Without a `finish` it has come to its natural end."""

    text: str = TEXT
    usage: Usage = USAGE
    finish: str | None = None


def whole(api: Api, told: Told) -> Json:
    return _WHOLE[api](told)


def _chat(told: Told) -> Json:
    given, made = told.usage.total_input_tokens, told.usage.output_tokens
    usage = {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}
    message = {"role": "assistant", "content": told.text, "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": told.finish or "stop"}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m"}
    return head | {"choices": [choice], "usage": usage}


def _response(told: Told) -> Json:
    part = {"type": "output_text", "text": told.text, "annotations": []}
    message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed"}
    given, made = told.usage.total_input_tokens, told.usage.output_tokens
    body: Json = {
        "id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": "completed",
        "error": None, "incomplete_details": None, "output": [message | {"content": [part]}],
        "usage": {"input_tokens": given, "output_tokens": made, "total_tokens": given + made},
    }  # fmt: skip
    if told.finish:
        body |= {"status": "incomplete", "incomplete_details": {"reason": told.finish}}
    return body


def _message(told: Told) -> Json:
    usage = told.usage
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
        "content": [{"type": "text", "text": told.text}],
        "stop_reason": told.finish or "end_turn", "stop_sequence": None,
        "usage": {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens},
    }  # fmt: skip


def _converse(told: Told) -> Json:
    given, made = told.usage.total_input_tokens, told.usage.output_tokens
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": told.text}]}},
        "stopReason": told.finish or "end_turn",
        "usage": {"inputTokens": given, "outputTokens": made, "totalTokens": given + made},
        "metrics": {"latencyMs": 300},
    }


_WHOLE: Mapping[Api, Callable[[Told], Json]] = {
    "chat_completions": _chat,
    "responses": _response,
    "messages": _message,
    "converse": _converse,
}
