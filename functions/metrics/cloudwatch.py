"""Reads what `functions/shared/telemetry/series.py` lists: one number of each series over a whole window."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from itertools import chain
from typing import Any

from functions.metrics.window import Window
from functions.shared.errors import EngineError, ServiceUnavailable
from functions.shared.storage.clients import client
from functions.shared.telemetry.series import NAMESPACE, SERVICE
from functions.shared.vocabulary import Frozen

_MOST_QUERIES = 500
_NANO = Decimal("0.000000001")

Dimension = tuple[str, str] | None
"""Name and value of the dimension beside `service`; None for the series without one."""
SUM, COUNT = "Sum", "SampleCount"
_PERCENTILES = ("p50", "p95", "p99")


@dataclass(frozen=True)
class Figure:
    """A statistic of one series."""

    metric: str
    dimension: Dimension = None
    stat: str = SUM


class Percentiles(Frozen):
    """Milliseconds; null where nothing was measured."""

    p50: float | None
    p95: float | None
    p99: float | None


def percentiles_of(metric: str, dimension: Dimension = None) -> list[Figure]:
    """The figures of `Figures.percentiles`."""
    return [Figure(metric, dimension, stat) for stat in _PERCENTILES]


@dataclass(frozen=True)
class Figures:
    """What was measured; a figure without any datapoint is not there."""

    values: Mapping[Figure, float]

    def count(self, metric: str, dimension: Dimension = None, stat: str = SUM) -> int:
        return round(self.values.get(Figure(metric, dimension, stat), 0))

    def usd(self, metric: str, dimension: Dimension = None) -> Decimal:
        """To the nano-dollar, as costs are: a sum of doubles is off by less."""
        value = self.values.get(Figure(metric, dimension), 0)
        return Decimal(value).quantize(_NANO, ROUND_HALF_UP)

    def percentiles(self, metric: str, dimension: Dimension = None) -> Percentiles:
        values = {stat: self.values.get(Figure(metric, dimension, stat)) for stat in _PERCENTILES}
        return Percentiles.model_validate(
            {stat: None if value is None else round(value, 2) for stat, value in values.items()}
        )


def read_figures(figures: Iterable[Figure], service: str, window: Window) -> Figures:
    """One call for each 500 figures. Raises `EngineError`s, and `ClientError` for refusals."""
    wanted = list(dict.fromkeys(figures))
    chunks = (wanted[at : at + _MOST_QUERIES] for at in range(0, len(wanted), _MOST_QUERIES))
    results = chain.from_iterable(_read(chunk, service, window) for chunk in chunks)
    datapoints: dict[Figure, list[float]] = {}
    for figure, values in results:
        datapoints.setdefault(figure, []).extend(values)
    return Figures(
        {figure: _one(figure, values) for figure, values in datapoints.items() if values}
    )


def _read(
    figures: Sequence[Figure], service: str, window: Window
) -> Iterable[tuple[Figure, list[float]]]:
    queries = [
        _query(f"q{number}", figure, service, window.period_s)
        for number, figure in enumerate(figures)
    ]
    pages = (
        client("cloudwatch")
        .get_paginator("get_metric_data")
        .paginate(MetricDataQueries=queries, StartTime=window.start, EndTime=window.end)
    )
    for page in pages:
        for result in page["MetricDataResults"]:
            # Not to be taken for a zero.
            if result["StatusCode"] == "InternalError":
                raise ServiceUnavailable("CloudWatch could not read the metrics.")
            if result["StatusCode"] == "Forbidden":
                raise EngineError("CloudWatch would not read the metrics.")
            yield figures[int(result["Id"][1:])], list(result["Values"])


def _query(query_id: str, figure: Figure, service: str, period_s: int) -> dict[str, Any]:
    dimensions = [(SERVICE, service), *([figure.dimension] if figure.dimension else [])]
    return {
        "Id": query_id,
        "MetricStat": {
            "Metric": {
                "Namespace": NAMESPACE,
                "MetricName": figure.metric,
                "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions],
            },
            "Period": period_s,
            "Stat": figure.stat,
        },
    }


def _one(figure: Figure, values: list[float]) -> float:
    """One datapoint is what is asked for. If there are more, sums and counts add up; percentiles
    do not, and the worst one never makes the engine look better than it was."""
    return max(values) if figure.stat in _PERCENTILES else sum(values)
