"""`load`: sends many real requests to a running stack and checks its metrics against the answers.

What was sent is counted from the answers, so that nothing is compared with itself. The request log is
asked only where an answer does not tell: for what a failed request cost, and whether the attempts
that an answer fell back from were billed.
"""

from __future__ import annotations

import signal
import threading
import time
from dataclasses import dataclass
from itertools import islice
from typing import Any

from botocore.exceptions import BotoCoreError

from local.client import Client
from local.load_faults import failing
from local.load_plan import load_prompts, planned
from local.load_progress import shown
from local.load_report import SOURCE, Figures, percentiles, remarks, sent, table, told
from local.load_sending import Outcome, Sender, send_all
from local.state import StackState, read_state

_COUNTS_WINDOW = "30d"
"""Nothing falls out of it while the requests are sent: no local stack is that old."""
_SHORTEST_WINDOW_MIN = 5
_METRICS_WITHIN_S = 10.0
_ALWAYS_REAL = "local"
INTERRUPTED = 130


class LoadFailed(Exception):
    """The requests cannot be sent or compared; the text says why."""


@dataclass(frozen=True)
class LoadOptions:
    """`failures` in percent of the simulator's attempts, `faults` of the calls of a stack of its own, whose
    every fourth job is stopped; of that stack `kills` functions are killed, and its callers may spend
    `month_usd` together, an amount in digits, "" for any."""

    port: int
    requests: int
    concurrency: int
    failures: float
    seed: int
    faults: float = 0
    kills: int = 0
    month_usd: str = ""


def load(options: LoadOptions) -> int:
    """0 where the metrics agree with the answers, else 1. Raises LoadFailed."""
    state = read_state(options.port)
    client = Client(state.base_url, state.api_key)
    if state.state != "ready" or not client.is_healthy():
        start = f"python -m local up --port {options.port}"
        raise LoadFailed(f"No stack is ready on port {options.port}; start one with: {start}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _run(options, state, client)
    except KeyboardInterrupt:
        print("\nEnded at once.")
        return INTERRUPTED
    except (OSError, BotoCoreError) as error:
        raise LoadFailed(f"The stack does not answer any more ({type(error).__name__}).") from None


def _run(options: LoadOptions, state: StackState, client: Client) -> int:
    models = [model for model in _ask(client, "/models")["data"] if model["usable"]]
    before = told(_summary(client, _COUNTS_WINDOW))
    began = time.monotonic()
    print(
        f"Sending {options.requests} requests to {state.base_url}, {options.concurrency} at a time "
        f"(seed {options.seed})"
    )
    _print_who_answers(models, options.failures)
    with failing(options.failures, state.emulator_url):
        outcomes = _send(options, state, models)
    lasted_s = time.monotonic() - began
    ours = sent(outcomes)
    theirs = _settled(client, before, ours)
    window_min = max(_SHORTEST_WINDOW_MIN, int(lasted_s / 60) + 1)
    latency_ms = _summary(client, f"{window_min}m")["latency_ms"]
    print(
        f"\n{len(outcomes)} requests in {lasted_s:.1f} s, {len(outcomes) / lasted_s:.1f} a second"
    )
    print(f"\n{table(ours, theirs, percentiles(outcomes), latency_ms)}\n")
    print(f"Its percentiles are of the last {window_min} minutes, failed requests among them.")
    for remark in remarks(outcomes):
        print(remark)
    differing = ours.differences(theirs)
    if differing:
        others = "Requests of others in the meantime count there, too."
        print(f"{SOURCE} differs from what was sent in: {', '.join(differing)}. {others}")
        return 1
    print("Counts and money agree.")
    return 0


def _print_who_answers(models: list[Any], failures: float) -> None:
    real = sorted({model["provider"] for model in models if not model["mock"]})
    if failures:
        rest = f", those of {', '.join(real)} do not" if real else ""
        print(f"{failures:g} % of the simulator's attempts fail{rest}")
    billed = [provider for provider in real if provider != _ALWAYS_REAL]
    if billed:
        print(f"Answered, and billed, by the provider itself: {', '.join(billed)}")


def _send(options: LoadOptions, state: StackState, models: list[Any]) -> list[Outcome]:
    """All outcomes, or those so far when the user wants to end."""
    stopping = threading.Event()
    pinnable = [model["id"] for model in models if model["provider"] != _ALWAYS_REAL]
    requests = islice(planned(load_prompts(), pinnable, options.seed), options.requests)

    def connect() -> Sender:
        return Sender(Client(state.base_url, state.api_key), stopping)

    def stop(*_signal: object) -> None:
        print("\nEnding with the requests under way; once more ends at once.", flush=True)
        stopping.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, stop)
    try:
        outcomes = send_all(requests, connect, options.concurrency, stopping)
        return list(shown(outcomes, options.requests))
    finally:
        signal.signal(signal.SIGINT, before)


def _settled(client: Client, before: Figures, ours: Figures) -> Figures:
    """What was added to the metrics, which may come a moment after the answers."""
    ends = time.monotonic() + _METRICS_WITHIN_S
    while True:
        theirs = told(_summary(client, _COUNTS_WINDOW)).since(before)
        if not ours.differences(theirs) or time.monotonic() > ends:
            return theirs
        time.sleep(0.5)


def _summary(client: Client, window: str) -> Any:
    return _ask(client, f"{SOURCE}?window={window}")


def _ask(client: Client, path: str) -> Any:
    status, body = client.ask("GET", path)
    if status != 200:
        raise LoadFailed(f"GET {path} answers {status}: {body['error']['message']}")
    return body
