"""Stands in for CloudWatch's GetMetricData: it knows some datapoints and keeps what it was asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

SERVICE_NAME = "llm-orchestrator-test"


class FakeCloudWatch:
    """`points` by (metric, stat), and by (metric, stat, dimension, its value) for the series of one."""

    def __init__(self, points: dict[tuple[str, ...], float | list[float]] | None = None) -> None:
        self.points = points or {}
        self.calls: list[dict[str, Any]] = []
        self.page_size = 100
        self.refusal = ""
        self.status = "Complete"

    def get_paginator(self, operation: str) -> FakeCloudWatch:
        assert operation == "get_metric_data"
        return self

    def paginate(self, **call: Any) -> Iterator[dict[str, Any]]:
        self.calls.append(call)
        if self.refusal:
            raise ClientError({"Error": {"Code": self.refusal, "Message": ""}}, "GetMetricData")
        results = [self._result(query) for query in call["MetricDataQueries"]]
        for at in range(0, len(results), self.page_size):
            yield {"MetricDataResults": results[at : at + self.page_size]}

    def _result(self, query: dict[str, Any]) -> dict[str, Any]:
        metric, stat = query["MetricStat"]["Metric"], query["MetricStat"]["Stat"]
        service, *others = [(one["Name"], one["Value"]) for one in metric["Dimensions"]]
        assert (metric["Namespace"], service) == ("LlmOrchestrator", ("service", SERVICE_NAME))
        found = self.points.get(
            (metric["MetricName"], stat, *(part for one in others for part in one))
        )
        values = [] if found is None else found if isinstance(found, list) else [found]
        return {"Id": query["Id"], "Values": values, "StatusCode": self.status}
