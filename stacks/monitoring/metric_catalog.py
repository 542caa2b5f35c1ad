"""The engine's metrics as the CDK knows them: only what functions/shared/telemetry/series.py lists."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from functions.shared.telemetry.series import (
    NAMESPACE,
    OF_ATTEMPTS,
    OF_FUNCTIONS,
    OF_REQUESTS,
    RATE_LIMITED,
    SERVICE,
)

SUM = "Sum"
COUNT = "SampleCount"
AVERAGE = "Average"
MAXIMUM = "Maximum"

Dimension = tuple[str, str]
"""Name and value of the dimension beside `service`."""


@dataclass(frozen=True)
class MetricCatalog:
    """The metrics of one service. Every method raises ValueError for one that nobody emits."""

    service: str

    def metric(
        self,
        name: str,
        stat: str = SUM,
        *,
        dimension: Dimension | None = None,
        label: str | None = None,
        color: str | None = None,
        period: Duration | None = None,
    ) -> cloudwatch.Metric:
        """One series: that of all requests, or of one value of one more dimension."""
        self._check(name, dimension[0] if dimension else None)
        return cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=name,
            dimensions_map=dict([(SERVICE, self.service), *([dimension] if dimension else [])]),
            statistic=stat,
            label=label,
            color=color,
            period=period,
        )

    def by(self, dimension: str, name: str, stat: str = SUM) -> cloudwatch.SearchExpression:
        """The series of every value of a dimension, each under its value's name."""
        self._check(name, dimension)
        series = f'{{{NAMESPACE},{SERVICE},{dimension}}} {SERVICE}="{self.service}"'
        return cloudwatch.SearchExpression(
            expression=f"SEARCH('{series} MetricName=\"{name}\"', '{stat}')",
            label=f"${{PROP('Dim.{dimension}')}}",
        )

    @staticmethod
    def rate_limited(color: str) -> cloudwatch.Metric:
        """The calls that the gateway throttled, of all stages in the account."""
        return cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=RATE_LIMITED,
            statistic=SUM,
            label="Throttled calls",
            color=color,
        )

    @staticmethod
    def _check(name: str, dimension: str | None) -> None:
        families = (*OF_REQUESTS, *OF_ATTEMPTS, *OF_FUNCTIONS)
        if not any(name in one.metrics for one in families if one.dimension == dimension):
            raise ValueError(
                f"functions/shared/telemetry/series.py has no {name} by {dimension or SERVICE}"
            )
