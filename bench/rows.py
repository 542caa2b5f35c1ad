"""How large the rows of the request log are, and what it takes DynamoDB to write one."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from bench.capacity_units import typed_item_bytes, write_units
from bench.engine import running_engine
from bench.local_aws import LocalAws, running_aws
from bench.progress import tell
from local.load_plan import load_prompts

AT_ONCE = 2
_INDEXES = 2
"""By day and by caller: an entry has less than 1 KB, which is one unit."""


def results() -> dict[str, Any]:
    """Of the program's own prompts, each answered by the simulator."""
    requests = [{"task": one.task, "text": one.text} for one in load_prompts()]
    tell(f"rows: {len(requests)} requests")
    with running_aws() as aws, running_engine(aws, AT_ONCE) as engine:
        engine.answer(requests)
        sizes = [typed_item_bytes(row) for row in _rows(aws)]
    units = [write_units(size) for size in sizes]
    return {
        "bytes": _spread(sizes),
        "write_units": {
            "the_row": _spread(units),
            "with_its_indexes": _spread([one + _INDEXES for one in units]),
        },
    }


def _rows(aws: LocalAws) -> list[Mapping[str, Any]]:
    pages = aws.client("dynamodb").get_paginator("scan").paginate(TableName="Requests")
    return [row for page in pages for row in page["Items"]]


def _spread(values: Sequence[int]) -> dict[str, int]:
    cuts = statistics.quantiles(values, n=20, method="inclusive")
    return {"median": round(statistics.median(values)), "p95": round(cuts[-1]), "max": max(values)}
