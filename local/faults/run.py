"""`load --faults`: a stack of its own whose providers fail in every way, and an audit of its books."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import boto3

from functions.shared.money.budget import STAGE_ID
from functions.shared.money.budget_table import BudgetTable
from functions.shared.storage.tables import Table
from functions.shared.vocabulary import Provider
from local.client import Client
from local.faults import aimock
from local.faults.audit import Books, Row, audited, nano
from local.faults.dead_letters import replay
from local.faults.exchange import Exchange, LedgerCall
from local.faults.fixtures import fixtures
from local.faults.killing import Kills, can_kill, kill_caller
from local.faults.kinds import FAULTS, REMOTE, WELL, Fault
from local.faults.report import Report
from local.faults.sending import FaultSender, planned_with_marks, stopped
from local.load import INTERRUPTED, LoadFailed, LoadOptions
from local.load_progress import shown
from local.load_sending import Outcome, send_all
from local.paths import folder_of
from local.settings import REGION, STAGE_MONTH_USD, read_settings
from local.state import StackState, read_state
from local.up import end_stack, up

LEDGER = "ledger.jsonl"
"""In the stack's folder: a line for each call, with what its provider bills for it."""
_PLAN = {"REQUESTS_PER_SECOND": "1000", "BURST_REQUESTS": "1000", "REQUESTS_PER_DAY": "1000000"}
_WINDOW = "24h"
_OUTAGE_EVERY_S, _OUTAGE_S = 6.0, 0.5
_SETTLES_WITHIN_S = 30.0
_NAMED_BY = 20
"""Characters of a construct's path that are in its function's name."""
_HELD_FOR_S = 120.0
"""Nothing is held longer than so after its call could have ended."""
_PAGE = 500


def load_with_faults(options: LoadOptions) -> int:
    """0 where every book agrees with the ledger, else 1. Raises LoadFailed and UpFailed."""
    if not aimock.CLI.exists():
        raise LoadFailed("aimock is missing; install it with: npm ci")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        report = _run(options)
    except KeyboardInterrupt:
        print("\nEnded at once.")
        return INTERRUPTED
    print("\n".join(report.lines()))
    return 1 if report.problems else 0


def _run(options: LoadOptions) -> Report:
    # Whoever waits for an environment would be called after its attempt had been given up.
    os.environ.setdefault("LOCAL_WORKERS_PER_FUNCTION", str(options.concurrency))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        simulator = stack.enter_context(aimock.serving(fixtures(), folder))
        exchange = _exchange(options, simulator)
        try:
            stack.enter_context(exchange.serving())
        except OSError as error:
            ports = ", ".join(map(str, exchange.ports.values()))
            raise LoadFailed(f"The providers need the ports {ports} ({error.strerror}).") from None
        month = {STAGE_MONTH_USD: options.month_usd} if options.month_usd else {}
        state = stack.enter_context(_stack(options.port, exchange.variables | _PLAN | month))
        outcomes = _send(options, state, exchange)
        _clean_up(state)
        report = _report(state, exchange, outcomes)
        _write(folder_of(options.port) / LEDGER, exchange.calls)
        return report


def _exchange(options: LoadOptions, simulator: str) -> Exchange:
    ports: dict[Provider, int] = {
        provider: options.port + number for number, provider in enumerate(REMOTE, start=1)
    }

    def kill(its_port: int, our_port: int) -> None:
        kill_caller(read_state(options.port).emulator_pid, its_port, our_port)

    return Exchange(simulator, partial(drawn, options.seed, options.faults), kill, ports)


def drawn(seed: int, percent: float, call: LedgerCall) -> Fault:
    """The same one for the same call of the same request, whatever comes before it."""
    digest = hashlib.sha256(f"{seed} {call.mark} {call.number}".encode()).digest()
    kind, share = divmod(int.from_bytes(digest[:8], "big"), 10_000)
    if share >= percent * 100:
        return WELL
    possible = [
        fault
        for fault in FAULTS
        if fault.befalls(call.provider) and (fault.ending != "kills" or can_kill())
    ]
    return possible[kind % len(possible)]


@contextmanager
def _stack(port: int, variables: Mapping[str, str]) -> Iterator[StackState]:
    up(port, read_settings(variables), detach=True, show_demo=False)
    try:
        yield read_state(port)
    finally:
        end_stack(read_state(port))


def _send(options: LoadOptions, state: StackState, exchange: Exchange) -> list[Outcome]:
    client = Client(state.base_url, state.api_key)
    listed = client.ask("GET", "/models")[1]["data"]
    models = [one["id"] for one in listed if one["usable"] and one["provider"] != "local"]
    requests = planned_with_marks(models, options.seed)
    requests = stopped(requests)
    stopping = threading.Event()

    def sender() -> FaultSender:
        return FaultSender(Client(state.base_url, state.api_key), stopping)

    _warm(state)
    began = time.monotonic()
    print(f"\n{options.faults:g} % of the calls meet a fault (seed {options.seed})")
    recorder = _function(_client(state, "lambda"), "RecordMetrics")
    kills = Kills(state.emulator_pid, options.kills, options.seed, recorder)
    exchange.watch = lambda _, *ports: kills.watch(*ports)
    with _outages(exchange):
        sent = send_all(islice(requests, options.requests), sender, options.concurrency, stopping)
        outcomes = list(shown(sent, options.requests))
    print(f"\n{kills.done} functions were killed at random" if options.kills else "")
    print(f"{len(outcomes)} requests in {time.monotonic() - began:.1f} s\n")
    return outcomes


