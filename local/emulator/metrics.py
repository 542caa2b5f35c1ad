"""CloudWatch's GetMetricData: exact dimensions, periods from the start time, metric math.

Upstream takes a query without dimensions for one of all of them, cuts time at multiples of the
period, answers an unknown statistic with the average, and evaluates no expression.
"""

from __future__ import annotations

import math
import re
import time
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from ministack.services import cloudwatch

from local.emulator.metric_math import ExpressionFailed, Series, Value, evaluate
from local.emulator.metric_search import Candidate, search_for

Query = Mapping[str, Any]
Result = dict[str, Any]

_DAY_S = 24 * 3600
_STATISTICS = frozenset({"Sum", "Average", "Minimum", "Maximum", "SampleCount"})
_at = itemgetter("Timestamp")


class _Points(list[dict[str, Any]]):
    """A metric's values by time, so that a window of them is found without looking at them all."""

    def append(self, point: dict[str, Any]) -> None:
        if self and self[-1]["Timestamp"] > point["Timestamp"]:
            insort(self, point, key=_at)
        else:
            super().append(point)


def _points_of(key: tuple[str, str, str]) -> list[dict[str, Any]]:
    stored: list[dict[str, Any]] = cloudwatch._metrics.setdefault(key, _Points())
    return stored


def metric_data(queries: Sequence[Query], start_s: float, end_s: float) -> list[Result]:
    """GetMetricData's results for its queries, without those of `ReturnData` false.

    Each is {Id, Label, Timestamps (epoch seconds, ascending), Values, StatusCode, Messages?}. An
    expression answers one result per series that it has, all under its own Id. The first period
    begins at `start_s`, rounded down to the minute (a younger start), 5 minutes or the hour; one
    shorter than a minute, at its own multiple. `end_s` is exclusive.
    """
    evaluation = Evaluation(queries, lambda period_s: _rounded(start_s, period_s), end_s)
    wanted = [query for query in queries if is_true(query.get("ReturnData", True))]
    return [result for query in wanted for result in evaluation.results(query)]


def _rounded(start_s: float, period_s: int) -> int:
    age_s = time.time() - start_s
    if period_s < 60:
        unit_s = period_s
    elif age_s < 15 * _DAY_S:
        unit_s = 60
    else:
        unit_s = 300 if age_s < 63 * _DAY_S else 3600
    return math.floor(start_s / unit_s) * unit_s


def is_true(value: object) -> bool:
    """A boolean of a request, which templates write as a word."""
    return value is True or value == "true"


