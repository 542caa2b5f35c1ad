"""What of a provider's reason is repeated, and what of it is the provider's own words."""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_REASON_CHARACTERS = 300
_READ_CHARACTERS = 20_000
_MOST_QUOTED = 60
"""A name is shorter; a prompt may be longer."""

# By the prefixes of known ones, and whatever is as long and as unlike a word as a key.
_SECRETS = re.compile(
    r"(?i)\b(?:sk|pk|gh[a-z])[-_][\w.*-]{6,}"
    r"|\bAKIA[A-Z0-9]{6,}"
    r"|\bbearer[-_ =:]{1,3}[\w.*+/=-]{6,}"
    r"|\b(?:key|api[-_ ]?key|token|secret) ?= ?[\w.*-]{6,}"
    r"|\b(?:key|api[-_ ]?key|token|secret)[-_ :]{1,2}(?=[\w.*-]{0,200}[\d*])[\w.*-]{6,}"
    r"|[A-Za-z0-9+/_=*-]{24,}"
)
_NAME = re.compile(
    r"[A-Z]?[a-z]{1,15}(?:[_-](?:[A-Z]?[a-z]{1,15}|v?\d{1,8})|[A-Z][a-z]{1,15})+", re.ASCII
)
"""Of a parameter, a function, a model or an error, however long."""
_KEYS_BEGIN = re.compile(r"(?i)(?:sk|pk|gh[a-z]|bearer|key|api[-_ ]?key|token|secret)[-_ =:]|AKIA")

_MARKS = re.compile(r"""(?<!\\)["'`]""")
_WORD = re.compile(r"\w")
_AFTER_A_QUOTE = frozenset({"", *" .,;:)]}"})


def cleaned(reason: str) -> str:
    """A provider's reason without key material, long quotes of the request and line breaks."""
    text = _SECRETS.sub(_hidden, _without(_read(reason), _MOST_QUOTED))
    return text[:MAX_REASON_CHARACTERS] or "no reason given"


def without_quotes(reason: str) -> str:
    """The provider's own words alone: a caller's, in quotes, tell nothing of an account."""
    return _without(_read(reason).replace("’", "'"), 0)


def _read(reason: str) -> str:
    return " ".join(reason[:_READ_CHARACTERS].split())


def _hidden(found: re.Match[str]) -> str:
    token = found[0]
    is_name = not _KEYS_BEGIN.match(token) and _NAME.fullmatch(token)
    return token if is_name else "…"


def _without(text: str, longer_than: int) -> str:
    kept, end = [], 0
    for begins, ends in _quotes(text):
        if ends - begins - 2 >= longer_than:
            kept.append(text[end:begins])
            end = ends
    return "…".join([*kept, text[end:]])


def _quotes(text: str) -> Iterator[tuple[int, int]]:
    """Where each outermost quote begins and ends, its marks with it; one that does not end goes to the end.

    A mark inside a word is an apostrophe. Quotes of the same mark may stand in one another, as those of
    a prompt that is itself quoted.
    """
    mark, depth, begins = "", 0, 0
    for found in _MARKS.finditer(text):
        at = found.start()
        if depth and found[0] != mark:
            continue
        before, after = text[at - 1 : at], text[at + 1 : at + 2]
        if depth and _closes(before, after):
            depth -= 1
            if not depth:
                yield begins, at + 1
        elif not _WORD.match(before) and after not in ("", " "):
            if not depth:
                mark, begins = found[0], at
            depth += 1
    if depth:
        yield begins, len(text)


def _closes(before: str, after: str) -> bool:
    return after in _AFTER_A_QUOTE or (before != " " and not _WORD.match(after))
