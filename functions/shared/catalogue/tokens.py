"""Token counts before a provider has told the true ones."""

from __future__ import annotations

import math
from typing import NamedTuple

from functions.shared.vocabulary import Count, Frozen, Tokenizer

IMAGE_TOKENS = 1_600
"""About what Claude counts for the largest image it does not scale down: width * height / 750
(platform.claude.com/docs/en/build-with-claude/vision); OpenAI counts fewer."""
INSTRUCTION_TOKENS = 60
"""What the task's own instruction and the wire format add."""


_LETTERS = b" ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DIGITS = b"0123456789"
_ASCII = bytes(range(0x80))
# The first byte of a character in UTF-8 tells its length and, roughly, its script.
_LATIN = bytes(range(0xC2, 0xCC))
_GREEK_CYRILLIC = bytes(range(0xCC, 0xD6))
_HEBREW_ARABIC = bytes(range(0xD6, 0xE0))
_INDIC_THAI = b"\xe0\xe1"


class TextSize(Frozen):
    """What a text is made of: `words` between blanks, everything else in bytes of UTF-8."""

    words: Count = 0
    letters: Count = 0
    """English ones, and spaces."""
    digits: Count = 0
    signs: Count = 0
    """The other ASCII: punctuation, line ends."""
    latin: Count = 0
    """Accented letters."""
    greek_cyrillic: Count = 0
    arabic_indic: Count = 0
    """From Hebrew and Arabic over India to Thai and Khmer; Vietnamese vowels as well."""
    far: Count = 0
    """Chinese, Japanese, Korean, emoji, typographic signs."""

    @classmethod
    def of(cls, text: str) -> TextSize:
        """Half a surrogate pair, which JSON may hold, counts as one sign."""
        data = text.encode("utf-8", "replace")
        letters, digits = _how_many(data, _LETTERS), _how_many(data, _DIGITS)
        beyond_ascii = 0 if text.isascii() else len(data) - _how_many(data, _ASCII)
        latin = greek_cyrillic = arabic_indic = 0
        if beyond_ascii:
            latin = 2 * _how_many(data, _LATIN)
            greek_cyrillic = 2 * _how_many(data, _GREEK_CYRILLIC)
            arabic_indic = 2 * _how_many(data, _HEBREW_ARABIC) + 3 * _how_many(data, _INDIC_THAI)
        return cls(
            words=len(data.split()),
            letters=letters,
            digits=digits,
            signs=len(data) - beyond_ascii - letters - digits,
            latin=latin,
            greek_cyrillic=greek_cyrillic,
            arabic_indic=arabic_indic,
            far=beyond_ascii - latin - greek_cyrillic - arabic_indic,
        )


class TokenRates(NamedTuple):
    """How much of each part of a `TextSize` makes one token; what a word costs comes on top of
    its letters."""

    words: float
    letters: float
    digits: float
    signs: float
    latin: float
    greek_cyrillic: float
    arabic_indic: float
    far: float


# words, letters, digits, signs, latin, greek_cyrillic, arabic_indic, far
TOKEN_RATES: dict[Tokenizer, TokenRates] = {
    "o200k": TokenRates(2.28, 8.8, 1.1, 1.67, 1.43, 9.18, 9.19, 4.24),
    "cl100k": TokenRates(2.34, 8.41, 1.08, 1.75, 0.83, 4.4, 2.56, 2.83),
    "claude": TokenRates(2.57, 4.94, 0.9, 1.16, 0.51, 2.59, 1.45, 2.07),
    "llama": TokenRates(2.98, 7.34, 1.01, 1.85, 1.24, 7.38, 5.37, 4.22),
}
TOKEN_RATES["none"] = TOKEN_RATES["llama"]
"""Fitted by `python -m training tokens` to the tokenizers themselves: `llama` to Llama 3's (Llama 4's is
larger), `claude` to the last one that Anthropic published, times 1.35 for what its newer models count;
Claude 3 to 4.6 count fewer. On other texts than those of the fit the median error is 3 to 10 % in
English prompts and source code, 6 to 15 % in JSON, and 4 to 20 % in other languages. Too low by half or
more: base64 and emoji. A model that runs here bills no tokens, and takes Llama's."""


def count_tokens(size: TextSize, tokenizer: Tokenizer) -> int:
    """Rounded up: 0 for an empty text alone."""
    rates = TOKEN_RATES[tokenizer]
    return math.ceil(
        size.words / rates.words
        + size.letters / rates.letters
        + size.digits / rates.digits
        + size.signs / rates.signs
        + size.latin / rates.latin
        + size.greek_cyrillic / rates.greek_cyrillic
        + size.arabic_indic / rates.arabic_indic
        + size.far / rates.far
    )


def call_tokens(size: TextSize, image_tokens: int, tokenizer: Tokenizer) -> int:
    """Of a whole call: text, images, instruction and wire format."""
    return image_tokens + INSTRUCTION_TOKENS + count_tokens(size, tokenizer)


def tokens_in(text: str, tokenizer: Tokenizer) -> int:
    return count_tokens(TextSize.of(text), tokenizer)


def _how_many(data: bytes, kinds: bytes) -> int:
    return len(data) - len(data.translate(None, kinds))
