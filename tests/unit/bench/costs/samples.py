"""A stage made up, whose figures can be reckoned by hand."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

from bench.costs.assumed import assumed
from bench.costs.deployed import Deployed, Function, Index, Machine, Table
from bench.costs.engine import Model
from bench.costs.happy_path import Step
from bench.costs.measured import Call, Measured, OneFunction

ARM, INTEL = "arm64", "x86_64"
PATH = (
    Step("Classify", "lambda:invoke", "Classify"),
    Step("Score", "lambda:invoke", "Score"),
    Step("Invoke Provider", "lambda:invoke"),
    Step("Answered?"),
    Step("Record Metrics", "lambda:invoke", "RecordMetrics", awaited=False),
)
SUBMITTING = (
    Step("Check Request", "lambda:invoke", "Classify"),
    Step("Start Job", "states:startExecution"),
    Step("List Job", "dynamodb:putItem"),
    Step("Accepted"),
)
FUNCTIONS = {
    "Authorize": Function(512, ARM, snap_start=False, is_traced=True),
    "Classify": Function(1769, INTEL, snap_start=True, is_traced=True),
    "Score": Function(1024, ARM, snap_start=False, is_traced=True),
    "InvokeOpenai": Function(256, ARM, snap_start=True, is_traced=True),
    "RecordMetrics": Function(1024, ARM, snap_start=False, is_traced=True),
    "Tally": Function(1024, ARM, snap_start=False, is_traced=False),
    "Api": Function(512, ARM, snap_start=False, is_traced=True),
    "Sweep": Function(512, ARM, snap_start=False, is_traced=False),
}
ROW = Call(
    operation="PutItem",
    table="Requests",
    attributes={"request_id": 50, "day": 20, "status": 30, "details": 1_948},
    read_items=0,
)
LISTED = Call(operation="UpdateItem", table="Jobs", attributes={"execution_id": 100}, read_items=0)
COUNTED = Call(operation="UpdateItem", table="State", attributes={"state_id": 90}, read_items=0)


def one(
    cpu_ms: str, *calls: Call, lines: tuple[int, ...] = (), metric_lines: int = 0
) -> OneFunction:
    return OneFunction(
        cpu_ms=Decimal(cpu_ms),
        calls=list(calls),
        event_bytes=1_000,
        answer_bytes=2_000,
        lines=list(lines),
        metric_lines=metric_lines,
    )


def taken(*recorded: Call) -> dict[str, OneFunction]:
    return {
        "Classify": one("1", lines=(474,)),
        "Score": one("1", lines=(474,)),
        "Invoke": one("2", lines=(474,)),
        "RecordMetrics": one("2", *recorded, lines=(474,)),
        "Tally": one("1", COUNTED, lines=(1974,), metric_lines=1),
        "Api": one("1"),
    }


def stage() -> Deployed:
    return Deployed(
        functions=FUNCTIONS,
        machines={
            "Generate": Machine("EXPRESS", "ERROR", PATH, 30_000),
            "Jobs": Machine("STANDARD", "ERROR", PATH, 30_000),
            "Submit": Machine("EXPRESS", "ERROR", SUBMITTING, 8_000),
        },
        tables={
            "Requests": Table(
                (Index(frozenset({"day"}), frozenset({"day", "request_id", "status"})),),
                is_backed_up=True,
            ),
            "Jobs": Table((), is_backed_up=True),
            "State": Table((), is_backed_up=True),
        },
        access_line_bytes=474,
        log_days=14,
        row_days=30,
        is_traced=True,
        has_method_metrics=False,
        authorizer_ttl_s=300,
        batch_window_s=1,
        polled_queues=1,
        sweeps_a_month=43_800,
        alarm_metrics=42,
        dashboards=1,
        secrets=4,
    )


def model(**changes: Any) -> Model:
    measured = Measured(health_keys=16, functions={"sync": taken(ROW), "async": taken(ROW, LISTED)})
    return Model(replace(stage(), **changes), measured, assumed())


def bench_json(cpu_ms: int = 30) -> str:
    """Where the proxy takes so long, and our functions what `taken` says."""
    functions = {"Classify": 1, "Score": 1, "InvokeSimulator": 2, "RecordMetrics": 2}
    engine = {
        "functions_ms": {name: {"median": ms, "min": 0} for name, ms in functions.items()},
        "tally_row_ms": 1,
        "tally_lone_row_ms": 5,
    }
    peers = {"litellm_with_database": {"gateway_ms": {"median": cpu_ms}, "version": "1"}}
    return json.dumps({"side_by_side": {"engine": engine, "peers": peers, "rounds": 5}})
