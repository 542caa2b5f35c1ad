"""The kinds of widgets that the dashboard is made of."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

# Okabe and Ito's colours, which the colour-blind tell apart: https://jfly.uni-koeln.de/color/
BLUE = "#0072B2"
SKY = "#56B4E9"
GREEN = "#009E73"
ORANGE = "#E69F00"
RED = "#D55E00"
PURPLE = "#CC79A7"

Drawn = cloudwatch.Metric | cloudwatch.MathExpression | cloudwatch.SearchExpression

FULL_WIDTH = 24
THIRD = 8
QUARTER = 6
_PERIOD = Duration.minutes(1)
"""Of graphs, until a longer range makes CloudWatch take a longer one."""
_GRAPH_HEIGHT = 6
_NUMBER_HEIGHT = 3


def heading(text: str) -> cloudwatch.IWidget:
    """A line of text over a section."""
    return cloudwatch.TextWidget(
        markdown=f"## {text}",
        width=FULL_WIDTH,
        height=1,
        background=cloudwatch.TextWidgetBackground.TRANSPARENT,
    )


def numbers(
    title: str, metrics: Sequence[cloudwatch.IMetric], width: int = 3, *, exact: bool = False
) -> cloudwatch.IWidget:
    """One number per metric, each for the whole range of time that is shown."""
    return cloudwatch.SingleValueWidget(
        title=title,
        metrics=list(metrics),
        set_period_to_time_range=True,
        full_precision=exact,
        width=width,
        height=_NUMBER_HEIGHT,
    )


def graph(
    title: str,
    unit: str,
    metrics: Sequence[Drawn],
    *,
    width: int = THIRD,
    stacked: bool = False,
    most: float | None = None,
    marks: Sequence[cloudwatch.HorizontalAnnotation] = (),
) -> cloudwatch.IWidget:
    """Series over time from zero on, up to `most` where the unit has an end.

    Stacked ones leave out their zeros, each of which would draw a line on top of the others.
    """
    return cloudwatch.GraphWidget(
        title=title,
        left=_without_zeros(metrics) if stacked else list(metrics),
        left_y_axis=cloudwatch.YAxisProps(label=unit, min=0, max=most, show_units=False),
        left_annotations=list(marks),
        legend_position=cloudwatch.LegendPosition.BOTTOM,
        stacked=stacked,
        period=_PERIOD,
        width=width,
        height=_GRAPH_HEIGHT,
    )


def shares(
    title: str, unit: str, series: cloudwatch.IMetric, width: int = THIRD
) -> cloudwatch.IWidget:
    """How the whole range's sum of many series divides among them."""
    return cloudwatch.GraphWidget(
        title=title,
        left=[series],
        left_y_axis=cloudwatch.YAxisProps(label=unit, show_units=False),
        legend_position=cloudwatch.LegendPosition.BOTTOM,
        view=cloudwatch.GraphWidgetView.PIE,
        set_period_to_time_range=True,
        width=width,
        height=_GRAPH_HEIGHT,
    )


def _without_zeros(metrics: Sequence[Drawn]) -> list[cloudwatch.IMetric]:
    """A search has none: it finds what is emitted only where there is something to count."""
    return [
        one if isinstance(one, cloudwatch.SearchExpression) else _positive(one, f"m{number}")
        for number, one in enumerate(metrics, start=1)
    ]


def _positive(
    metric: cloudwatch.Metric | cloudwatch.MathExpression, name: str
) -> cloudwatch.MathExpression:
    # An IF without its third part has no datapoint where the condition does not hold.
    return cloudwatch.MathExpression(
        expression=f"IF({name} > 0, {name})",
        using_metrics={name: metric},
        label=metric.label,
        color=metric.color,
    )