class Evaluation:
    """The queries of one request, evaluated when they are asked for; `start` is by period."""

    def __init__(self, queries: Iterable[Query], start: Callable[[int], int], end_s: float) -> None:
        self._queries = {query["Id"]: query for query in queries}
        self._start = start
        self._end_s = end_s
        self._values: dict[str, Value] = {}
        self._pending: set[str] = set()
        stats = [query["MetricStat"] for query in self._queries.values() if _is_metric(query)]
        given = (one.get("Period") for one in (*stats, *self._queries.values()))
        self.period_s = max((int(period_s) for period_s in given if period_s), default=60)
        labels = _labels([_properties(**_metric_of(stat)) for stat in stats])
        self._labels = dict(zip(filter(self._is_metric_id, self._queries), labels, strict=True))

    def value(self, query_id: str) -> Value:
        """What the id stands for. Raises ExpressionFailed."""
        if query_id not in self._values:
            query = self._queries.get(query_id)
            if query is None or query_id in self._pending:
                wrong = "is not known" if query is None else "refers to itself"
                raise ExpressionFailed(f"The id {query_id} {wrong}")
            self._pending.add(query_id)
            try:
                self._values[query_id] = self._evaluated(query)
            finally:
                self._pending.discard(query_id)
        return self._values[query_id]

    def _evaluated(self, query: Query) -> Value:
        if not _is_metric(query):
            return evaluate(query["Expression"], self)
        stat = query["MetricStat"]
        if stat.get("Unit"):
            raise ExpressionFailed("Unsupported: the Unit of a metric")
        metric, period_s = _metric_of(stat), int(stat.get("Period") or 60)
        return self._series(metric, period_s, self._labels[query["Id"]])

    def _series(self, metric: dict[str, Any], period_s: int, label: str) -> Series:
        key = (metric["namespace"], metric["name"], cloudwatch._dims_key(metric["dimensions"]))
        # A copy: other threads store while this one reads.
        points = (cloudwatch._metrics.get(key) or [])[:]
        start = self._start(period_s)
        window = points[bisect_left(points, start, key=_at) :]
        window = window[: bisect_left(window, self._end_s, key=_at)]
        periods: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for point in window:
            at = start + int((point["Timestamp"] - start) // period_s) * period_s
            periods[at].append(point)
        values = {at: _statistic(metric["stat"], of_period) for at, of_period in periods.items()}
        known = {at: float(value) for at, value in values.items() if value is not None}
        return Series(known, period_s, label, _properties(**metric, period_s=period_s))

    def metrics(self) -> dict[str, Series]:
        """The series of the queries that ask for a metric, by their ids."""
        found = {name: self.value(name) for name in self._labels}
        return {name: value for name, value in found.items() if isinstance(value, Series)}

    def search(self, query: str, stat: str) -> list[Series]:
        """The series of all metrics that a search finds. Raises ExpressionFailed."""
        matches = search_for(query)
        found = []
        for (namespace, name, _), points in cloudwatch._metrics.items():
            candidate = Candidate(namespace, name, points[0]["Dimensions"] if points else {})
            if points and matches(candidate):
                found.append({**vars(candidate), "stat": stat})
        labels = _labels([_properties(**metric) for metric in found])
        series = [
            self._series(metric, self.period_s, label)
            for metric, label in zip(found, labels, strict=True)
        ]
        return sorted(series, key=lambda one: one.label)

    def times(self, period_s: int) -> Sequence[int]:
        """When the periods of the window begin."""
        return range(self._start(period_s), math.ceil(self._end_s), period_s)

    def since(self, seconds: int) -> Evaluation:
        """The same queries from so many seconds earlier on."""
        start = self._start
        return Evaluation(
            self._queries.values(), lambda period: start(period) - seconds, self._end_s
        )

    def results(self, query: Query) -> list[Result]:
        """One per series; of what has no value, one that says why."""
        own = {"Id": query["Id"], "Label": query.get("Label") or query["Id"]}
        try:
            value = self.value(query["Id"])
            array = value if isinstance(value, list) else [value]
            return [
                self._result(query, series, alone=not isinstance(value, list))
                for series in array
                if isinstance(series, Series)
            ]
        except ExpressionFailed as failure:
            said = {"Code": "Unsupported", "Value": str(failure)}
            failed = {"StatusCode": "InternalError", "Messages": [said]}
            return [{**own, "Timestamps": [], "Values": [], **failed}]

    @staticmethod
    def _result(query: Query, series: Series, *, alone: bool) -> Result:
        return {
            "Id": query["Id"],
            "Label": _label(query, series, alone),
            "Timestamps": list(series.points),
            "Values": list(series.points.values()),
            "StatusCode": "Complete",
        }

    def _is_metric_id(self, query_id: str) -> bool:
        return _is_metric(self._queries[query_id])


def _is_metric(query: Query) -> bool:
    return bool(query.get("MetricStat"))


def _metric_of(stat: Query) -> dict[str, Any]:
    metric = stat["Metric"]
    return {
        "namespace": metric.get("Namespace", ""),
        "name": metric.get("MetricName", ""),
        "dimensions": cloudwatch._dims_from_list(metric.get("Dimensions") or []),
        "stat": stat.get("Stat") or "Average",
    }


def _statistic(stat: str, points: list[dict[str, Any]]) -> float | None:
    if stat not in _STATISTICS and not cloudwatch._is_percentile_stat(stat):
        raise ExpressionFailed(f"Unsupported statistic {stat}")
    value: float | None = cloudwatch._stat_value(cloudwatch._calc_stats(points), stat, points)
    return value


def _properties(
    namespace: str, name: str, dimensions: Mapping[str, str], stat: str, period_s: int = 0
) -> dict[str, str]:
    of_dimensions = {f"Dim.{key}": value for key, value in dimensions.items()}
    period = {"Period": str(period_s)} if period_s else {}
    return {**of_dimensions, "MetricName": name, "Stat": stat, "Namespace": namespace, **period}


def _labels(metrics: list[dict[str, str]]) -> list[str]:
    """CloudWatch's own labels: what a metric has that others beside it have not; or its name."""
    names = dict.fromkeys(name for metric in metrics for name in metric)
    differing = [name for name in names if len({metric.get(name) for metric in metrics}) > 1]
    return [
        " ".join(metric[name] for name in differing if name in metric) or metric["MetricName"]
        for metric in metrics
    ]


LABEL_PART = "${PROP('Dim.name')}"
"""The one form of a label's dynamic parts here: a property of the series."""

_DYNAMIC = re.compile(r"\$\{(.*?)\}")
_PROPERTY = re.compile(r"PROP\('([^']+)'\)")


def _label(query: Query, series: Series, alone: bool) -> str:
    """The query's label with its dynamic parts; before the series' own when there are several."""
    label: str = query.get("Label") or ""
    if "${" not in label:
        if alone:
            own = series.label or query["Id"]
            return label or (own if _is_metric(query) else query["Id"])
        return f"{label} {series.label}".strip() or query["Id"]

    def filled(part: re.Match[str]) -> str:
        named = _PROPERTY.fullmatch(part[1])
        if named is None:
            raise ExpressionFailed(f"Unsupported part of a label, not {LABEL_PART}: {part[0]}")
        return series.properties.get(named[1], "")

    return _DYNAMIC.sub(filled, label)


def refused_form(is_cbor: bool, is_json: bool) -> Any:
    """The refusal of the older protocol of forms and XML, which no client here speaks; or None."""
    if is_cbor or is_json:
        return None
    message = "The local AWS reads requests for metrics and alarms as JSON or CBOR alone."
    return cloudwatch._error("InvalidAction", message, 400)


def _get_metric_data(
    _params: object, request: Mapping[str, Any], is_cbor: bool, is_json: bool = False
) -> Any:
    if refused := refused_form(is_cbor, is_json):
        return refused
    start_s = cloudwatch._parse_ts(request.get("StartTime"))
    end_s = cloudwatch._parse_ts(request.get("EndTime"))
    if start_s is None or end_s is None or start_s >= end_s:
        message = "The parameter StartTime must be less than the parameter EndTime."
        return cloudwatch._error("ValidationError", message, 400, is_json, is_cbor)
    results = metric_data(request.get("MetricDataQueries") or [], start_s, end_s)
    if request.get("ScanBy") != "TimestampAscending":
        for result in results:
            result["Timestamps"].reverse()
            result["Values"].reverse()
    if is_json:
        return cloudwatch._json_ok({"MetricDataResults": results})
    encoded = [cloudwatch._cbor_metric_data_result(result) for result in results]
    return cloudwatch._cbor_ok({"MetricDataResults": encoded})


def _keep_all() -> None:
    """AWS keeps values for 15 months. Upstream drops some early, and with them what is just stored."""


def install() -> None:
    """Replace ministack's functions."""
    cloudwatch._metric_bucket = _points_of
    cloudwatch._evict_old_metrics = _keep_all
    cloudwatch._get_metric_data = _get_metric_data
