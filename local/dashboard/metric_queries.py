"""A metric widget as queries of GetMetricData, and how each query's series are drawn."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.dashboard.metric_rows import Row, rows_of
from local.dashboard.problem import BadWidget

Query = dict[str, Any]
Properties = Mapping[str, Any]

_MINUTE_S = 60
_HOUR_S = 3600
_DAY_S = 24 * _HOUR_S
_DEFAULT_PERIOD_S = 300
_BY_THE_MINUTE_S = 15 * _DAY_S
"""How old a start may be for GetMetricData to begin periods in its minute, not in its hour."""
# CloudWatch does not say which period it takes for which range; these keep a line under 300 points.
_AUTOMATIC = (
    (3 * _HOUR_S, _MINUTE_S),
    (_DAY_S, 5 * _MINUTE_S),
    (3 * _DAY_S, 15 * _MINUTE_S),
    (15 * _DAY_S, _HOUR_S),
    (63 * _DAY_S, 6 * _HOUR_S),
)


@dataclass(frozen=True)
class Range:
    """From `start_s` until before `end_s`, in epoch seconds."""

    start_s: float
    end_s: float

    @property
    def automatic_period_s(self) -> int:
        """The period of graphs that adapt to the range."""
        for longest_s, period_s in _AUTOMATIC:
            if self.end_s - self.start_s <= longest_s:
                return period_s
        return _DAY_S

    def aligned(self) -> Range:
        """The range from where GetMetricData lets its first period begin on."""
        is_young = time.time() - self.start_s < _BY_THE_MINUTE_S
        unit_s = _MINUTE_S if is_young else _HOUR_S
        return Range(math.floor(self.start_s / unit_s) * unit_s, self.end_s)

    @property
    def whole_period_s(self) -> int:
        """One period that holds the aligned range."""
        return math.ceil((self.end_s - self.aligned().start_s) / _MINUTE_S) * _MINUTE_S


@dataclass(frozen=True)
class Plotted:
    """A query and the rendering properties of its row."""

    query: Query
    period_s: int
    y_axis: str
    color: str | None


def plotted(properties: Properties, within: Range, *, adapts: bool) -> list[Plotted]:
    """One per row of the widget; `adapts` makes periods longer where the range is. Raises BadWidget."""
    return [
        _plotted(row, number, properties, _period_s(row, number, properties, within, adapts))
        for number, row in enumerate(rows_of(properties.get("metrics")))
    ]


def _period_s(row: Row, number: int, properties: Properties, within: Range, adapts: bool) -> int:
    if properties.get("setPeriodToTimeRange"):
        return within.whole_period_s
    own = row.options.get("period") or properties.get("period")
    if own is not None and (not isinstance(own, int) or own < 1):
        raise BadWidget(f"metrics[{number}] has a period that is no number of seconds")
    if adapts:
        # Never a shorter one: a sum by the hour stays one.
        return max(own or 0, within.automatic_period_s)
    return own or _DEFAULT_PERIOD_S


def _plotted(row: Row, number: int, properties: Properties, period_s: int) -> Plotted:
    options = row.options
    query: Query = {
        "Id": options.get("id") or f"unnamed{number}",
        "ReturnData": options.get("visible") is not False,
    }
    if options.get("label"):
        query["Label"] = options["label"]
    if row.texts:
        query["MetricStat"] = {
            "Metric": {
                "Namespace": row.texts[0],
                "MetricName": row.texts[1],
                "Dimensions": [
                    {"Name": name, "Value": value} for name, value in row.dimensions.items()
                ],
            },
            "Period": period_s,
            "Stat": options.get("stat") or properties.get("stat") or "Average",
        }
    else:
        query |= {"Expression": options["expression"], "Period": period_s}
    return Plotted(query, period_s, options.get("yAxis") or "left", options.get("color"))
