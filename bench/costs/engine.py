"""What the engine costs: the bill of a synchronous request and of a job, from what is deployed and measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil

from bench.capacity_units import write_units
from bench.costs.assumed import Assumed
from bench.costs.bill import MONTH_S, Bill, Line
from bench.costs.deployed import Deployed, Machine
from bench.costs.happy_path import transitions
from bench.costs.measured import TALLY, TALLY_BATCH, Call, Measured, Mode, OneFunction, cpu_ms
from functions.shared.health.reader import MAX_AGE_S
from functions.shared.telemetry.series import OF_ATTEMPTS, OF_FUNCTIONS, OF_REQUESTS

PROVIDER = "InvokeOpenai"
"""The function of the provider that answers."""
INVOKE = "Invoke"
_INVOKES = "lambda:invoke"
_FULL_VCPU_MB = Decimal(1769)
"""https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"""
_EXPRESS_STEP_MB, _EXPRESS_STEP_MS = 64, 100
_STORED_OVERHEAD_BYTES = 100
"""Of an item and of each index entry, as DynamoDB counts what it keeps."""
_GB, _MB_OF_GB = Decimal(10**9), Decimal(1024)
_DAYS_A_MONTH = Decimal(365) / 12
_ALL_EVENTS_BYTES = 700
"""Of a state's events in an execution's log without data, about."""


@dataclass(frozen=True)
class Model:
    """A stage, what a request takes of its functions, and what is assumed."""

    deployed: Deployed
    measured: Measured
    assumed: Assumed

    def sync_bill(self) -> Bill:
        """Of `POST /generate` in an Express execution."""
        lines = (
            *self._call_of_gateway(1),
            *self._authorizing(),
            *self._machine("Generate", "sync"),
            *self._functions("Generate", "sync"),
            *self._recorded("sync"),
            *self._kept("sync"),
            *self._traced(1),
        )
        return Bill(lines, tuple(self._monthly()), (self._series(),))

    def job_bill(self) -> Bill:
        """Of `POST /jobs`, the job's execution and its polls."""
        polls = int(self.assumed["polls"])
        lines = (
            *self._call_of_gateway(1 + polls),
            *self._authorizing(),
            *self._machine("Submit", "async"),
            *self._functions("Submit", "async"),
            *self._listed_job(),
            *self._machine("Jobs", "async"),
            *self._functions("Jobs", "async"),
            *self._function("Api", self._taken("async", "Api"), "async", times=polls),
            *self._recorded("async"),
            *self._kept("async"),
            *self._traced(1 + polls),
        )
        return Bill(lines, tuple(self._monthly()), (self._series(),))

    def path_of(self, machine: str) -> list[str]:
        """The functions that it calls, one after the other."""
        steps = self.deployed.machines[machine].path
        return [one.function or INVOKE for one in steps if one.service == _INVOKES]

    def billed_ms(self, function: str, mode: Mode) -> int:
        """Of one call: the processor's share goes by memory, and calls of tables and providers are waited for."""
        memory_mb = self.deployed.functions[_deployed_name(function)].memory_mb
        share = min(Decimal(1), memory_mb / _FULL_VCPU_MB)
        waits_ms = len(self._taken(mode, function).calls) * self.assumed["table_call_ms"]
        if function == INVOKE:
            waits_ms += self.assumed["provider_s"] * 1000
        return ceil(cpu_ms(self.measured, mode)[function] / share + waits_ms)

    def express_ms(self, machine: str, mode: Mode) -> int:
        """Billed: what the execution waits for, in whole steps."""
        steps = self.deployed.machines[machine].path
        invoked = [one for one in steps if one.service == _INVOKES]
        awaited = sum(
            self.billed_ms(one.function or INVOKE, mode) for one in invoked if one.awaited
        )
        others = sum(one.service not in {"", _INVOKES} for one in steps)
        waits_ms = (
            len(invoked) * self.assumed["invocation_ms"] + others * self.assumed["table_call_ms"]
        )
        return ceil((awaited + waits_ms) / _EXPRESS_STEP_MS) * _EXPRESS_STEP_MS

    def _taken(self, mode: Mode, function: str) -> OneFunction:
        return self.measured.functions[mode][function]

    def _call_of_gateway(self, calls: int) -> Iterator[Line]:
        quantity, component = Decimal(calls), "API Gateway"
        yield Line(component, "requests", quantity, "api_request")
        yield Line("Data transfer", "answers", self.assumed["answer_gb"] * quantity, "egress_gb")
        yield from self._log("Logs: access", [self.deployed.access_line_bytes] * calls)

    def _authorizing(self) -> Iterator[Line]:
        every_s = self.deployed.authorizer_ttl_s / self.assumed["callers"]
        memory_gb = self.deployed.functions["Authorize"].memory_mb / _MB_OF_GB
        duration_s = 2 * self.assumed["table_call_ms"] / 1000
        component = "Lambda: Authorize"
        yield Line(component, "requests", Decimal(1), "lambda_request", every_s)
        yield Line(component, "GB-seconds", memory_gb * duration_s, "lambda_arm64_gb_s", every_s)

    def _machine(self, name: str, mode: Mode) -> Iterator[Line]:
        machine = self.deployed.machines[name]
        component = f"Step Functions: {name}"
        if machine.type == "STANDARD":
            quantity = Decimal(transitions(list(machine.path)))
            yield Line(component, "transitions", quantity, "standard_transition")
        else:
            yield Line(component, "requests", Decimal(1), "express_request")
            gb_s = self._express_gb(machine) * self.express_ms(name, mode) / 1000
            yield Line(component, "GB-seconds", gb_s, "express_gb_s")
        if machine.log_level == "ALL":
            yield from self._log("Logs: executions", [_ALL_EVENTS_BYTES] * len(machine.path))
            yield from self._log("Logs: executions", self._logged_data(name, mode))

    def _express_gb(self, machine: Machine) -> Decimal:
        data_mb = Decimal(256 * len(machine.path)) / 1024
        used_mb = (
            self.assumed["express_base_mb"] + Decimal(machine.definition_bytes) / 2**20 + data_mb
        )
        return ceil(used_mb / _EXPRESS_STEP_MB) * _EXPRESS_STEP_MB / _MB_OF_GB

    def _logged_data(self, name: str, mode: Mode) -> list[int]:
        """Events and answers of the functions, each as it is scheduled, told and kept."""
        taken = [self._taken(mode, function) for function in self.path_of(name)]
        return [one.event_bytes + 2 * one.answer_bytes for one in taken]

    def _functions(self, machine: str, mode: Mode) -> Iterator[Line]:
        for name in self.path_of(machine):
            yield from self._function(name, self._taken(mode, name), mode)

    def _function(
        self, name: str, taken: OneFunction, mode: Mode, *, times: int = 1
    ) -> Iterator[Line]:
        function = self.deployed.functions[_deployed_name(name)]
        component, price = f"Lambda: {name}", f"lambda_{function.architecture}_gb_s"
        memory_gb = function.memory_mb / _MB_OF_GB
        quantity = Decimal(times)
        yield Line(component, "requests", quantity, "lambda_request")
        gb_s = quantity * memory_gb * self.billed_ms(name, mode) / 1000
        yield Line(component, "GB-seconds", gb_s, price)
        starts = quantity * self.assumed["start_share"] * memory_gb
        if function.snap_start:
            yield Line("Lambda: starts", f"GB of {name}", starts, "snapshot_restored_gb")
        else:
            start_s = self.assumed["start_ms"] / 1000
            yield Line("Lambda: starts", f"GB-seconds of {name}", starts * start_s, price)
        yield from self._log("Logs: functions", taken.lines * times)
        yield from self._table_calls("DynamoDB: " + name, taken.calls)
        if name == "Score":
            # However many items there are, a look at health reads each that may be there.
            reads = Decimal(self.measured.health_keys) / 2
            every_s = Decimal(MAX_AGE_S)
            yield Line("DynamoDB: Score", "reads of health", reads, "read_unit", every_s)

    def _recorded(self, mode: Mode) -> Iterator[Line]:
        """The row's stream: a batch each window, and each row's own part of it."""
        taken, function = self._taken(mode, "Tally"), self.deployed.functions["Tally"]
        memory_gb, window_s = function.memory_mb / _MB_OF_GB, self.deployed.batch_window_s
        price, every_s = f"lambda_{function.architecture}_gb_s", Decimal(window_s)
        share = min(Decimal(1), function.memory_mb / _FULL_VCPU_MB)
        spent_ms = cpu_ms(self.measured, mode)
        own_s = spent_ms[TALLY] / share / 1000
        waits_ms = len(taken.calls) * self.assumed["table_call_ms"]
        batch_s = (waits_ms + spent_ms[TALLY_BATCH] / share) / 1000
        component = "Lambda: Tally"
        yield Line(component, "requests", Decimal(1), "lambda_request", every_s)
        yield Line(component, "GB-seconds of batches", memory_gb * batch_s, price, every_s)
        yield Line(component, "GB-seconds", memory_gb * own_s, price)
        yield Line("DynamoDB: stream", "reads", Decimal(1), "stream_read", every_s)
        for line in self._table_calls("DynamoDB: Tally", taken.calls):
            yield Line(line.component, line.what, line.quantity, line.price, every_s)
        yield from self._log("Logs: metrics", taken.lines)

    def _listed_job(self) -> Iterator[Line]:
        writes = [one for one in self._taken("async", "RecordMetrics").calls if one.table == "Jobs"]
        yield from self._table_calls("DynamoDB: Submit", writes)

    def _table_calls(self, component: str, calls: Sequence[Call]) -> Iterator[Line]:
        units = sum(self.write_units(one) for one in calls)
        if units:
            yield Line(component, "write units", Decimal(units), "write_unit")

    def write_units(self, call: Call) -> int:
        """Of the item and of its entries in indexes."""
        if call.read_items:
            return 0
        entries = self._entries(call)
        return sum(write_units(size) for size in (sum(call.attributes.values()), *entries))

    def _entries(self, call: Call) -> list[int]:
        """The bytes of those that it has in indexes."""
        return [
            sum(
                size
                for name, size in call.attributes.items()
                if index.attributes is None or name in index.attributes
            )
            for index in self.deployed.tables[call.table].indexes
            if index.keys <= call.attributes.keys()
        ]

    def _kept(self, mode: Mode) -> Iterator[Line]:
        """The row, for as long as the stage keeps it."""
        table = self.deployed.tables["Requests"]
        for call in self._taken(mode, "RecordMetrics").calls:
            if call.table == "Requests":
                sizes = (sum(call.attributes.values()), *self._entries(call))
                size = sum(size + _STORED_OVERHEAD_BYTES for size in sizes)
                gb_months = size / _GB * self.deployed.row_days / _DAYS_A_MONTH
                yield Line("Kept: rows", "GB-months", gb_months, "table_gb_month")
                if table.is_backed_up:
                    yield Line(
                        "Kept: rows", "GB-months of backups", gb_months, "table_backup_gb_month"
                    )

    def _log(self, component: str, lines: Sequence[int]) -> Iterator[Line]:
        if not lines:
            return
        overhead = self.assumed["event_overhead_bytes"]
        gb = sum(size + overhead for size in lines) / _GB
        months = self.deployed.log_days / _DAYS_A_MONTH
        yield Line(component, "GB", gb, "log_gb")
        kept = gb * months * self.assumed["log_compression"]
        yield Line("Kept: logs", f"GB-months of {component}", kept, "log_gb_month")

    def _traced(self, calls: int) -> Iterator[Line]:
        if self.deployed.is_traced:
            share = self.assumed["trace_share"]
            yield Line("X-Ray", "traces", calls * share, "trace")
            # The first of each second, which is not among the others.
            yield Line("X-Ray", "first traces", 1 - share, "trace", Decimal(1))
            if self.deployed.functions["Tally"].is_traced:
                every_s = Decimal(self.deployed.batch_window_s)
                yield Line("X-Ray", "traces of Tally", Decimal(1), "trace", every_s)

    def _series(self) -> Line:
        """CloudWatch bills a metric by the hours in which it has values."""
        return Line("Custom metrics", "metrics", Decimal(self.metrics()), "metric_month")

    def metrics(self) -> int:
        """Series that a busy stage has."""
        values = {"model": int(self.assumed["models"]), None: 1}
        families = (*OF_REQUESTS, *OF_ATTEMPTS, *OF_FUNCTIONS)
        return sum(
            len(one.metrics) * values.get(one.dimension, int(self.assumed["values"]))
            for one in families
        )

    def _monthly(self) -> Iterator[Line]:
        """What a stage costs that nobody calls."""
        deployed, month_s = self.deployed, Decimal(MONTH_S)
        gb = sum(one.memory_mb for one in deployed.functions.values() if one.snap_start)
        yield Line("Snapshots", "GB-seconds", gb / _MB_OF_GB * month_s, "snapshot_gb_s")
        yield Line("Alarms", "metrics", Decimal(deployed.alarm_metrics), "alarm_metric_month")
        yield Line("Dashboard", "dashboards", Decimal(deployed.dashboards), "dashboard_month")
        yield Line("Secrets", "secrets", Decimal(deployed.secrets), "secret_month")
        polls = deployed.polled_queues * self.assumed["queue_polls_a_month"]
        yield Line("Queue of stopped jobs", "requests", polls, "queue_request")
        sweeps = Decimal(deployed.sweeps_a_month)
        sweep_gb = deployed.functions["Sweep"].memory_mb / _MB_OF_GB
        sweep_s = 4 * self.assumed["table_call_ms"] / 1000
        yield Line("Sweep", "requests", sweeps, "lambda_request")
        yield Line("Sweep", "GB-seconds", sweeps * sweep_gb * sweep_s, "lambda_arm64_gb_s")
        yield Line("Sweep", "read units", sweeps, "read_unit")
        if deployed.functions["Sweep"].is_traced:
            yield Line("Sweep", "traces", sweeps, "trace")


def _deployed_name(function: str) -> str:
    return PROVIDER if function == INVOKE else function
