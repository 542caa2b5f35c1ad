"""Draws the curve: rate and dollars a month, both by their powers of ten."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from xml.sax.saxutils import escape

from bench.costs.curve import RATES, Curve, MonthlyUsd

_WIDTH, _HEIGHT = 860, 520
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 206, 54, 64
_DECADES_X = (-1, 3)
_DECADES_Y = (0, 6)
_STEPS = 40
"""Points of a line in each power of ten."""
_COLOURS = ("ours", "jobs", "container", "managed")
_DASHES = ("", "7 4", "", "2 4")
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-size: 16px; font-weight: 600 } .axis { fill: #57606a }
.back { fill: #ffffff } .grid { stroke: #d8dee4; stroke-width: 1 }
.line { fill: none; stroke-width: 2.5 } .mark { stroke-width: 2; fill: #ffffff }
.ours { stroke: #0057b8 } .jobs { stroke: #7a3fb5 } .container { stroke: #b35900 } .managed { stroke: #15803d }
text.ours { fill: #0057b8 } text.jobs { fill: #7a3fb5 } text.container { fill: #b35900 }
text.managed { fill: #15803d } text.ours, text.jobs, text.container, text.managed { stroke: none }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .axis { fill: #9da7b3 } .back { fill: #0d1117 } .grid { stroke: #30363d }
  .mark { fill: #0d1117 }
  .ours { stroke: #6cb6ff } .jobs { stroke: #c8a2f0 } .container { stroke: #f0a860 } .managed { stroke: #6fd08c }
  text.ours { fill: #6cb6ff } text.jobs { fill: #c8a2f0 } text.container { fill: #f0a860 }
  text.managed { fill: #6fd08c }
}
"""


def drawn(curve: Curve, equal: Mapping[str, Decimal | None]) -> str:
    """An SVG; `equal` are the rates at which a line of ours meets the container's, by its name."""
    parts = (*_frame(), *_lines(curve), *_meetings(curve, equal))
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="US dollars a month by requests a second">\n<style>{_STYLE}</style>\n'
        f"{body}\n</svg>\n"
    )


def _x(rate: Decimal) -> Decimal:
    low, high = _DECADES_X
    return _LEFT + (rate.log10() - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)


def _y(usd: Decimal) -> Decimal:
    low, high = _DECADES_Y
    return _HEIGHT - _BOTTOM - (usd.log10() - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)


def _frame() -> Iterator[str]:
    yield f'<rect class="back" width="{_WIDTH}" height="{_HEIGHT}"/>'
    yield _text(_LEFT, 28, "What a gateway costs a month, without its models", "title")
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    for power in range(_DECADES_X[0], _DECADES_X[1] + 1):
        rate = Decimal(10) ** power
        yield f'<path class="grid" d="M{_x(rate):.1f} {_TOP}V{bottom}"/>'
        yield _text(_x(rate), bottom + 20, f"{rate:,f}", "axis", "middle")
    for power in range(_DECADES_Y[0], _DECADES_Y[1] + 1):
        usd = Decimal(10) ** power
        yield f'<path class="grid" d="M{_LEFT} {_y(usd):.1f}H{right}"/>'
        yield _text(_LEFT - 10, _y(usd) + 4, f"{usd:,f}", "axis", "end")
    yield _text(Decimal(_LEFT + right) / 2, _HEIGHT - 16, "requests a second", "axis", "middle")
    yield _text(_LEFT - 10, _TOP - 12, "USD", "axis", "end")


def _lines(curve: Curve) -> Iterator[str]:
    ends = [(name, monthly(RATES[-1])) for name, monthly in curve.by_name.items()]
    for (name, monthly), kind, dash in zip(curve.by_name.items(), _COLOURS, _DASHES, strict=True):
        points = " ".join(f"{_x(rate):.1f},{_y(monthly(rate)):.1f}" for rate in _points())
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        yield f'<polyline class="line {kind}" points="{points}"{dashed}/>'
        usd = dict(ends)[name]
        yield _text(_WIDTH - _RIGHT + 10, _y(usd) + 4, name, kind)


def _points() -> Iterator[Decimal]:
    low, high = _DECADES_X
    for step in range((high - low) * _STEPS + 1):
        yield Decimal(10) ** (low + Decimal(step) / _STEPS)


def _meetings(curve: Curve, equal: Mapping[str, Decimal | None]) -> Iterator[str]:
    lines: Mapping[str, MonthlyUsd] = curve.by_name
    for name, rate in equal.items():
        if rate is not None:
            kind = _COLOURS[list(lines).index(name)]
            x, y = _x(rate), _y(lines[name](rate))
            yield f'<circle class="mark {kind}" cx="{x:.1f}" cy="{y:.1f}" r="5"/>'
            yield f'<path class="{kind}" stroke-width="1" d="M{x:.1f} {_TOP}V{y - 5:.1f}"/>'
            yield _text(x + 6, _TOP + 18, f"{rate:f} a second", kind)


def _text(x: Decimal | int, y: Decimal | int, text: str, kind: str, anchor: str = "start") -> str:
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
    )
