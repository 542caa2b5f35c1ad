"""What a widget shows for a range of time, by its type."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ministack.services import cloudwatch, lambda_svc

from local.dashboard.metric_queries import Plotted, Range, plotted
from local.dashboard.problem import BadWidget
from local.emulator.insights import query_logs
from local.emulator.insights_query import MalformedQuery
from local.emulator.metrics import metric_data

Json = dict[str, Any]

_SOURCE = re.compile(r"\s*SOURCE\s+((?:'[^']*'\s*,?\s*)+)\|?", re.IGNORECASE)


@dataclass(frozen=True)
class Shown:
    """A widget of a dashboard's body, with its variables set, over a range of time.

    `adapts`: its periods are longer where the range is.
    """

    type: str
    properties: Json
    within: Range
    adapts: bool
    dashboard: str


def data_of(widget: Shown) -> Json:
    """The widget's data under a key of their own per type. Raises BadWidget."""
    found = _BY_TYPE.get(widget.type)
    if found is None:
        raise BadWidget(f"A widget of type {widget.type} has no data.")
    return found(widget)


def _metric(widget: Shown) -> Json:
    within = widget.within
    if widget.properties.get("setPeriodToTimeRange"):
        within = within.aligned()
    drawn = plotted(widget.properties, within, adapts=widget.adapts)
    rows = {one.query["Id"]: one for one in drawn}
    if len(rows) < len(drawn):
        raise BadWidget("Two metrics have the same id.")
    results = metric_data([one.query for one in drawn], within.start_s, within.end_s)
    return {"series": [_series(result, rows[result["Id"]]) for result in results]}


def _series(result: Json, row: Plotted) -> Json:
    problem = " ".join(message["Value"] for message in result.get("Messages", ()))
    return {
        "id": result["Id"],
        "label": result["Label"],
        "times": [at * 1000 for at in result["Timestamps"]],
        "values": result["Values"],
        "unit": _unit(row),
        "y_axis": row.y_axis,
        "color": row.color,
        "period_ms": row.period_s * 1000,
        "problem": problem or None,
    }


def _unit(row: Plotted) -> str | None:
    """The unit that the metric was stored with; an expression has none, and a count is none."""
    stat = row.query.get("MetricStat")
    if stat is None or stat["Stat"] == "SampleCount":
        return None
    metric = stat["Metric"]
    dimensions = cloudwatch._dims_key(cloudwatch._dims_from_list(metric["Dimensions"]))
    points = cloudwatch._metrics.get((metric["Namespace"], metric["MetricName"], dimensions))
    unit = points[-1].get("Unit") if points else None
    return None if unit in {None, "None"} else str(unit)


def _log(widget: Shown) -> Json:
    query = str(widget.properties.get("query", ""))
    groups: list[str] = []
    while source := _SOURCE.match(query):
        groups += re.findall(r"'([^']*)'", source[1])
        query = query[source.end() :].strip()
    if not groups:
        raise BadWidget("The query names no log group as its SOURCE.")
    try:
        rows = query_logs(groups, query, widget.within.start_s, widget.within.end_s)
    except MalformedQuery as error:
        raise BadWidget(f"The query cannot be read: {error}") from error
    columns = _columns(rows)
    return {"columns": columns, "rows": [[row.get(name, "") for name in columns] for row in rows]}


def _columns(rows: Iterable[Mapping[str, str]]) -> list[str]:
    """All names in the order that rows agree on: a row lacks the fields that its event had not."""
    columns: list[str] = []
    for row in rows:
        known = (columns.index(name) for name in row if name in columns)
        place = min(known, default=len(columns))
        for name in row:
            if name not in columns:
                columns.insert(place, name)
            place = columns.index(name) + 1
    return [name for name in columns if name != "@ptr"]


def _alarm(widget: Shown) -> Json:
    properties = widget.properties
    known = {alarm["AlarmArn"]: alarm for alarm in cloudwatch._alarms.values()}
    alarms = [_state(arn, known.get(arn, {})) for arn in properties.get("alarms", ())]
    if properties.get("states"):
        alarms = [alarm for alarm in alarms if alarm["state"] in properties["states"]]
    return {"alarms": alarms}


def _state(arn: str, alarm: Mapping[str, Any]) -> Json:
    return {
        "name": arn.rpartition(":alarm:")[2],
        "state": alarm.get("StateValue", "MISSING"),
        "reason": alarm.get("StateReason", "There is no such alarm."),
        "description": alarm.get("AlarmDescription") or "",
        "since": 1000 * alarm["StateUpdatedTimestamp"] if alarm else None,
    }


def _custom(widget: Shown) -> Json:
    """The answer of the widget's function: a text is HTML, an object may be {markdown}."""
    properties = widget.properties
    reference = str(properties.get("endpoint", ""))
    function, config, name = lambda_svc._get_func_record_for_ref(reference)
    if not function or not config:
        raise BadWidget(f"There is no function {name}.")
    record = lambda_svc._execution_record_for_config(function, config)
    result = lambda_svc._execute_function_with_config_scope(record, _event(widget))
    answer = result.get("body")
    if result.get("error"):
        said = answer.get("errorMessage", "") if isinstance(answer, dict) else str(answer)
        raise BadWidget(f"The function {name} failed: {said}")
    if isinstance(answer, str):
        return {"html": answer}
    if isinstance(answer, dict) and set(answer) == {"markdown"}:
        return {"markdown": str(answer["markdown"])}
    return {"json": json.dumps(answer, indent=2)}


def _event(widget: Shown) -> Json:
    """The parameters, beside what CloudWatch says about the widget."""
    params = widget.properties.get("params") or {}
    context = {
        "dashboardName": widget.dashboard,
        "domain": "http://127.0.0.1",
        "accountId": cloudwatch.get_account_id(),
        "locale": "en",
        "timezone": {"label": "UTC", "offsetISO": "+00:00", "offsetInMinutes": 0},
        "period": widget.within.automatic_period_s,
        "isAutoPeriod": widget.adapts,
        "timeRange": {
            "mode": "relative",
            "start": round(widget.within.start_s * 1000),
            "end": round(widget.within.end_s * 1000),
        },
        "theme": "light",
        "linkCharts": True,
        "title": widget.properties.get("title", ""),
        "forms": {"all": {}},
        "params": params,
    }
    return {**params, "widgetContext": context}


_BY_TYPE: Mapping[str, Callable[[Shown], Json]] = {
    "metric": _metric,
    "log": _log,
    "alarm": _alarm,
    "custom": _custom,
}
