"""What the others cost: a container with a proxy, and the gateway that AWS runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from math import ceil

from bench.costs.assumed import Assumed
from bench.costs.bill import MONTH_S, Bill, Line

_HOURS = Decimal(MONTH_S) / 3600
_GB = Decimal(10**9)
_DAYS_A_MONTH = Decimal(365) / 12


@dataclass(frozen=True)
class Container:
    """Fargate tasks with a proxy behind a balancer, and the database of its books."""

    assumed: Assumed
    row_days: int
    cpu_ms: Decimal
    """Of a request."""

    @property
    def bill(self) -> Bill:
        """But for its tasks."""
        return Bill(tuple(self._lines()), tuple(self._monthly()))

    def _lines(self) -> Iterator[Line]:
        # A unit is one GB an hour, and costs as much for each hour.
        yield Line("Balancer", "units and hours", self.assumed["moved_gb"], "balancer_unit_hour")
        kept = self.assumed["proxy_row_gb"] * self.row_days / _DAYS_A_MONTH
        yield Line("Database", "GB-months", kept, "database_gb_month")
        yield from _other_lines(self.assumed)

    def _monthly(self) -> Iterator[Line]:
        addresses = self.assumed["proxy_addresses"]
        yield Line("Balancer", "hours", _HOURS, "balancer_hour")
        yield Line("Addresses", "hours", addresses * _HOURS, "address_hour")
        yield Line("Database", "hours", _HOURS, "database_hour")
        yield Line("Database", "GB-months", self.assumed["proxy_database_gb"], "database_gb_month")

    @property
    def task_usd(self) -> Decimal:
        """Of a month."""
        vcpu, gb = self.assumed["proxy_vcpu"], self.assumed["proxy_gb"]
        vcpu_hours = Line("Tasks", "vCPU-hours", vcpu * _HOURS, "fargate_vcpu_hour")
        return vcpu_hours.usd + Line("Tasks", "GB-hours", gb * _HOURS, "fargate_gb_hour").usd

    @property
    def task_rate(self) -> Decimal:
        """Requests a second that one task takes, as exact as the page shows it: who reckons with that comes to
        the same number of tasks."""
        cpu_s = self.cpu_ms / 1000
        rate = self.assumed["proxy_vcpu"] * self.assumed["proxy_busy"] / cpu_s
        return rate.quantize(Decimal("0.0001"), ROUND_FLOOR)

    def tasks(self, rate: Decimal) -> int:
        return max(int(self.assumed["proxy_tasks"]), ceil(rate / self.task_rate))

    def usd_a_month(self, rate: Decimal) -> Decimal:
        return self.bill.usd_a_month(rate) + self.tasks(rate) * self.task_usd


def managed_gateway(assumed: Assumed) -> Bill:
    """Bedrock AgentCore Gateway: no books, no budgets, and nothing to pay while nobody calls."""
    invocation = Line("Gateway", "invocations", Decimal(1), "agentcore_invocation")
    return Bill((invocation, *_other_lines(assumed)))


def _other_lines(assumed: Assumed) -> Iterator[Line]:
    """What all of them pay alike."""
    line_bytes = assumed["other_line_bytes"] + assumed["event_overhead_bytes"]
    yield Line("Data transfer", "answers", assumed["answer_gb"], "egress_gb")
    yield Line("Logs", "GB", line_bytes / _GB, "log_gb")
