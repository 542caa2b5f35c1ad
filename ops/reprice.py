"""What logged attempts cost by the table that priced them, and by today's; nothing is written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter

from functions.shared.catalogue.pricing import (
    UnknownPriceVersion,
    UnpricedModel,
    cost_nano_usd,
    price_factor,
)
from functions.shared.vocabulary import PriceFactors, Usage, usd
from ops.stage import Stage
from training.routing.request_rows import table_rows

_FACTORS: TypeAdapter[PriceFactors] = TypeAdapter(PriceFactors)


@dataclass
class Repriced:
    """Of one model. `unlike` are the attempts that their own version prices otherwise than they were
    booked, which is a fault; `unknown` those of a version or a model that no table here has."""

    attempts: int = 0
    booked_nano_usd: int = 0
    today_nano_usd: int = 0
    unlike: list[str] = field(default_factory=list)
    unknown: int = 0

    @property
    def difference_nano_usd(self) -> int:
        return self.today_nano_usd - self.booked_nano_usd


@dataclass(frozen=True)
class _Booked:
    """An attempt with a usage; what was only assumed of others cannot be priced again, and nobody bills
    a simulated one."""

    request_id: str
    model: str
    usage: Usage
    cost_nano_usd: int
    price_version: str
    at: datetime
    factor: Decimal

    def cost_by(self, version: str | None) -> int:
        return cost_nano_usd(self.model, self.usage, self.at.date(), self.factor, version)


def reprice(rows: Iterable[Mapping[str, Any]]) -> dict[str, Repriced]:
    """By model."""
    found: dict[str, Repriced] = defaultdict(Repriced)
    for row in rows:
        for booked in _booked(row):
            _add(found[booked.model], booked)
    return dict(sorted(found.items()))


def _add(model: Repriced, booked: _Booked) -> None:
    try:
        own, today = booked.cost_by(booked.price_version), booked.cost_by(None)
    except (UnknownPriceVersion, UnpricedModel):
        model.unknown += 1
        return
    model.attempts += 1
    model.booked_nano_usd += booked.cost_nano_usd
    model.today_nano_usd += today
    if own != booked.cost_nano_usd:
        model.unlike.append(booked.request_id)


def _booked(row: Mapping[str, Any]) -> Iterator[_Booked]:
    context = row.get("decision", {}).get("routing_context", {})
    factors = _FACTORS.validate_python(context.get("price_factors", {}))
    for attempt in row.get("attempts", []):
        if attempt.get("usage") and not attempt.get("simulated_cost_nano_usd"):
            yield _Booked(
                request_id=row["request_id"],
                model=attempt["model"],
                usage=Usage.model_validate(attempt["usage"]),
                cost_nano_usd=attempt["cost_nano_usd"],
                price_version=attempt.get("price_version") or row.get("price_version", ""),
                at=datetime.fromisoformat(row["created_at"]).astimezone(UTC),
                factor=price_factor(attempt["provider"], factors),
            )


def report(models: Mapping[str, Repriced]) -> list[str]:
    """A line for each model that costs otherwise today or cannot be priced again, and the sum."""
    lines = [line for model, told in models.items() for line in _lines(model, told)]
    attempts = sum(told.attempts for told in models.values())
    booked = sum(told.booked_nano_usd for told in models.values())
    difference = sum(told.difference_nano_usd for told in models.values())
    lines.append(
        f"{attempts} attempts, booked {usd(booked):f} USD, by today's table {usd(difference):+f} USD"
    )
    return lines


def _lines(model: str, told: Repriced) -> Iterator[str]:
    if told.difference_nano_usd:
        yield (
            f"{model}: {told.attempts} attempts, booked {usd(told.booked_nano_usd):f} USD, "
            f"by today's table {usd(told.difference_nano_usd):+f} USD"
        )
    if told.unlike:
        examples = ", ".join(told.unlike[:3])
        yield f"{model}: {len(told.unlike)} not booked as their version prices them: {examples}"
    if told.unknown:
        yield f"{model}: {told.unknown} of a version or a model that this table does not have"


def run(stage: Stage, since: timedelta) -> int:
    """1 where an attempt was not booked as its own version prices it."""
    database = stage.session.resource("dynamodb", endpoint_url=stage.endpoint_url)
    table = stage.outputs["RequestsTableName"]
    logged = table_rows(table, since, datetime.now(UTC), database=database)
    models = reprice(row.fields for row in logged)
    print("\n".join(report(models)))
    return 1 if any(told.unlike for told in models.values()) else 0
