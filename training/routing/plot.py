"""Draws a routing report: quality against cost of many models, and against calls of two."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

WIDTH_INCHES, HEIGHT_INCHES, DOTS_PER_INCH = 6.4, 5.0, 110
COLUMNS = 2
OURS, LENGTH, ZERO, MODEL, OTHER = "#0057b8", "#d97706", "#6b7280", "#9ca3af", "#15803d"
ERROR_ALPHA = 0.15
POINTS = 200
LABEL_ROOM = 4
LEAST_COST = 1e-6
NAME_DROPS = (-8, -15, -22, -29, 6)
NAME_DECADES, NAME_PERCENT, POINTS_PER_PERCENT = 0.45, 1.2, 5.0
"""About the room that a name takes up, and the height of a percent."""
POLICY_MARKS = {
    "table_per_task": ("s", OTHER, "table per task"),
    "uniform_random": ("x", "#b91c1c", "uniform random"),
    "oracle": ("*", "#7c3aed", "oracle"),
}
SNAPSHOT = re.compile(r"-(\d{8}|\d{4}-\d{2}-\d{2}|\d{4})$")
PREFERENCE_MARKS = {"cheap": "v", "fast": ">", "balanced": "o", "best": "^"}


def draw_routing(report: dict[str, Any], path: Path) -> None:
    """A panel for each pool of files and each pair of models; of each file where there is none.

    Raises OSError where the file cannot be written.
    """
    results = report["results"]
    shown = [
        name for name, one in results.items() if "pair" in one or name.startswith("pooled_")
    ] or list(results)
    rows = max(1, -(-len(shown) // COLUMNS))
    figure = Figure(figsize=(WIDTH_INCHES * COLUMNS, HEIGHT_INCHES * rows), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(f"Routing: quality against cost ({report['method']})")
    for number, name in enumerate(shown):
        axes = figure.add_subplot(rows, COLUMNS, number + 1)
        if "pair" in results[name]:
            _draw_pair(axes, name, results[name])
        else:
            _draw_frontier(axes, name, results[name])
    # Without the date and the version the file is the same each time.
    figure.savefig(path, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})


def _draw_frontier(axes: Axes, name: str, result: dict[str, Any]) -> None:
    frontier, models = result["frontier"], result["models"]
    _draw_models(axes, models)
    _draw_hull(axes, frontier["zero_router_hull"], "--", ZERO, "mix of models (zero router)")
    _draw_hull(axes, frontier["hull"], "-", OURS, "ours")
    for preference, mark in PREFERENCE_MARKS.items():
        _draw_policy(axes, result, f"ours_{preference}", (mark, OURS, f"ours, {preference}"))
    for policy, look in POLICY_MARKS.items():
        _draw_policy(axes, result, policy, look)
    axes.set_xscale("log")
    axes.set_xlim(right=LABEL_ROOM * max(one["usd_per_1000"] for one in models.values()))
    axes.set_xlabel("cost (USD per 1,000 queries, logarithmic)")
    axes.set_ylabel("accuracy (%)")
    areas = frontier["aiq"]
    axes.set_title(
        f"{name} ({result['rows']} prompts)\n"
        f"AIQ {_told(areas['ours'])}, zero router {_told(areas['zero_router'])}",
        fontsize=9,
    )
    _finish(axes)


def _draw_models(axes: Axes, models: dict[str, Any]) -> None:
    taken: list[tuple[float, float]] = []
    for model, one in sorted(models.items(), key=lambda item: item[1]["usd_per_1000"]):
        cost, grade = max(one["usd_per_1000"], LEAST_COST), 100 * one["accuracy"]
        axes.plot(cost, grade, ".", color=MODEL)
        drop = _free_drop(np.log10(cost), grade, taken)
        taken.append((np.log10(cost), grade + drop / POINTS_PER_PERCENT))
        axes.annotate(
            _short(model),
            (cost, grade),
            xytext=(5, drop),
            textcoords="offset points",
            fontsize=6,
            color="#4b5563",
        )


def _free_drop(place: float, grade: float, taken: list[tuple[float, float]]) -> int:
    """How far below its point a name goes so that it does not lie on another; in points."""

    def is_free(drop: int) -> bool:
        height = grade + drop / POINTS_PER_PERCENT
        return all(
            abs(place - other) > NAME_DECADES or abs(height - level) > NAME_PERCENT
            for other, level in taken
        )

    return next((drop for drop in NAME_DROPS if is_free(drop)), NAME_DROPS[0])


def _draw_hull(axes: Axes, corners: list[list[float]], line: str, color: str, label: str) -> None:
    costs, grades = (np.array(values) for values in zip(*corners, strict=True))
    # Between corners models are mixed, which is a straight line in cost, not in its logarithm.
    first, last = max(float(costs[0]), LEAST_COST), max(float(costs[-1]), LEAST_COST)
    between = np.unique(np.concatenate((costs, np.geomspace(first, last, POINTS))))
    axes.plot(between, 100 * np.interp(between, costs, grades), line, color=color, label=label)


def _draw_policy(
    axes: Axes, result: dict[str, Any], policy: str, look: tuple[str, str, str]
) -> None:
    one = result["policies"].get(policy)
    if one is None:
        return
    mark, color, label = look
    axes.errorbar(
        one["usd_per_1000"],
        100 * one["accuracy"],
        yerr=100 * one["standard_error"],
        fmt=mark,
        color=color,
        elinewidth=0.6,
        label=label,
    )


def _draw_pair(axes: Axes, name: str, result: dict[str, Any]) -> None:
    pair, models = result["pair"], result["models"]
    weak, strong = (100 * models[pair[which]]["accuracy"] for which in ("weak", "strong"))
    axes.plot([0, 100], [weak, strong], "--", color=ZERO, label="random (APGR 0.500)")
    for key, color, label in (("length_rule", LENGTH, "length rule"), ("ours", OURS, "ours")):
        shares = [share for share, _ in pair[key]["curve"]]
        grades = [100 * grade for _, grade in pair[key]["curve"]]
        axes.plot(
            shares, grades, ".-", color=color, label=f"{label} (APGR {_told(pair[key]['apgr'])})"
        )
        if key == "ours":
            error = 100 * result["policies"]["ours_balanced"]["standard_error"]
            axes.fill_between(
                shares,
                [grade - error for grade in grades],
                [grade + error for grade in grades],
                color=color,
                alpha=ERROR_ALPHA,
                linewidth=0,
                label="one standard error of an accuracy",
            )
    axes.set_xlabel(f"prompts sent to {_short(pair['strong'])} (% of calls)")
    axes.set_ylabel("accuracy (%)")
    axes.set_title(
        f"{name} ({result['rows']} prompts)\n{_short(pair['weak'])} or {_short(pair['strong'])}",
        fontsize=9,
    )
    _finish(axes)


def _finish(axes: Axes) -> None:
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, loc="lower right")


def _short(model: str) -> str:
    """Without the date of its snapshot."""
    return SNAPSHOT.sub("", model)


def _told(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"
