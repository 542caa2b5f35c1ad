"""Figures of several rounds: their median, and how far they lie apart."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

DIGITS = 3
"""That count of a figure: the others are noise."""


def rounded(value: float, digits: int = DIGITS) -> float:
    """To as many digits as count, and without a fraction where there are no more."""
    exact = float(f"{value:.{digits}g}")
    return int(exact) if exact.is_integer() else exact


def spread(values: Sequence[float]) -> dict[str, float]:
    """Of the rounds; the median is nobody's mean, and one round that something disturbed does not move it."""
    return {
        "median": rounded(statistics.median(values)),
        "min": rounded(min(values)),
        "max": rounded(max(values)),
    }


def ratio_spread(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, float]:
    """Of the ratios round by round: what slowed the machine in one slowed both in it."""
    return spread([our / their for our, their in zip(ours, theirs, strict=True)])


def growth(by_size: dict[int, float]) -> dict[int, float]:
    """Each figure over that of the smallest size."""
    smallest = by_size[min(by_size)]
    return {size: rounded(value / smallest) for size, value in by_size.items()}
