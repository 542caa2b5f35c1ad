"""Kinds of characters, and hashes of runs of them, modulo 2**64.

What the features of the local models and those of a prompt share. Where a word begins and which
runs count is each one's own, and so is the polynomial of a run: trained weights depend on them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.uint32]
"""The code points of a text."""
Kinds = NDArray[np.uint8]
Hashes = NDArray[np.uint64]
Positions = NDArray[np.int64]
Flags = NDArray[np.bool_]

BASE = 0x9E3779B97F4A7C15
SPACE, LETTER, DIGIT, SIGN = 0, 1, 2, 3


def code_points(text: str) -> Points:
    """Read-only; half a surrogate pair counts as a character of its own."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def with_digits_alike(points: Points) -> Points:
    """Every digit of ASCII as 0."""
    digits = (points >= ord("0")) & (points <= ord("9"))
    return np.where(digits, np.uint32(ord("0")), points)


def _ascii_kind(number: int) -> int:
    if number <= ord(" ") or number == 127:
        return SPACE
    if chr(number).isalpha() or chr(number) in "'_":
        return LETTER
    return DIGIT if chr(number).isdigit() else SIGN


_ASCII_KINDS = np.array([_ascii_kind(number) for number in range(128)], np.uint8)


def kinds_of(points: Points) -> Kinds:
    """Beyond ASCII every character counts as a letter."""
    return np.where(points < 128, _ASCII_KINDS[np.minimum(points, 127)], np.uint8(LETTER))


def powers(base: int, count: int) -> Hashes:
    """base**0, base**1, ..."""
    factors = np.full(count, base & (2**64 - 1), np.uint64)
    if count:
        factors[0] = 1
    return np.cumprod(factors, dtype=np.uint64)


def mixed(hashes: Hashes) -> Hashes:
    """Spreads each bit over all others (the end of MurmurHash3)."""
    hashes = (hashes ^ (hashes >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    hashes = (hashes ^ (hashes >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return hashes ^ (hashes >> np.uint64(33))


def extended(runs: Hashes, following: Hashes) -> Hashes:
    """Each run but the last, together with the token that follows it."""
    return mixed(runs[:-1]) + following


def placed(hashes: Hashes, size: int) -> Positions:
    """In a table of that size, one per hash."""
    return (mixed(hashes) % np.uint64(size)).astype(np.int64)
