"""Turns a text into hashed n-gram features; works on whole arrays, in time linear in what is read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from functions.shared.local_models.text_hashes import (
    BASE,
    LETTER,
    SIGN,
    SPACE,
    Flags,
    Hashes,
    Kinds,
    Points,
    Positions,
    code_points,
    extended,
    kinds_of,
    placed,
    powers,
    with_digits_alike,
)

_BASE_INVERSE = pow(BASE, -1, 2**64)
_OTHER_SIGNS = ((0x2010, 0x2BFF), (0x3000, 0x303F), (0xFE00, 0xFE0F), (0x1F000, 0x1FAFF))
"""Typographic signs, symbols and emoji: each is a token by itself."""


@dataclass(frozen=True)
class FeatureSettings:
    """What of a text is read, and how; stored with the weights that were trained on it."""

    feature_space: int
    """So many different features can be told apart; the graph knows some of them."""
    word_space: int
    head_characters: int
    tail_characters: int
    word_ngrams: int
    """The longest run of tokens that is a feature."""
    character_ngrams: tuple[int, ...]
    opening_words: int = 0
    """So many first tokens count a second time, as the opening."""
    separate_tail: bool = False
    """Whether a word in the tail is another feature than the same word in the head."""
    negated_words: int = 0
    """So many words after a "not" are other features than without it."""


@dataclass(frozen=True)
class Features:
    """Each feature and each word or figure of a text once, by number."""

    numbers: Positions
    words: Positions


@dataclass(frozen=True)
class _Tokens:
    """`hashes` tell a negated word from the plain one, `plain` do not."""

    hashes: Hashes
    plain: Hashes
    are_signs: Flags


def extract(text: str, settings: FeatureSettings) -> Features:
    head = text[: settings.head_characters]
    tail = text[settings.head_characters :][-settings.tail_characters :]
    families: list[Hashes] = []
    words: list[Hashes] = []
    for number, part in enumerate((head, tail)):
        if not part:
            continue
        salt = number if settings.separate_tail else 0
        points = _code_points(part)
        tokens = _tokens(points, settings.negated_words)
        words.append(tokens.plain[~tokens.are_signs])
        families += _word_ngrams(tokens, settings, salt, is_head=number == 0)
        families += _character_ngrams(points, settings)
    return Features(
        _numbers(families, settings.feature_space), _numbers(words, settings.word_space)
    )


def _numbers(families: list[Hashes], size: int) -> Positions:
    if not families:
        return np.zeros(0, np.int64)
    return np.unique(placed(np.concatenate(families), size))


def _code_points(text: str) -> Points:
    """Lower case, every digit as 0, one kind of apostrophe."""
    return with_digits_alike(code_points(text.lower().replace("\u2019", "'")))


def _kinds(points: Points) -> Kinds:
    kinds = kinds_of(points)
    for first, last in _OTHER_SIGNS:
        kinds[(points >= first) & (points <= last)] = SIGN
    kinds[points == 0xA0] = SPACE
    return kinds


def _tokens(points: Points, negated_words: int) -> _Tokens:
    kinds = _kinds(points)
    previous = np.concatenate(([np.uint8(SPACE)], kinds[:-1]))
    following = np.concatenate((kinds[1:], [np.uint8(SPACE)]))
    starts = np.flatnonzero((kinds != SPACE) & ((kinds != previous) | (kinds == SIGN)))
    ends = np.flatnonzero((kinds != SPACE) & ((kinds != following) | (kinds == SIGN))) + 1
    plain, are_words = _slices(points, starts, ends), kinds[starts] == LETTER
    hashes = plain
    if negated_words:
        negated = are_words & _are_negated(plain, are_words, negated_words)
        hashes = np.where(negated, _salted(plain, 70), plain)
    return _Tokens(hashes, plain, kinds[starts] == SIGN)


def _are_negated(tokens: Hashes, are_words: Flags, reach: int) -> Flags:
    """Which tokens follow a negation within reach, and no sign or "but" stands between."""
    places = np.arange(tokens.size)
    ends = ~are_words | np.isin(tokens, _CONTRASTS)
    last_negation = _latest(np.isin(tokens, _NEGATIONS))
    return (last_negation > _latest(ends)) & (places - last_negation <= reach)


def _latest(flags: Flags) -> Positions:
    """For each place the last one before it whose flag is set."""
    places = np.where(flags, np.arange(flags.size), -(1 << 20))
    return np.concatenate(([-(1 << 20)], np.maximum.accumulate(places)[:-1]))


_MOST_POINTS = 1 << 14
"""More than a window holds, even if its letters become more in lower case."""
_UP, _DOWN = powers(BASE, _MOST_POINTS), powers(_BASE_INVERSE, _MOST_POINTS)


def _slices(points: Points, starts: Positions, ends: Positions) -> Hashes:
    """The polynomial hash of each slice, from sums over the prefixes."""
    terms = points.astype(np.uint64) * _UP[: points.size]
    sums = np.concatenate((np.zeros(1, np.uint64), np.cumsum(terms, dtype=np.uint64)))
    return (sums[ends] - sums[starts]) * _DOWN[starts]


_NEGATION_WORDS = (
    "not no never nothing nobody none neither nor without cannot cant dont doesnt didnt isnt wasnt"
    " arent wont wouldnt couldnt shouldnt havent hasnt hadnt aint hardly barely scarcely lacks lack"
    " lacking don't doesn't didn't isn't wasn't aren't weren't won't wouldn't couldn't shouldn't"
    " haven't hasn't hadn't ain't can't n't"
)
_CONTRAST_WORDS = "but however though although yet"


def _word_hashes(words: str) -> Hashes:
    start = np.zeros(1, np.int64)
    return np.concatenate(
        [_slices(_code_points(word), start, start + len(word)) for word in words.split()]
    )


_NEGATIONS, _CONTRASTS = _word_hashes(_NEGATION_WORDS), _word_hashes(_CONTRAST_WORDS)


def _salted(hashes: Hashes, salt: int) -> Hashes:
    return hashes ^ np.uint64((salt + 1) * 0xD6E8FEB86659FD93 & (2**64 - 1))


def _word_ngrams(
    tokens: _Tokens, settings: FeatureSettings, salt: int, *, is_head: bool
) -> list[Hashes]:
    runs = [tokens.hashes]
    for length in range(2, settings.word_ngrams + 1):
        runs.append(extended(runs[-1], tokens.hashes[length - 1 :]))
    families = [_salted(run, 10 * salt + length) for length, run in enumerate(runs)]
    if is_head and settings.opening_words:
        families += [
            _salted(run[: settings.opening_words], 50 + length) for length, run in enumerate(runs)
        ]
    return families


def _character_ngrams(points: Points, settings: FeatureSettings) -> list[Hashes]:
    """Runs of characters that do not reach over a gap between words."""
    spaced = np.concatenate(([np.uint32(32)], points, [np.uint32(32)]))
    gaps = np.concatenate(([0], np.cumsum(_kinds(spaced) == SPACE)))
    families = []
    for length in settings.character_ngrams:
        starts = np.arange(spaced.size - length + 1)
        inner = gaps[starts + length - 1] - gaps[starts + 1]
        starts = starts[inner == 0]
        families.append(_salted(_slices(spaced, starts, starts + length), 90 + length))
    return families
