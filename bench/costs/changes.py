"""One setting at a time: what each of them moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from bench.costs.bill import MILLION, MONTH_S
from bench.costs.deployed import Deployed, Function, Machine
from bench.costs.engine import PROVIDER, Model

Change = Callable[[Model], Model]


@dataclass(frozen=True)
class Moved:
    """USD more, or less, per million requests, with what is fixed shared by them."""

    setting: str
    sync_usd: Decimal
    job_usd: Decimal

    @property
    def weight(self) -> Decimal:
        return max(abs(self.sync_usd), abs(self.job_usd))


def moved(model: Model, rate: Decimal) -> list[Moved]:
    """All settings, those that move most first."""
    before = _per_million(model, rate)
    changes = (
        Moved(
            name,
            *(
                after - now
                for after, now in zip(_per_million(change(model), rate), before, strict=True)
            ),
        )
        for name, change in CHANGES.items()
    )
    return sorted(changes, key=lambda one: one.weight, reverse=True)


def _per_million(model: Model, rate: Decimal) -> tuple[Decimal, Decimal]:
    requests = rate * MONTH_S
    sync, job = (
        bill.usd_a_month(rate) / requests * MILLION
        for bill in (model.sync_bill(), model.job_bill())
    )
    return sync, job


def _deployed(**changes: object) -> Change:
    return lambda model: replace(model, deployed=replace(model.deployed, **changes))  # type: ignore[arg-type]


def _assumed(**changes: str) -> Change:
    told = {name: Decimal(value) for name, value in changes.items()}
    return lambda model: replace(model, assumed={**model.assumed, **told})


def _functions(change: Callable[[str, Function], Function]) -> Change:
    def changed(model: Model) -> Model:
        functions = {name: change(name, one) for name, one in model.deployed.functions.items()}
        return replace(model, deployed=replace(model.deployed, functions=functions))

    return changed


def _machines(change: Callable[[Machine], Machine]) -> Change:
    def changed(model: Model) -> Model:
        machines = {name: change(one) for name, one in model.deployed.machines.items()}
        return replace(model, deployed=replace(model.deployed, machines=machines))

    return changed


def _memory(memory_mb: int) -> Change:
    return _functions(
        lambda name, one: replace(one, memory_mb=memory_mb) if name == PROVIDER else one
    )


def _in_a_standard_machine(model: Model) -> Model:
    machines: Mapping[str, Machine] = model.deployed.machines
    changed = {**machines, "Generate": replace(machines["Generate"], type="STANDARD")}
    return replace(model, deployed=replace(model.deployed, machines=changed))


def _quiet(model: Model) -> Model:
    functions = {
        mode: {
            name: one if one.metric_lines else one.model_copy(update={"lines": []})
            for name, one in taken.items()
        }
        for mode, taken in model.measured.functions.items()
    }
    measured = model.measured.model_copy(update={"functions": functions})
    return replace(model, measured=measured)


def _without_an_index(model: Model) -> Model:
    tables = dict(model.deployed.tables)
    tables["Requests"] = replace(tables["Requests"], indexes=tables["Requests"].indexes[1:])
    return replace(model, deployed=replace(model.deployed, tables=tables))


def _without_backups(model: Model) -> Model:
    deployed: Deployed = model.deployed
    tables = {name: replace(one, is_backed_up=False) for name, one in deployed.tables.items()}
    return replace(model, deployed=replace(deployed, tables=tables))


def _names() -> Iterator[tuple[str, Change]]:
    yield "`provider_memory_mb` 1024", _memory(1024)
    yield "`provider_memory_mb` 128, which not every provider's SDK fits into", _memory(128)
    yield "the machine of `/generate` a Standard one", _in_a_standard_machine
    logged = _machines(lambda one: replace(one, log_level="ALL"))
    yield "the machines' log level `ALL`, with data", logged
    yield "X-Ray off", _deployed(is_traced=False)
    yield "every request traced", _assumed(trace_share="1")
    yield "`log_level` WARNING", _quiet
    yield "`log_retention_days` 365", _deployed(log_days=365)
    yield "`request_log_days` 365", _deployed(row_days=365)
    yield "no index of requests by day", _without_an_index
    yield "tables without point-in-time recovery", _without_backups
    yield "no alarms", _deployed(alarm_metrics=0)
    yield "no dashboard", _deployed(dashboards=0)
    no_snapshots = _functions(lambda _, one: replace(one, snap_start=False))
    yield "no snapshots kept, memory as it is", no_snapshots
    yield "ten polls of a job instead of two", _assumed(polls="10")
    yield "40 models in use instead of four", _assumed(models="40")


CHANGES = dict(_names())
