"""What the exchange reads in a provider's wire formats, and what it changes there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from functions.shared.vocabulary import Api, Usage

Body = dict[str, Any]

_APIS: Mapping[str, Api] = {
    "/chat/completions": "chat_completions",
    "/responses": "responses",
    "/messages": "messages",
    "/converse": "converse",
    "/converse-stream": "converse",
}
_WRITTEN = frozenset({"text", "content", "arguments", "input"})
"""Under these names stands what a model wrote."""
_CHARACTERS_PER_TOKEN = 4


def api_of(path: str) -> Api:
    """Raises LookupError for a path that no provider has."""
    for end, api in _APIS.items():
        if path.endswith(end):
            return api
    raise LookupError(path)


def model_of(path: str, asked: Body) -> str:
    """The provider's own name of it; Converse has it in the path."""
    named = whole_path(path).removesuffix("/converse").rpartition("/model/")[2]
    return str(asked["model"]) if "model" in asked else unquote(named)


def whole_path(path: str) -> str:
    """Where the same answer comes as a whole."""
    return path.removesuffix("-stream") if path.endswith("/converse-stream") else path


def is_streamed(path: str, asked: Body) -> bool:
    return path != whole_path(path) or bool(asked.get("stream"))


def as_whole(asked: Body) -> Body:
    """The same call for an answer that comes as a whole."""
    return {name: value for name, value in asked.items() if not name.startswith("stream")}


def usage_of(asked: bytes, answer: Body) -> Usage:
    """What the provider counts of a call that knows no cache: a token for each four characters."""
    written = sum(len(text) for text in _texts(answer, ""))
    return Usage(
        input_tokens=-(-len(asked) // _CHARACTERS_PER_TOKEN),
        output_tokens=max(1, -(-written // _CHARACTERS_PER_TOKEN)),
    )


def _texts(value: Any, name: str) -> Iterator[str]:
    if isinstance(value, str) and name in _WRITTEN:
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one, name)
    elif isinstance(value, dict):
        for key, one in value.items():
            # Of a tool's arguments as an object every name counts.
            yield from _texts(one, name if name == "input" else key)


def with_usage(answer: Body, api: Api, usage: Usage | None) -> Body:
    """The answer as the provider tells it with this usage, or without any."""
    told = {name: value for name, value in answer.items() if name != "usage"}
    return told | ({} if usage is None else {"usage": _USAGES[api](usage)})


def _of_openai(given: str, made: str, usage: Usage) -> Body:
    cache = {"cached_tokens": usage.cached_input_tokens}
    if usage.cache_write_tokens:
        cache["cache_write_tokens"] = usage.cache_write_tokens
    return {
        given: usage.total_input_tokens,
        made: usage.output_tokens,
        "total_tokens": usage.total_input_tokens + usage.output_tokens,
        f"{given}_details": cache,
        f"{made}_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def _of_anthropic(usage: Usage) -> Body:
    return {
        "input_tokens": usage.input_tokens,
        "cache_read_input_tokens": usage.cached_input_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "output_tokens": usage.output_tokens,
        "service_tier": "standard",
    }


def _of_converse(usage: Usage) -> Body:
    return {
        "inputTokens": usage.input_tokens,
        "cacheReadInputTokens": usage.cached_input_tokens,
        "cacheWriteInputTokens": usage.cache_write_tokens,
        "outputTokens": usage.output_tokens,
        "totalTokens": usage.total_input_tokens + usage.output_tokens,
    }


_USAGES: Mapping[Api, Callable[[Usage], Body]] = {
    "chat_completions": lambda usage: _of_openai("prompt_tokens", "completion_tokens", usage),
    "responses": lambda usage: _of_openai("input_tokens", "output_tokens", usage),
    "messages": _of_anthropic,
    "converse": _of_converse,
}


def in_tier(answer: Body, api: Api, tier: str) -> Body:
    """The answer of a call that was served in this tier."""
    match api:
        case "messages":
            return answer | {"usage": answer["usage"] | {"service_tier": tier}}
        case "converse":
            return answer | {"serviceTier": {"type": tier}}
    return answer | {"service_tier": tier}


def as_refusal(answer: Body, api: Api) -> Body:
    """The answer of a model that will not say more, in the words of its interface."""
    match api:
        case "chat_completions":
            choices = [one | {"finish_reason": "content_filter"} for one in answer["choices"]]
            return answer | {"choices": choices}
        case "responses":
            ended = {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}
            return answer | ended
        case "messages":
            return answer | {"stop_reason": "refusal"}
    return answer | {"stopReason": "content_filtered"}


def bedrock_refusal(error: bytes) -> tuple[dict[str, str], bytes]:
    """AWS names an error in a header, which aimock does not: its fields as AWS has them."""
    told = json.loads(error)["error"]
    kind = f"{told['type']}:http://internal.amazon.com/coral/com.amazon.bedrock/"
    return {"x-amzn-ErrorType": kind}, json.dumps({"message": told["message"]}).encode()
