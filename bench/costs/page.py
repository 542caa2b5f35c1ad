"""The generated parts of docs/costs.md and of the README."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal

from bench.costs.assumed import assumptions
from bench.costs.bill import MILLION, MONTH_S, Bill, totals
from bench.costs.changes import moved
from bench.costs.curve import RATES, Curve, break_even, curve_of, rounded
from bench.costs.engine import INVOKE, Model
from bench.costs.measured import cpu_ms, proxy_cpu_ms
from bench.costs.prices import prices

GOALS_USD = {"sync": Decimal(16), "job": Decimal(150)}
"""Per million requests."""
_BLOCK = r"(?s)(<!-- costs: {name} -->\n).*?(<!-- /costs -->)"
_MOST_MOVED = 5


def rendered(text: str, blocks: dict[str, str]) -> str:
    """A page with its blocks made anew. Raises `LookupError` where it has no place for one."""
    for name, block in blocks.items():
        text, found = re.subn(
            _BLOCK.format(name=name),
            lambda place, block=block: f"{place[1]}{block}\n{place[2]}",  # type: ignore[misc]
            text,
        )
        if not found:
            raise LookupError(f"there is no block <!-- costs: {name} --> … <!-- /costs -->")
    return text


def summary(model: Model) -> str:
    """For the README."""
    curve, rate = curve_of(model), model.assumed["rate"]
    equal = break_evens(curve)
    return (
        f"At {rate:f} requests a second and with a provider that answers in"
        f" {model.assumed['provider_s']:f} s, a million synchronous requests cost"
        f" {_cents(curve.sync.usd_per_million(rate))} USD and a million jobs"
        f" {_cents(curve.job.usd_per_million(rate))} USD, and a stage that nobody calls"
        f" {_cents(curve.sync.fixed_usd)} USD a month. Up to {_plain(equal[_SYNC])} synchronous"
        " requests a second that is less than a container with a proxy."
    )


_SYNC, _JOBS, *_ = ("this engine, sync", "this engine, jobs")


def blocks(model: Model) -> dict[str, str]:
    """Of docs/costs.md, by name."""
    curve, rate = curve_of(model), model.assumed["rate"]
    return {
        "million": _million(curve, rate),
        "goals": _goals(model, curve, rate),
        "month": _month(curve.sync),
        "formula": _formula(model, curve),
        "curve": _curve(curve),
        "break-evens": _break_evens(curve),
        "settings": _settings(model, rate),
        "durations": _durations(model),
        "assumptions": _assumptions(),
        "prices": _prices(),
    }


def break_evens(curve: Curve) -> dict[str, Decimal | None]:
    """Where a line of ours meets the container's, by its name."""
    theirs = curve.container.usd_a_month
    return {
        _SYNC: break_even(curve.sync.usd_a_month, theirs),
        _JOBS: break_even(curve.job.usd_a_month, theirs),
    }


def _million(curve: Curve, rate: Decimal) -> str:
    sync, job = curve.sync.by_component(rate), curve.job.by_component(rate)
    names = sorted({**sync, **job}, key=lambda name: -max(sync.get(name, 0), job.get(name, 0)))
    rows = [
        (name, _cents(sync.get(name)), _cents(job.get(name)))
        for name in names
        if max(sync.get(name, Decimal(0)), job.get(name, Decimal(0)))
    ]
    bills = (curve.sync, curve.job)
    whole = tuple(f"**{_cents(bill.usd_per_million(rate))}**" for bill in bills)
    return _table(("USD per million", "sync", "jobs"), [*rows, ("**together**", *whole)])


def _goals(model: Model, curve: Curve, rate: Decimal) -> str:
    reached = {
        "sync": curve.sync.usd_per_million(rate),
        "job": curve.job.usd_per_million(rate),
    }
    rows = [
        (
            {"sync": "synchronous", "job": "jobs"}[name],
            f"{goal:f}",
            _cents(reached[name]),
            "held" if reached[name] <= goal else f"missed by {_cents(reached[name] - goal)}",
        )
        for name, goal in GOALS_USD.items()
    ]
    slower = {**model.assumed, "provider_s": model.assumed["provider_s"] + 1}
    more = replace(model, assumed=slower).sync_bill().usd_per_million(rate) - reached["sync"]
    told = f"Each second that the provider takes is {_cents(more)} USD of a synchronous million."
    return f"{_table(('per million', 'goal, USD', 'reached, USD', ''), rows)}\n\n{told}"


def _month(bill: Bill) -> str:
    rows = [
        (name, _cents(usd))
        for name, usd in totals((one.component, one.usd) for one in bill.monthly).items()
    ]
    used = [(f"{one.component}, while somebody calls", _cents(one.usd)) for one in bill.used]
    whole = ("**together, while nobody calls**", f"**{_cents(bill.fixed_usd)}**")
    return _table(("USD a month", ""), [*rows, whole, *used])


