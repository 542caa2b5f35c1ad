"""How many tokens a text can make at most, where an estimate would not do: for limits and holds."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from functions.shared.vocabulary import Count, Frozen, Tokenizer

_WORDS = Path(__file__).with_name("common_words.txt")
"""Words that are a single token with the blank before them, in each tokenizer that
`python -m training words` asks: it makes the file."""

_WORD = re.compile(rb" ([a-z]{2,})(?=[ ,.;:!?)\n])")
"""Whole: what follows would otherwise be a part of the same piece."""

_TOKENS_OF_A_COMMON_WORD: dict[Tokenizer, int] = {"o200k": 1, "cl100k": 1, "llama": 1}
_TOKENS_WHERE_UNKNOWN = 2
"""The newer Claude's tokenizer is not published. Llama 4 has a larger vocabulary than Llama 3."""

WIRE_BYTES_PER_PART = 30
"""Around each message and tool, beside its JSON."""
PARAMETERS_BYTES = 40
"""Of the schema that a function without one is given."""
ITEMS_BYTES = 15
"""Of what an array is said to hold, where its schema does not say."""
EARLIER_CALL_BYTES = 300
"""Of an earlier call, where it gets an id of ours, a result that was missing, and the declaration of
its tool."""
INSTRUCTION_BYTES = 400
"""The task's own instruction, what asks for JSON in words, and turns that a provider demands; a test
knows the longest."""
HIDDEN_TOKENS = 1_000
"""Of the prompt that Claude is given beside tools and schemas: some 300 to 800 by
platform.claude.com/docs/en/agents-and-tools/tool-use/overview."""


class TokenBound(Frozen):
    """A byte-level tokenizer makes no more tokens than bytes, and a known number of common words."""

    other_bytes: Count = 0
    common_words: Count = 0

    @classmethod
    def of(cls, text: str) -> TokenBound:
        data = text.encode("utf-8", "replace")
        common = _common_words()
        words = [word for word in _WORD.findall(data) if word in common]
        with_blanks = sum(map(len, words)) + len(words)
        return cls(other_bytes=len(data) - with_blanks, common_words=len(words))

    def with_bytes(self, more: int) -> TokenBound:
        return self.model_copy(update={"other_bytes": self.other_bytes + more})

    def tokens(self, tokenizer: Tokenizer) -> int:
        per_word = _TOKENS_OF_A_COMMON_WORD.get(tokenizer, _TOKENS_WHERE_UNKNOWN)
        return self.other_bytes + per_word * self.common_words


@lru_cache
def _common_words() -> frozenset[bytes]:
    return frozenset(_WORDS.read_bytes().split())
