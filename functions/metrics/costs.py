"""`/metrics/costs`: where the money went, and what routing saved."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from typing import get_args

from functions.metrics.cloudwatch import Figure, read_figures
from functions.metrics.summary import Measured, costs_by_model, model_figures
from functions.metrics.window import Window
from functions.shared.catalogue.models import load_catalogue
from functions.shared.gateway.reader import Reader
from functions.shared.money.caller_spend import spend_ids, spend_of
from functions.shared.storage.state_table import StateTable
from functions.shared.vocabulary import Count, Frozen, Task, Usd, usd

_MOST_ITEMS = 100


class CallerCosts(Frozen):
    requests: Count
    cost_usd: Usd


class Costs(Measured):
    """`savings_usd` is against the dearest model that could have answered, for the tokens used.

    `by_provider` sums up `by_model`; `by_caller` has the caller's key alone, unless it is an
    operator's. `budgets` is empty: there are none.
    """

    total_usd: Usd
    savings_usd: Usd
    by_model: dict[str, Usd]
    by_provider: dict[str, Usd]
    by_task: dict[str, Usd]
    by_caller: dict[str, CallerCosts]
    budgets: tuple[()] = ()


def costs(service: str, window: Window, reader: Reader, state: StateTable) -> Costs:
    """Raises `ClientError` and `BotoCoreError` where figures or the table cannot be read."""
    tasks = [("task", task) for task in get_args(Task)]
    wanted = [
        *map(Figure, ("CostUsd", "SavingsUsd")),
        *model_figures(),
        *(
            figure
            for task in tasks
            for figure in (Figure("CostUsd", task), Figure("Requests", task))
        ),
    ]
    figures = read_figures(wanted, service, window)
    by_model = costs_by_model(figures)
    by_provider: dict[str, Decimal] = defaultdict(Decimal)
    for model, cost in by_model.items():
        by_provider[load_catalogue().get(model).provider] += cost
    return Costs(
        **window.to_json(),
        total_usd=figures.usd("CostUsd"),
        savings_usd=figures.usd("SavingsUsd"),
        by_model=by_model,
        by_provider=by_provider,
        by_task={
            task[1]: figures.usd("CostUsd", task)
            for task in tasks
            if figures.count("Requests", task)
        },
        by_caller=_by_caller(window, reader, state),
    )


def _by_caller(window: Window, reader: Reader, state: StateTable) -> dict[str, CallerCosts]:
    spent = spend_of(
        item
        for ids in _batches(spend_ids(window.start, window.end))
        for item in state.read(ids).values()
    )
    return {
        key: CallerCosts(requests=one.requests, cost_usd=usd(one.cost_nano_usd))
        for key, one in sorted(spent.items())
        if reader.is_operator or key == reader.caller_id
    }


def _batches(ids: list[str]) -> Iterator[list[str]]:
    remaining = iter(ids)
    while batch := list(islice(remaining, _MOST_ITEMS)):
        yield batch
