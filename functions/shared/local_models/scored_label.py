"""What a local model answers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ScoredLabel:
    """The likeliest label; `confidence` is its probability, calibrated on held-out rows."""

    label: str
    confidence: float
    probabilities: Mapping[str, float]


def most_likely(probabilities: Mapping[str, float]) -> ScoredLabel:
    label = max(probabilities, key=lambda name: probabilities[name])
    return ScoredLabel(label, probabilities[label], probabilities)


def normalized(scores: Mapping[str, float]) -> dict[str, float]:
    """Log-scores as probabilities."""
    highest = max(scores.values())
    powers = {label: math.exp(score - highest) for label, score in scores.items()}
    total = sum(powers.values())
    return {label: power / total for label, power in powers.items()}
