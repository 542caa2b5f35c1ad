"""CloudWatch alarms: evaluated over periods, with missing data, metric math and anomaly bands.

Upstream compares one value of all dimensions together, when a value is put, and refuses or forgets
`Metrics`. AWS evaluates once a minute; here it is every other second, over periods that end now.
"""

from __future__ import annotations

import math
import operator
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import cloudwatch
from ministack.services.cloudformation import provisioners

from local.emulator.metric_math import ExpressionFailed, Series, Value
from local.emulator.metrics import Evaluation, is_true, refused_form

Alarm = dict[str, Any]

_EVERY_S = 2.0
_MORE_PERIODS = 2
"""How many periods before the evaluated ones may stand in for missing ones."""
_WATCHED = "watched"
_OF_ONE_METRIC = (
    "MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Unit",
    "Dimensions",
)  # fmt: skip
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
_BANDS: Mapping[str, tuple[bool, bool]] = {
    "GreaterThanUpperThreshold": (True, False),
    "LessThanLowerThreshold": (False, True),
    "LessThanLowerOrGreaterThanUpperThreshold": (True, True),
}
"""Whether a value above the band breaches, and whether one below it does."""

_lock = threading.RLock()
_put_metric_alarm = cloudwatch._put_metric_alarm
_alarm_of_template = provisioners._cw_metric_alarm_record


@dataclass(frozen=True)
class Datapoint:
    """A period of the evaluation range; a breach is unknown while there is nothing to compare."""

    at: int
    value: float | None
    breaches: bool | None


def state_of(
    breaches: Sequence[bool | None], periods: int, to_alarm: int, missing: str, current: str
) -> str:
    """The state after an evaluation range, whose newest datapoint is last; None is a missing one.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
    """
    found = [breach for breach in breaches if breach is not None]
    lacking = periods - len(found)
    if lacking <= 0:
        return "ALARM" if sum(found[-periods:]) >= to_alarm else "OK"
    if missing in {"breaching", "notBreaching"}:
        filled = lacking if missing == "breaching" else 0
        return "ALARM" if sum(found) + filled >= to_alarm else "OK"
    if missing == "ignore" and all(found) and sum(found) < to_alarm:
        return current
    if not found:
        return "INSUFFICIENT_DATA"
    # Nothing but breaches since one that is old enough: what is missing does not save it.
    persists = all(found) and len(breaches) - breaches.index(True) >= to_alarm
    return "ALARM" if sum(found) >= to_alarm or persists else "OK"


def evaluate(alarm: Alarm) -> None:
    """Evaluate an alarm now; a change of its state goes into history and actions."""
    with _lock:
        range_ = _evaluation_range(alarm, time.time())
        if range_ is None:
            return
        periods = int(alarm.get("EvaluationPeriods") or 1)
        to_alarm = int(alarm.get("DatapointsToAlarm") or periods)
        missing = alarm.get("TreatMissingData") or "missing"
        old = alarm["StateValue"]
        breaches = [datapoint.breaches for datapoint in range_]
        new = state_of(breaches, periods, to_alarm, missing, old)
        if new != old:
            _transit(alarm, new, range_, periods)


def _evaluation_range(alarm: Alarm, now_s: float) -> list[Datapoint] | None:
    """Oldest first; None for an alarm that cannot be evaluated."""
    queries = _queries(alarm)
    if queries is None:
        return None
    period_s = Evaluation(queries, math.ceil, now_s).period_s
    end = math.ceil(now_s)
    count = int(alarm.get("EvaluationPeriods") or 1) + _MORE_PERIODS
    start = end - count * period_s
    evaluation = Evaluation(queries, lambda _period_s: start, end)
    try:
        watched = _one(evaluation.value(_watched_id(alarm, queries)))
        breaches = _test(alarm, evaluation)
    except ExpressionFailed as failure:
        alarm["EvaluationState"], alarm["StateReason"] = "EVALUATION_ERROR", str(failure)
        return None
    alarm.pop("EvaluationState", None)
    return [
        Datapoint(at, value, None if value is None else breaches(at, value))
        for at in range(start, end, period_s)
        for value in (watched.points.get(at),)
    ]


def _queries(alarm: Alarm) -> list[dict[str, Any]] | None:
    if alarm.get("Metrics"):
        return list(alarm["Metrics"])
    if not alarm.get("MetricName"):
        return None
    metric = {key: alarm.get(key) for key in ("Namespace", "MetricName", "Dimensions")}
    stat = {
        "Metric": metric,
        "Stat": alarm.get("ExtendedStatistic") or alarm.get("Statistic"),
        "Period": alarm.get("Period"),
        "Unit": alarm.get("Unit"),
    }
    return [{"Id": _WATCHED, "MetricStat": stat}]


