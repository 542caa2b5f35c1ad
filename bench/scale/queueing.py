"""The arithmetic of queues: how many are busy, how long a bucket lasts, how fast a ramp climbs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

GROWS_S = 1800
"""In so long a table on demand takes twice its peak:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html"""


def busy(rate: float, seconds: float) -> float:
    """Little's law: how many are under way at a steady rate, each for so long."""
    return rate * seconds


def rate_of(places: float, seconds: float) -> float:
    """The same turned round: what so many places take a second."""
    return places / seconds if seconds else math.inf


def lasts_s(burst: float, refill: float, offered: float) -> float:
    """Until a full bucket is empty; infinite where it is refilled as fast as it is used."""
    return burst / (offered - refill) if offered > refill else math.inf


def ramp_s(needed: float, at_once: float, each_s: float) -> float:
    """Until so many environments are there."""
    return max(0.0, needed - at_once) / each_s


def grows_s(needed: float, at_once: float) -> float:
    """Until a table on demand takes so much, where the load follows it as it doubles."""
    return math.ceil(math.log2(needed / at_once)) * GROWS_S if needed > at_once else 0.0


@dataclass
class TokenBucket:
    """Full at first. Time is told, in seconds, and never goes back."""

    refill: float
    burst: float
    tokens: float = field(init=False)
    at_s: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.burst

    def take(self, wanted: float, each: float, now_s: float) -> int:
        """How many of `wanted` get their `each` tokens, whole ones only."""
        self.tokens = min(self.burst, self.tokens + (now_s - self.at_s) * self.refill)
        self.at_s = now_s
        # What a sum of floats lacks is no token.
        granted = min(int(wanted), int(self.tokens / each + 1e-9))
        self.tokens = max(0.0, self.tokens - granted * each)
        return granted
