"""What the `input` of Responses is made of, and the native messages that say the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal, get_args

from pydantic import ConfigDict, Discriminator, Field, StringConstraints, Tag

from functions.openai.custom_tools import as_arguments
from functions.shared.contracts.request import FunctionCall, ImageAddress
from functions.shared.contracts.tools import MAX_TOOLS, FunctionName
from functions.shared.errors import InvalidRequest
from functions.shared.vocabulary import Strict

_MOST_ITEMS = 1000
_MOST_PARTS = 100
CallId = Annotated[str, StringConstraints(min_length=1)]


class _AsAnswered(Strict):
    """An item may be one of an answer that is sent back as it came: what only tells of that answer is nothing
    that a model would have to know."""

    model_config = ConfigDict(extra="ignore")


class InputText(_AsAnswered):
    type: Literal["input_text", "output_text", "text", "summary_text"]
    text: str


class InputRefusal(_AsAnswered):
    type: Literal["refusal"]
    refusal: str


class InputImage(_AsAnswered):
    type: Literal["input_image"]
    image_url: ImageAddress
    detail: Literal["auto", "low", "high", "original"] | None = None


Parts = Annotated[
    list[Annotated[InputText | InputRefusal | InputImage, Field(discriminator="type")]],
    Field(max_length=_MOST_PARTS, fail_fast=True),
]
Content = Annotated[
    Annotated[str, Tag("Text")] | Annotated[Parts, Tag("Parts")],
    Discriminator(lambda content: "Parts" if isinstance(content, list) else "Text"),
]


class MessageItem(_AsAnswered):
    type: Literal["message"] = "message"
    role: Literal["user", "assistant", "system", "developer"]
    content: Content


class FunctionCallItem(_AsAnswered):
    type: Literal["function_call"]
    call_id: CallId
    name: FunctionName
    arguments: str


class CustomCallItem(_AsAnswered):
    type: Literal["custom_tool_call"]
    call_id: CallId
    name: FunctionName
    input: str


class CallOutputItem(_AsAnswered):
    type: Literal["function_call_output", "custom_tool_call_output"]
    call_id: CallId
    output: Content


class ReasoningItem(_AsAnswered):
    """Of an earlier answer: it is the provider's own, and told to no other."""

    type: Literal["reasoning"]


def _kind(item: Any) -> Any:
    """An item without a type is a message."""
    if isinstance(item, dict):
        return item.get("type", "message")
    return getattr(item, "type", "message")


Item = Annotated[
    Annotated[MessageItem, Tag("message")]
    | Annotated[FunctionCallItem, Tag("function_call")]
    | Annotated[CustomCallItem, Tag("custom_tool_call")]
    | Annotated[CallOutputItem, Tag("function_call_output")]
    | Annotated[CallOutputItem, Tag("custom_tool_call_output")]
    | Annotated[ReasoningItem, Tag("reasoning")],
    Discriminator(_kind),
]
Items = Annotated[list[Item], Field(min_length=1, max_length=_MOST_ITEMS, fail_fast=True)]

_KNOWN = frozenset(
    kind
    for item in (MessageItem, FunctionCallItem, CustomCallItem, CallOutputItem, ReasoningItem)
    for kind in get_args(item.model_fields["type"].annotation)
)
_MAX_SHOWN = 40


def refuse_unknown_items(items: Any) -> None:
    """Raises `InvalidRequest` for the first item of a kind that cannot be told to a model."""
    for number, item in enumerate(items if isinstance(items, list) else []):
        kind = _kind(item)
        if kind == "item_reference":
            raise InvalidRequest.at(
                f"input.{number}", "no answer is stored here to refer to: send the item itself"
            )
        if not isinstance(kind, str) or kind not in _KNOWN:
            shown = kind[:_MAX_SHOWN] if isinstance(kind, str) and kind.isidentifier() else "it"
            raise InvalidRequest.at(f"input.{number}.type", f"{shown} cannot be told to a model")


def messages_of(items: Iterable[Item]) -> list[dict[str, Any]]:
    """Calls in a row, and the assistant's words before them, are one message, as they were one answer."""
    messages: list[dict[str, Any]] = []
    for item in items:
        match item:
            case MessageItem():
                messages.append({"role": item.role, "content": _content(item.content)})
            case FunctionCallItem():
                _add_call(messages, item.call_id, item.name, item.arguments)
            case CustomCallItem():
                _add_call(messages, item.call_id, item.name, as_arguments(item.input))
            case CallOutputItem():
                messages.append(
                    {"role": "tool", "tool_call_id": item.call_id, "content": _content(item.output)}
                )
            case ReasoningItem():
                pass
    return messages


def _add_call(messages: list[dict[str, Any]], call_id: str, name: str, arguments: str) -> None:
    call = FunctionCall(name=name, arguments=arguments)
    last = messages[-1] if messages else {}
    if last.get("role") != "assistant" or len(last.get("tool_calls", ())) >= MAX_TOOLS:
        last = {"role": "assistant"}
        messages.append(last)
    told = {"id": call_id, "type": "function", "function": call.model_dump()}
    last.setdefault("tool_calls", []).append(told)


def _content(content: Any) -> Any:
    return content if isinstance(content, str) else [_part(one) for one in content]


def _part(part: InputText | InputRefusal | InputImage) -> dict[str, Any]:
    if isinstance(part, InputImage):
        detail = {"detail": part.detail} if part.detail else {}
        return {"type": "image_url", "image_url": {"url": part.image_url, **detail}}
    return {"type": "text", "text": part.refusal if isinstance(part, InputRefusal) else part.text}