def _watched_id(alarm: Alarm, queries: list[dict[str, Any]]) -> str:
    band = alarm.get("ThresholdMetricId")
    for query in queries:
        if is_true(query.get("ReturnData", True)) and query["Id"] != band:
            return str(query["Id"])
    raise ExpressionFailed("No metric of the alarm returns data")


def _one(value: Value) -> Series:
    if isinstance(value, Series):
        return value
    raise ExpressionFailed("An alarm watches one time series")


def _test(alarm: Alarm, evaluation: Evaluation) -> Callable[[int, float], bool | None]:
    """Whether a value at a time breaches; None where a band has no limits yet."""
    comparison = alarm["ComparisonOperator"]
    if comparison in _COMPARISONS:
        compare = _COMPARISONS[comparison]
        threshold = float(alarm["Threshold"])
        return lambda _at, value: compare(value, threshold)
    above, below = _BANDS[comparison]
    band = evaluation.value(alarm.get("ThresholdMetricId") or "")
    if not isinstance(band, list) or len(band) != 2:
        raise ExpressionFailed("The threshold is no anomaly detection band")
    upper, lower = band

    def outside(at: int, value: float) -> bool | None:
        if at not in upper.points:
            return None
        return (above and value > upper.points[at]) or (below and value < lower.points[at])

    return outside


def _transit(alarm: Alarm, new: str, range_: list[Datapoint], periods: int) -> None:
    old, now_s = alarm["StateValue"], int(time.time())
    reason = _reason(alarm, range_, periods)
    alarm["StateValue"] = new
    alarm["StateReason"] = reason
    alarm["StateUpdatedTimestamp"] = alarm["StateTransitionedTimestamp"] = now_s
    cloudwatch._record_history(alarm["AlarmName"], old, new, reason)
    cloudwatch._dispatch_alarm_actions(alarm, old, new, reason)


def _reason(alarm: Alarm, range_: list[Datapoint], periods: int) -> str:
    """What was compared with what."""
    known = [one for one in range_ if one.breaches is not None][-periods:]
    values = ", ".join(f"{one.value:.12g} ({_moment(one.at)})" for one in reversed(known))
    limit = f"{alarm['ComparisonOperator']} {alarm.get('Threshold', 'of the band')}"
    return f"{limit}: of the last {periods} datapoints, {values or 'all are missing'}."


def _moment(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%d/%m/%y %H:%M:%S")


def _with_metrics(alarm: Alarm, request: Mapping[str, Any]) -> Alarm:
    """Upstream's record of an alarm, with what it left out of the request."""
    if request.get("Metrics"):
        for name in _OF_ONE_METRIC:
            alarm.pop(name, None)
        alarm["Metrics"] = [_query(query) for query in request["Metrics"]]
    if request.get("ThresholdMetricId"):
        alarm["ThresholdMetricId"] = request["ThresholdMetricId"]
        alarm.pop("Threshold", None)
    return alarm


def _query(query: Mapping[str, Any]) -> dict[str, Any]:
    """A query as DescribeAlarms shows it: a template writes everything as a text."""
    typed = {**query, "ReturnData": is_true(query.get("ReturnData", True))}
    if "Period" in query:
        typed["Period"] = int(query["Period"])
    if "MetricStat" in query:
        stat = query["MetricStat"]
        typed["MetricStat"] = {**stat, "Period": int(stat["Period"])}
    return typed


def _put(
    params: Mapping[str, Any], request: Mapping[str, Any], is_cbor: bool, is_json: bool = False
) -> Any:
    if refused := refused_form(is_cbor, is_json):
        return refused
    with _lock:
        answer = _put_metric_alarm(params, request, is_cbor, is_json)
        alarm = cloudwatch._alarms.get(request.get("AlarmName"))
        if answer[0] == 200 and alarm is not None:
            evaluate(_with_metrics(alarm, request))
    return answer


def _record(name: str, properties: Mapping[str, Any]) -> Alarm:
    if not properties.get("Metrics"):
        return dict(_alarm_of_template(name, properties))
    # Upstream refuses metric math and demands what an alarm on it has not.
    plain = {"MetricName": "-", "Namespace": "-", "Threshold": 0, **properties, "Metrics": None}
    return _with_metrics(_alarm_of_template(name, plain), properties)


def _evaluate_forever() -> None:
    while True:
        time.sleep(_EVERY_S)
        for account, region in {key[:2] for key in list(cloudwatch._alarms._data)}:
            with request_scope(account, region):
                cloudwatch._evaluate_all_alarms()


def install() -> None:
    """Replace ministack's functions and start to evaluate."""
    cloudwatch._evaluate_alarm = evaluate
    cloudwatch._put_metric_alarm = _put
    provisioners._cw_metric_alarm_record = _record
    threading.Thread(target=_evaluate_forever, name="alarms", daemon=True).start()
