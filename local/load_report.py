"""What a load run has seen, beside what the API's own metrics say of it."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from local.load_sending import Outcome

SOURCE = "/metrics/summary"
_MICRO = Decimal("0.000001")
_LABELS = {"cost_usd": "cost, USD", "savings_usd": "saved, USD"}


@dataclass(frozen=True)
class Figures:
    """What is compared: counts of requests and of their fallbacks, and money."""

    requests: int
    successful: int
    failed: int
    fallbacks: int
    cost_usd: Decimal
    savings_usd: Decimal

    def since(self, earlier: Figures) -> Figures:
        """What was added."""
        return Figures(
            **{one.name: _of(self, one.name) - _of(earlier, one.name) for one in fields(self)}
        )

    def differences(self, other: Figures) -> list[str]:
        """The names of the figures that are not the same; money may be off by a micro-dollar."""
        return [
            _LABELS.get(one.name, one.name)
            for one in fields(self)
            if abs(_of(self, one.name) - _of(other, one.name))
            > (_MICRO if _is_usd(one.name) else 0)
        ]


def _of(figures: Figures, name: str) -> Any:
    return getattr(figures, name)


def _is_usd(name: str) -> bool:
    return name.endswith("_usd")


def sent(outcomes: Sequence[Outcome]) -> Figures:
    """Of the requests that reached the state machine, or should have."""
    counted = [one for one in outcomes if one.kind != "refused"]
    answered = sum(one.kind == "answered" for one in counted)
    return Figures(
        requests=len(counted),
        successful=answered,
        failed=len(counted) - answered,
        fallbacks=sum(one.fallbacks for one in counted),
        cost_usd=sum((one.cost_usd for one in counted), Decimal(0)),
        savings_usd=sum((one.savings_usd for one in counted), Decimal(0)),
    )


def told(summary: Any) -> Figures:
    """Of the body of `/metrics/summary`."""
    return Figures(
        requests=summary["requests"]["total"],
        successful=summary["requests"]["successful"],
        failed=summary["requests"]["failed"],
        fallbacks=summary["fallbacks"],
        cost_usd=Decimal(summary["costs"]["total_usd"]),
        savings_usd=Decimal(summary["costs"]["savings_usd"]),
    )


Percentiles = dict[str, Any]
"""Milliseconds by `p50`, `p95` and `p99`; None where there is none."""


def percentiles(outcomes: Sequence[Outcome]) -> Percentiles:
    """Of the answers' `total_time_ms`."""
    times = [one.total_time_ms for one in outcomes if one.total_time_ms is not None]
    if len(times) < 2:
        return dict.fromkeys(("p50", "p95", "p99"), times[0] if times else None)
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    return {name: cuts[int(name[1:]) - 1] for name in ("p50", "p95", "p99")}


def table(ours: Figures, theirs: Figures, our_ms: Percentiles, their_ms: Percentiles) -> str:
    """Two columns, and a line for each figure."""
    rows = [("", "sent", SOURCE)]
    for one in fields(Figures):
        show: Callable[[Any], str] = _usd if _is_usd(one.name) else str
        label = _LABELS.get(one.name, one.name)
        rows.append((label, show(_of(ours, one.name)), show(_of(theirs, one.name))))
    rows += [(f"{name}, ms", _ms(our_ms[name]), _ms(their_ms[name])) for name in our_ms]
    return "\n".join(f"{label:<12}{ours:>16}{theirs:>20}" for label, ours, theirs in rows)


def _usd(amount: Decimal) -> str:
    return f"{amount:.6f}"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def remarks(outcomes: Sequence[Outcome]) -> list[str]:
    """A sentence each on what was throttled, refused and failed, if anything was."""
    throttled = sum(one.throttled for one in outcomes)
    found = [f"Throttled: {throttled} answers of 429."] if throttled else []
    for kind, title in (("failed", "Failed"), ("refused", "Refused, and not counted as requests")):
        problems = Counter(one.problem for one in outcomes if one.kind == kind)
        if problems:
            listed = ", ".join(f"{name} {number}" for name, number in problems.most_common())
            found.append(f"{title}: {listed}.")
    return found