def _formula(model: Model, curve: Curve) -> str:
    engine = [
        ("this engine, sync", curve.sync),
        ("this engine, jobs", curve.job),
        ("a container with a proxy", curve.container.bill),
        ("AgentCore Gateway", curve.managed),
    ]
    periods = sorted({every_s for _, bill in engine for every_s in bill.terms()})
    head = ["", "fixed, USD a month"]
    head += [
        f"at most each {every_s:f} s, USD per million"
        if every_s
        else "each request, USD per million"
        for every_s in periods
    ]
    rows = [
        (
            name,
            f"{bill.used_usd:.4f}",
            *(_exact(MILLION * bill.terms().get(every_s, Decimal(0))) for every_s in periods),
        )
        for name, bill in engine
    ]
    container = curve.container
    tasks = (
        f"The container has besides {container.task_usd:.4f} USD a month for each task, of which there are"
        f" rate / {container.task_rate:.4f} rounded up, and {model.assumed['proxy_tasks']:f} at least."
    )
    return f"{_table(head, rows)}\n\n{tasks}"


def _curve(curve: Curve) -> str:
    lines = curve.by_name
    rows = [
        (
            f"{rate:,f}",
            f"{rate * MONTH_S / MILLION:,.3f}",
            *(_dollars(monthly(rate)) for monthly in lines.values()),
            str(curve.container.tasks(rate)),
        )
        for rate in RATES
    ]
    return _table(("requests a second", "millions a month", *lines, "tasks"), rows)


def _break_evens(curve: Curve) -> str:
    equal = break_evens(curve)
    managed = break_even(curve.sync.usd_a_month, curve.managed.usd_a_month)
    ours = [
        f"- {name}: cheaper than the container up to **{_plain(rate)}** requests a second"
        f" ({_plain(rate and rounded(rate * MONTH_S / MILLION))} million a month)."
        for name, rate in equal.items()
    ]
    against = (
        "cheaper at no rate" if managed is None else f"cheaper up to {_plain(managed)} a second"
    )
    return "\n".join([*ours, f"- against AgentCore Gateway: {against}."])


def _settings(model: Model, rate: Decimal) -> str:
    found = moved(model, rate)
    rows = [
        (
            f"{number}" if number <= _MOST_MOVED else "",
            one.setting,
            _signed(one.sync_usd),
            _signed(one.job_usd),
        )
        for number, one in enumerate(found, start=1)
    ]
    return _table(
        ("", "one setting changed", "sync, USD per million", "jobs, USD per million"), rows
    )


def _durations(model: Model) -> str:
    names = dict.fromkeys((*model.path_of("Generate"), "Tally"))
    taken, spent_ms = model.measured.functions["sync"], cpu_ms(model.measured, "sync")
    rows = [
        (
            "Invoke, of a provider" if name == INVOKE else name,
            f"{spent_ms[name]:f}",
            f"{model.billed_ms(name, 'sync')}",
            f"{sum(taken[name].lines):,}",
            str(sum(map(model.write_units, taken[name].calls))),
        )
        for name in names
    ]
    rows.append(("a container with a proxy", f"{proxy_cpu_ms():f}", "", "", ""))
    return _table(("function", "CPU, ms", "billed, ms", "bytes of log", "write units"), rows)


def _assumptions() -> str:
    return "\n".join(
        f"- `{name}` = {one.value:f}: {one.what}." for name, one in assumptions().items()
    )


def _prices() -> str:
    rows = [
        (f"`{name}`", f"{one.usd:f}", one.unit, f"[{one.by}]({one.source})", one.read.isoformat())
        for name, one in prices().items()
    ]
    return _table(("price", "USD", "for one", "read from", "on"), rows, numbers=(1,))


def _table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[int] | None = None
) -> str:
    """Numbers stand to the right: in all columns but the first, where it is not said."""
    right = range(1, len(head)) if numbers is None else numbers
    line = "|" + "|".join("--:" if at in right else "---" for at in range(len(head))) + "|"
    return "\n".join([_row(head), line, *map(_row, rows)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cents(usd: Decimal | None) -> str:
    return "–" if usd is None else f"{usd:,.2f}"


def _signed(usd: Decimal) -> str:
    return f"{usd:+,.2f}" if round(usd, 2) else "0"


def _exact(usd: Decimal) -> str:
    return f"{usd:.6f}" if usd else "0"


def _dollars(usd: Decimal) -> str:
    return f"{usd:,.0f}" if usd >= 100 else f"{usd:,.1f}"


def _plain(number: Decimal | None) -> str:
    return "no" if number is None else f"{number.normalize():f}"
