"""Indexes that list the items of a partition by time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from functions.shared.storage.expressions import Expressions, all_of
from functions.shared.storage.tables import Table


@dataclass(frozen=True)
class TimeIndex:
    """Its name, and the attributes that are its partition and its time, as `stamp` writes it."""

    name: str
    partition: str
    time: str


@dataclass(frozen=True)
class Page:
    """Items of one query; `next_key` is where the next page begins, None at the end.

    `evaluated` items were read for it, those that a filter left out as well.
    """

    rows: list[dict[str, Any]]
    next_key: dict[str, Any] | None
    evaluated: int


def newest_page(
    table: Table,
    index: TimeIndex,
    partition: str,
    first: str,
    last: str,
    *,
    equal: Mapping[str, str] | None = None,
    limit: int | None = None,
    after: dict[str, Any] | None = None,
) -> Page:
    """One query of an index, newest first, from `first` to `last`, both included.

    `limit` counts the items before those that are not `equal` are left out. At most 1 MB. Raises
    `ClientError`.
    """
    # Rows of earlier versions end in +00:00, which sorts before Z and behind no zone at all.
    at = Expressions()
    stretch = at.between(index.time, first.removesuffix("Z"), last)
    filters = [at.is_(name, "=", wanted) for name, wanted in (equal or {}).items()]
    asked = at.arguments(
        # A condition on a key takes no brackets: DynamoDB calls them redundant.
        KeyConditionExpression=f"{at.is_(index.partition, '=', partition)} AND {stretch}",
        FilterExpression=all_of(filters),
    )
    optional: dict[str, Any] = {"Limit": limit, "ExclusiveStartKey": after}
    response = table.query(
        IndexName=index.name,
        ScanIndexForward=False,
        **asked,
        **{name: given for name, given in optional.items() if given is not None},
    )
    return Page(response["Items"], response.get("LastEvaluatedKey"), response["ScannedCount"])
