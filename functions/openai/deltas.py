"""An answer as it comes, piece by piece: what both kinds of streams are written from.

Today every answer is finished before its first piece leaves. A provider's own stream is fed in here, as the
same pieces.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from functions.openai.custom_tools import text_of

_PIECE_CHARACTERS = 200


@dataclass(frozen=True)
class TextPiece:
    text: str


@dataclass(frozen=True)
class CallBegun:
    """The call `number` of the answer's; its arguments follow."""

    number: int
    call_id: str
    name: str


@dataclass(frozen=True)
class ArgumentsPiece:
    number: int
    text: str


@dataclass(frozen=True)
class CustomCall:
    """A whole call of a tool that takes a text: its JSON is ours, and no client is to see pieces of it."""

    number: int
    call_id: str
    name: str
    text: str


Made = TextPiece | CallBegun | ArgumentsPiece
Piece = Made | CustomCall


def pieces_of(answer: Mapping[str, Any]) -> Iterator[Made]:
    """Of a finished one."""
    yield from map(TextPiece, cut(answer["result"]))
    for number, call in enumerate(answer["tool_calls"]):
        yield CallBegun(number, call["id"], call["function"]["name"])
        for text in cut(call["function"]["arguments"]):
            yield ArgumentsPiece(number, text)


def with_custom_calls(pieces: Iterable[Made], custom: Collection[str]) -> Iterator[Piece]:
    """The calls of custom tools whole, once their last piece is there."""
    begun: CallBegun | None = None
    arguments = ""
    for piece in pieces:
        if begun and isinstance(piece, ArgumentsPiece):
            arguments += piece.text
            continue
        if begun:
            yield _custom_call(begun, arguments, custom)
        begun, arguments = None, ""
        if isinstance(piece, CallBegun) and piece.name in custom:
            begun = piece
        else:
            yield piece
    if begun:
        yield _custom_call(begun, arguments, custom)


def cut(text: str) -> Iterator[str]:
    for start in range(0, len(text), _PIECE_CHARACTERS):
        yield text[start : start + _PIECE_CHARACTERS]


def _custom_call(begun: CallBegun, arguments: str, custom: Collection[str]) -> CustomCall:
    text = text_of(begun.name, arguments, custom) or ""
    return CustomCall(begun.number, begun.call_id, begun.name, text)
