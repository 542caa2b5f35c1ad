"""How far a load run is: a bar in a terminal, now and then a plain line elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator

from tqdm import tqdm

from local.load_sending import Outcome

_LINES_S = 5.0


def shown(outcomes: Iterable[Outcome], total: int) -> Iterator[Outcome]:
    """The outcomes, unchanged."""
    return (_bar if sys.stdout.isatty() else _lines)(outcomes, total)


def _bar(outcomes: Iterable[Outcome], total: int) -> Iterator[Outcome]:
    failed = throttled = 0
    with tqdm(total=total, unit=" requests", file=sys.stdout, dynamic_ncols=True) as bar:
        for outcome in outcomes:
            failed += outcome.kind != "answered"
            throttled += outcome.throttled
            bar.set_postfix(failed=failed, throttled=throttled, refresh=False)
            bar.update()
            yield outcome


def _lines(outcomes: Iterable[Outcome], total: int) -> Iterator[Outcome]:
    failed, began = 0, time.monotonic()
    next_line = began + _LINES_S
    for done, outcome in enumerate(outcomes, start=1):
        failed += outcome.kind != "answered"
        yield outcome
        now = time.monotonic()
        if now >= next_line or done == total:
            next_line = now + _LINES_S
            rate = done / max(now - began, 0.001)
            print(f"{done}/{total} requests, {rate:.1f} a second, {failed} failed", flush=True)