def _warm(state: StackState) -> None:
    """A cold function takes seconds here, which are no provider's: each one starts at an event that it refuses."""
    functions = _client(state, "lambda")
    for page in functions.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            if "PROVIDER" in function.get("Environment", {}).get("Variables", {}):
                functions.invoke(FunctionName=function["FunctionName"], Payload=b"{}")


@contextmanager
def _outages(exchange: Exchange) -> Iterator[None]:
    """Now and then one provider after the other refuses connections."""
    ended = threading.Event()

    def interrupt() -> None:
        number = 0
        while not ended.wait(_OUTAGE_EVERY_S):
            provider = REMOTE[number % len(REMOTE)]
            exchange.close(provider)
            ended.wait(_OUTAGE_S)
            exchange.open(provider)
            number += 1

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _clean_up(state: StackState) -> None:
    """As an operator does with what was not recorded, and the clock with what was not settled."""
    functions, budgets = _client(state, "lambda"), _budgets(state)
    recorder, sweeper = (_function(functions, name) for name in ("RecordMetrics", "Sweep"))
    (queue,) = (
        url
        for url in _client(state, "sqs").list_queues()["QueueUrls"]
        if "DeadLetterQueue" in url and "Event" not in url
    )
    ends = time.monotonic() + _HELD_FOR_S
    while True:
        replay(_client(state, "sqs"), queue, functions, recorder)
        functions.invoke(FunctionName=sweeper, Payload=b"{}")
        if not budgets.read(STAGE_ID).holds() or time.monotonic() > ends:
            return
        time.sleep(1)


def _function(functions: Any, name: str) -> str:
    pages = functions.get_paginator("list_functions").paginate()
    names: list[str] = [one["FunctionName"] for page in pages for one in page["Functions"]]
    return next(one for one in names if f"Functions{name}"[:_NAMED_BY] in one)


def _budgets(state: StackState) -> BudgetTable:
    database = _client(state, "dynamodb")
    names = database.list_tables()["TableNames"]
    return BudgetTable(Table(next(one for one in names if "Budgets" in one), database))


def _report(state: StackState, exchange: Exchange, outcomes: list[Outcome]) -> Report:
    """Once the figures have come, which follow the answers."""
    client = Client(state.base_url, state.api_key)
    ends = time.monotonic() + _SETTLES_WITHIN_S
    while True:
        books = read_books(client, state)
        calls = list(exchange.calls)
        simulated = len(aimock.journal(exchange.simulator))
        report = Report(outcomes, audited(calls, books.rows), books, simulated)
        if not report.problems or time.monotonic() > ends:
            return report
        time.sleep(2)


def read_books(client: Client, state: StackState) -> Books:
    """The rows first, as the other figures follow them."""
    rows = list(_rows(client))
    costs = client.ask("GET", f"/metrics/costs?window={_WINDOW}")[1]
    lines = list(_metric_lines(state))
    return Books(
        rows=rows,
        metrics=nano(costs["total_usd"]),
        by_caller=sum(nano(one["cost_usd"]) for one in costs["by_caller"].values()),
        emf=_sum(lines, "CostUsd"),
        emf_possible=_sum(lines, "PossiblyBilledUsd"),
        emf_requests=len(lines),
        budget=_budgets(state).read(STAGE_ID),
    )


def _sum(lines: list[Mapping[str, Any]], metric: str) -> int:
    return sum(nano(amount) for line in lines for amount in line.get(metric, ()))


def _rows(client: Client) -> Iterator[Row]:
    """Of all requests, whether their answers came or not."""
    cursor = ""
    while cursor is not None:
        more = f"&cursor={cursor}" if cursor else ""
        page = client.ask("GET", f"/metrics/logs?limit={_PAGE}{more}")[1]
        for listed in page["data"]:
            yield client.ask("GET", f"/requests/{listed['request_id']}")[1]
        cursor = page["next_cursor"]


def _metric_lines(state: StackState) -> Iterator[Mapping[str, Any]]:
    """In the embedded metric format, one for each request, whichever function writes them."""
    logs = _client(state, "logs")
    for page in logs.get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            events = logs.get_paginator("filter_log_events")
            for found in events.paginate(logGroupName=group["logGroupName"]):
                yield from _of_requests(event["message"] for event in found["events"])


def _client(state: StackState, service: Any) -> Any:
    return boto3.client(
        service,
        endpoint_url=state.emulator_url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - the emulator takes any
    )


def _of_requests(messages: Iterator[str]) -> Iterator[Mapping[str, Any]]:
    for message in messages:
        if '"_aws"' in message and '"CostUsd"' in message:
            line = json.loads(message, parse_float=str)
            if "Requests" in line:
                yield line


def _write(file: Path, calls: list[LedgerCall]) -> None:
    lines = (json.dumps(_entry(call)) for call in calls)
    file.write_text("".join(f"{line}\n" for line in lines), "utf-8")


def _entry(call: LedgerCall) -> Mapping[str, Any]:
    told = {name: value for name, value in asdict(call).items() if name not in ("fault", "usage")}
    usage = call.usage.model_dump(mode="json") if call.usage else None
    cost = {"usage": usage, "cost_nano_usd": call.cost_nano_usd}
    return told | {"fault": call.fault.name, "catalogue_id": call.catalogue_id} | cost
