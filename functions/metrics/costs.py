"""`/metrics/costs`: where the money went, and what routing saved."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import get_args

from functions.metrics.cloudwatch import Figure, read_figures
from functions.metrics.summary import Measured, costs_by_model, model_figures
from functions.metrics.window import Window
from functions.shared.callers.directory import Directory
from functions.shared.catalogue.models import load_catalogue
from functions.shared.gateway.reader import Reader
from functions.shared.money.budget_states import BudgetState
from functions.shared.money.caller_spend import CallerSpend, spend_ids, spend_of
from functions.shared.storage.state_table import StateTable
from functions.shared.vocabulary import Count, Frozen, Task, Usd, usd


class CallerCosts(Frozen):
    """What providers bill, what they may bill for answers that never came, and what nobody bills."""

    caller_id: str
    requests: Count
    cost_usd: Usd
    possibly_billed_usd: Usd
    simulated_cost_usd: Usd


class Costs(Measured):
    """`total_usd` is what providers bill; `possibly_billed_usd` they may bill besides, for answers that
    never came, and nobody bills `simulated_cost_usd`.

    `savings_usd` is estimated, and negative where the baseline would have been cheaper: the model that
    the stage names, or the best by quality of those that could be asked, at the tokens of the answer,
    less what all attempts cost.

    `by_provider` sums up `by_model`. `by_caller`, by name, and `budgets` have the caller's own alone; an
    operator's have those of all, and the stage's budget.
    """

    total_usd: Usd
    possibly_billed_usd: Usd
    simulated_cost_usd: Usd
    savings_usd: Usd
    by_model: dict[str, Usd]
    by_provider: dict[str, Usd]
    by_task: dict[str, Usd]
    by_caller: dict[str, CallerCosts]
    budgets: list[BudgetState]


def costs(
    service: str, window: Window, by_caller: dict[str, CallerCosts], budgets: list[BudgetState]
) -> Costs:
    """Raises `ClientError` and `BotoCoreError` where figures cannot be read."""
    tasks = [("task", task) for task in get_args(Task)]
    wanted = [
        *map(Figure, ("CostUsd", "PossiblyBilledUsd", "SimulatedCostUsd", "SavingsUsd")),
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
        possibly_billed_usd=figures.usd("PossiblyBilledUsd"),
        simulated_cost_usd=figures.usd("SimulatedCostUsd"),
        savings_usd=figures.usd("SavingsUsd"),
        by_model=by_model,
        by_provider=by_provider,
        by_task={
            task[1]: figures.usd("CostUsd", task)
            for task in tasks
            if figures.count("Requests", task)
        },
        by_caller=by_caller,
        budgets=budgets,
    )


def costs_by_caller(
    window: Window, reader: Reader, state: StateTable, names: Directory
) -> dict[str, CallerCosts]:
    """By name, of those that the reader sees. Raises `ClientError` and `BotoCoreError`."""
    items = state.read(spend_ids(window.start, window.end)).values()
    spent = {id_: one for id_, one in spend_of(items).items() if reader.may_see(id_)}
    named = names.distinct(spent)
    return {named[id_]: _printed(id_, spent[id_]) for id_ in sorted(spent, key=named.__getitem__)}


def _printed(caller_id: str, spent: CallerSpend) -> CallerCosts:
    return CallerCosts(
        caller_id=caller_id,
        requests=spent.requests,
        cost_usd=usd(spent.cost_nano_usd),
        possibly_billed_usd=usd(spent.possibly_billed_nano_usd),
        simulated_cost_usd=usd(spent.simulated_cost_nano_usd),
    )
