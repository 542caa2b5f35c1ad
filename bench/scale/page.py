"""The generated parts of docs/scale.md, each between two markers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from bench.scale import hot_items
from bench.scale.demand import Mode, Workload, durations
from bench.scale.limits import Limit, default_limits, in_the_way
from bench.scale.measured import measured
from bench.scale.queueing import busy, grows_s, ramp_s
from bench.scale.quotas import Quota, assumed, known, limit_of, quotas
from bench.scale.simulation import Refusals, Simulation

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"
COMMAND = "make scale"
_PART = re.compile(r"(<!-- (\w+): .*? -->\n).*?(<!-- end -->)", re.DOTALL)
_MODES: Mapping[Mode, str] = {"sync": "`POST /generate`", "jobs": "`POST /jobs`"}
_FIRST_MINUTE_S = 60.0


def render(text: str) -> str:
    """The page with its parts made anew. Raises `KeyError` for one that nobody makes."""
    return _PART.sub(lambda part: f"{part[1]}\n{PARTS[part[2]]()}\n\n{part[3]}", text)


def _short() -> str:
    """How far each load goes with nothing done, and what is in its way from there."""
    rows = []
    for load in _loads():
        outgrown = in_the_way(load, math.inf, default_limits())
        told = [
            f"{_called(one.key)} at {_number(takes)}" for one, takes in outgrown if takes < math.inf
        ]
        first = outgrown[0][1]
        rows.append(
            (
                _MODES[load.mode],
                f"{load.answer_s:g} s",
                f"**{_number(first)} a second**",
                ", ".join(told),
            )
        )
    return _table(("", "answers take", "nothing to do up to", "then, one after the other"), rows)


def _breaks() -> str:
    """By load and rate what is outgrown, the first to break first."""
    rows = []
    for load in _loads():
        for rate in assumed()["rates"]["value"]:
            outgrown = in_the_way(load, rate, default_limits())
            told = [f"{_called(one.key)}, {_number(takes)}" for one, takes in outgrown]
            first, second, third, *more = [*told, "", "", ""]
            rest = ", ".join(filter(None, more))
            busy_now = _number(busy(rate, sum(one.seconds * one.times for one in load.steps)))
            row = (_MODES[load.mode], f"{load.answer_s:g} s", _number(rate), busy_now)
            rows.append((*row, first or "nothing", second, third, rest))
    heads = ("", "answers take", "a second", "functions busy", "first", "second", "third", "then")
    return _table(heads, rows)


def _crowd() -> str:
    """The same rates at once, out of silence, where every quota that can be raised was raised."""
    rows = []
    young = {key: one for key, one in default_limits().items() if one.young}
    for answer_s in assumed()["answer_s"]["value"]:
        load = Workload("sync", answer_s, durations())
        for rate in assumed()["rates"]["value"]:
            refused = Simulation(load, young).run(rate, _FIRST_MINUTE_S)
            needed = busy(rate, load.seconds_of("Invoke"))
            limit = default_limits()["environments"]
            units = rate * measured().row_units
            grown = grows_s(units, limit_of("new_table_writes"))
            rows.append(
                (
                    f"{answer_s} s",
                    _number(rate),
                    _number(needed),
                    f"{_number(ramp_s(needed, limit.burst, limit.size))} s",
                    _share(refused.get("environments")),
                    f"{_number(grown / 60)} min",
                    _share(refused.get("new_table")),
                )
            )
    heads = (
        "answers take", "a second", "environments of the provider's function", "there after",
        "requests refused in the first minute", "a new table takes it after", "rows refused in the first minute",
    )  # fmt: skip
    return _table(heads, rows)


def _mends() -> str:
    """What to do for each, in the order of what a load of 2 s takes."""
    stand = {
        key: min(limit.takes(load) for load in _loads() if limit.takes(load))
        for key, limit in default_limits().items()
    }
    rows = []
    for key in sorted(known(), key=lambda key: stand[key]):
        told = known()[key]
        rows.append((_called(key), told.shows, told.mend, told.costs))
    return _table(("what", "what shows", "what to do", "what that costs"), rows)


def _hot() -> str:
    rows = [
        (
            "the index by day, of all callers",
            "row",
            f"{_number(limit_of('partition_writes'))} rows",
        ),
        (
            "the index by caller, of one caller",
            "row",
            f"{_number(limit_of('partition_writes'))} rows",
        ),
    ]
    for answer_s in assumed()["answer_s"]["value"]:
        for whose, stage in (
            ("a caller with limits", False),
            ("the stage's budget, all callers", True),
        ):
            attempts = hot_items.budget_attempts(answer_s, stage=stage)
            rows.append(
                (whose, f"hold and settlement, answers of {answer_s} s", f"{attempts} attempts")
            )
    written, counted = (
        hot_items.shard_rows_written(measured().row_units),
        hot_items.shard_rows_counted(measured().tally_row_ms),
    )
    rows += [
        ("a partition of the request log", "row", f"{_number(written)} rows"),
        ("its shard of the stream, by Tally", "batch of 100 rows", f"{_number(counted)} rows"),
    ]
    for callers in assumed()["callers"]["value"]:
        rows.append(
            _sums(f"spend of an hour, {_number(callers)} callers", hot_items.spend(callers))
        )
    for models in assumed()["models"]["value"]:
        what = f"health of a day, {models} models of one provider"
        rows.append(_sums(what, hot_items.history(models)))
    most = _number(hot_items.most_callers_an_hour())
    rows.append(("spend of an hour, at all", "item of 400 KB", f"{most} callers in that hour"))
    new = Limit("concurrency", "places", limit_of("new_account_concurrency"))
    for load in _loads():
        if load.mode == "sync":
            whose = f"{_number(new.size)} functions at once, of a new account"
            takes = f"{_number(new.takes(load))} requests"
            rows.append((whose, f"request of {load.answer_s:g} s", takes))
    return _table(("what is written", "by each", "takes a second"), rows)


def _sums(what: str, sums: hot_items.Sums) -> tuple[str, str, str]:
    size = f"{_number(sums.item_bytes / 1024)} KB"
    return f"{what} ({size})", "batch of 100 rows", f"{_number(sums.rows_a_second)} rows"


def _quotas() -> str:
    rows = [
        (
            one.service,
            one.what + (f" *({one.doubt})*" if one.doubt else ""),
            _limit(one),
            one.raised,
            f"[{one.read:%Y-%m-%d}]({one.source})",
        )
        for one in quotas().values()
    ]
    return _table(("service", "what", "default", "raised", "read"), rows)


def _assumed() -> str:
    rows = [
        (f"`{name}`", ", ".join(_values(told)), told["from"]) for name, told in assumed().items()
    ]
    return _table(("", "value", "whence"), rows)


PARTS: Mapping[str, Callable[[], str]] = {
    "short": _short,
    "breaks": _breaks,
    "crowd": _crowd,
    "mends": _mends,
    "hot": _hot,
    "quotas": _quotas,
    "assumed": _assumed,
}


def _loads() -> list[Workload]:
    return [
        Workload(mode, answer_s, durations())
        for mode in _MODES
        for answer_s in assumed()["answer_s"]["value"]
    ]


def _called(key: str) -> str:
    """With a mark where it is of the engine's own making."""
    told = known()[key]
    return f"{told.name}*" if told.ours else told.name


def _values(told: Mapping[str, object]) -> Iterable[str]:
    for name, value in told.items():
        if name == "value":
            yield ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        elif name != "from":
            yield f"{name} {value}"


def _limit(quota: Quota) -> str:
    if quota.limit is None:
        return "-"
    burst = f", bucket {_number(quota.burst)}" if quota.burst else ""
    return _number(quota.limit) + burst


def _share(refusals: Refusals | None) -> str:
    return f"{refusals.share:.0%}" if refusals else "none"


def _number(number: float) -> str:
    if math.isinf(number):
        return "any"
    return f"{number:,.1f}" if 0 < number < 10 and number != int(number) else f"{number:,.0f}"


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [heads, ["---"] * len(list(heads)), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
