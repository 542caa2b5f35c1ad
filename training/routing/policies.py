"""Routing policies that are fitted to outcomes and asked about other prompts.

"Ours" weighs as the gateway does: the model's expected grade in the task, drawn to its grade in all
tasks, plus what the prompt adds to it by the fit behind the prompt predictor, against the expected
cost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from functions.shared.policy.prompt_predictor import PromptPredictor
from training.routing.outcomes import (
    CHARACTERS_PER_TOKEN,
    Outcomes,
    Prices,
    answer_lengths,
    costs_usd,
)
from training.routing.prompt_predictor import (
    LEAST_ERRORS,
    Corpus,
    Fit,
    Singles,
    fit_columns,
    predictor_of,
)

Floats = NDArray[np.float64]
Choices = NDArray[np.int64]
"""The column of the model that each prompt goes to."""

PRIOR_GRADES = 5.0
"""Pseudo-grades at the model's mean over all tasks that a task's mean is drawn to."""
TOLERANCES = (0.0, 0.01, 0.02, 0.03, 0.05, 0.1)
"""In grades: how much worse than a task's best model a cheaper one may be."""
TABLE_LOSS = 0.01
"""The table takes the largest tolerance that costs it no more than this, on its training rows,
against the best single model."""
TRADES = np.concatenate(([0.0], np.geomspace(1e-4, 30, 180)))
"""Grades that a dollar per 1,000 queries has to bring; one point of the frontier each."""
CHEAP_LOSS, FAST_LOSS, BALANCED_LOSS = 0.05, 0.05, 0.005
"""What a preference may lose on the training rows, in grades, against the best single model."""
GATE_FACTORS = (0.25, 0.5, 1.0, 2.0)
LEAST_GAIN = 0.01
DECILES = np.linspace(0, 1, 11)


@dataclass(frozen=True)
class Asked:
    """Prompts to route; no grade is known of them."""

    tasks: tuple[str, ...]
    lengths: Floats
    prompt_characters: Floats
    corpus: Corpus

    @property
    def size(self) -> int:
        return len(self.tasks)


def asked_of(outcomes: Outcomes, corpus: Corpus) -> Asked:
    lengths = np.array([float(len(prompt)) for prompt in outcomes.prompts])
    return Asked(outcomes.tasks, lengths, outcomes.prompt_characters, corpus)


@dataclass(frozen=True)
class Table:
    """What is expected of each model: means by task, and over all rows under the name ""."""

    grades: dict[str, Floats]
    answer_characters: dict[str, Floats]

    def of(self, means: dict[str, Floats], tasks: Sequence[str]) -> Floats:
        return np.array([means.get(task, means[""]) for task in tasks])


@dataclass(frozen=True)
class Router:
    """`fit` says by how much a prompt's grades differ from its task's, and is None where that does
    not choose better than the table alone; `pair` says of two models how likely the cheaper one
    will do, and is None where no grade was known."""

    models: tuple[str, ...]
    prices: Prices
    table: Table
    cheapest: int
    dearest: int
    best_single: int
    median_length: float
    length_deciles: Floats
    tolerance: float = 0.0
    fit: Fit | None = None
    pair: PromptPredictor | None = None
    trades: dict[str, float] = field(default_factory=dict)
    """By preference; that of `fast` is against 1,000 tokens of the answer rather than dollars."""

    def choices(self, asked: Asked) -> dict[str, Choices]:
        """Of every policy that gives each prompt to one model."""
        one = np.ones(asked.size, np.int64)
        return {
            "always_cheapest": one * self.cheapest,
            "always_dearest": one * self.dearest,
            "best_single": one * self.best_single,
            "length_rule": self._by_length(asked, self.median_length),
            "table_per_task": self.by_table(asked, self.tolerance),
            **{f"ours_{name}": self.preferring(name, asked) for name in self.trades},
        }

    def preferring(self, preference: str, asked: Asked) -> Choices:
        against = (
            self.expected_answers(asked) if preference == "fast" else self.expected_costs(asked)
        )
        return _best(self.expected_grades(asked) - self.trades[preference] * against)

    def frontier(self, asked: Asked) -> list[Choices]:
        grades, costs = self.expected_grades(asked), self.expected_costs(asked)
        return [_best(grades - trade * costs) for trade in TRADES]

    def length_frontier(self, asked: Asked) -> list[Choices]:
        ends = [self._by_length(asked, length) for length in self.length_deciles]
        return [*ends, np.full(asked.size, self.best_single), np.full(asked.size, self.cheapest)]

    def _by_length(self, asked: Asked, threshold: float) -> Choices:
        return np.where(asked.lengths >= threshold, self.best_single, self.cheapest)

    def by_table(self, asked: Asked, tolerance: float) -> Choices:
        grades = self.table.of(self.table.grades, asked.tasks)
        good = grades >= grades.max(axis=1, keepdims=True) - tolerance
        return _best(-np.where(good, self._mean_costs(asked), np.inf))

    def expected_grades(self, asked: Asked) -> Floats:
        grades = self.table.of(self.table.grades, asked.tasks)
        return grades if self.fit is None else grades + self.fit.predictions(asked.corpus)

    def needs_of_strong(self, asked: Asked) -> Floats:
        """Of two models, how likely the cheaper one will not do on each prompt."""
        if self.pair is None:
            return np.zeros(asked.size)
        return np.array([1 - self.pair.predict_features(one) for one in asked.corpus.features])

    def expected_costs(self, asked: Asked) -> Floats:
        """Dollars per 1,000 queries."""
        prices = np.array([self.prices[model] for model in self.models])
        answers = self.table.of(self.table.answer_characters, asked.tasks)
        entries = asked.prompt_characters[:, None] * prices[None, :, 0]
        costs: Floats = (entries + answers * prices[None, :, 1]) / CHARACTERS_PER_TOKEN / 1000
        return costs

    def _mean_costs(self, asked: Asked) -> Floats:
        costs = self.expected_costs(asked)
        for task in set(asked.tasks):
            rows = [row for row, one in enumerate(asked.tasks) if one == task]
            costs[rows] = costs[rows].mean(axis=0)
        return costs

    def expected_answers(self, asked: Asked) -> Floats:
        """Thousands of tokens, which stand for seconds."""
        answers = self.table.of(self.table.answer_characters, asked.tasks)
        return answers / CHARACTERS_PER_TOKEN / 1000


def _best(values: Floats) -> Choices:
    best: Choices = values.argmax(axis=1)
    return best


def fit_router(outcomes: Outcomes, corpus: Corpus, products: Singles, prices: Prices) -> Router:
    """`corpus` and its `products` are of the same prompts in the same order; every model needs a
    price."""
    costs = costs_usd(outcomes, prices).mean(axis=0)
    grades = outcomes.grades.mean(axis=0)
    asked, table = asked_of(outcomes, corpus), _table(outcomes)
    expected = table.of(table.grades, outcomes.tasks)
    fit = fit_columns(corpus, outcomes.grades - expected, products)
    best_single = int(np.lexsort((costs, -grades))[0])
    router = Router(
        models=outcomes.models,
        prices=prices,
        table=table,
        cheapest=int(costs.argmin()),
        dearest=int(costs.argmax()),
        best_single=best_single,
        median_length=float(np.median(asked.lengths)),
        length_deciles=np.quantile(asked.lengths, DECILES),
        pair=_pair(outcomes, corpus, products, int(costs.argmin())),
    )
    # Of its own prompts the fit knows the grades: it is judged as if it had not seen them.
    by_prompt, costs = expected + fit.held_out, router.expected_costs(asked)
    if not _is_better(by_prompt, expected, costs, outcomes.grades, best_single):
        return _tuned(router, outcomes, asked, expected)
    return _tuned(replace(router, fit=fit), outcomes, asked, by_prompt)


def _is_better(first: Floats, second: Floats, costs: Floats, grades: Floats, best: int) -> bool:
    """Whether choosing by the first expectation rather than the second leaves more grades net of
    cost, by more than chance gives, over a range of trades around that of the best single model
    against the cheapest."""
    means, rows = grades.mean(axis=0), np.arange(len(grades))
    cheapest = int(costs.mean(axis=0).argmin())
    dearer = max(float((costs[:, best] - costs[:, cheapest]).mean()), 1e-9)
    trade = max(float(means[best] - means[cheapest]), LEAST_GAIN) / dearer
    gains = np.zeros(len(grades))
    for factor in GATE_FACTORS:
        ours, theirs = (_best(one - factor * trade * costs) for one in (first, second))
        gains += grades[rows, ours] - grades[rows, theirs]
        gains -= factor * trade * (costs[rows, ours] - costs[rows, theirs])
    return bool(gains.mean() > LEAST_ERRORS * gains.std() / np.sqrt(gains.size))


def _pair(
    outcomes: Outcomes, corpus: Corpus, products: Singles, weak: int
) -> PromptPredictor | None:
    if len(outcomes.models) != 2:
        return None
    return predictor_of(
        corpus,
        outcomes.grades[:, weak],
        outcomes.grades[:, 1 - weak],
        weak_id=outcomes.models[weak],
        strong_id=outcomes.models[1 - weak],
        products=products,
    )


def blind_router(outcomes: Outcomes, prices: Prices) -> Router:
    """Knows prices alone, and takes a dearer model for a better one; it reads no grade."""
    costs = np.array([sum(prices[model]) for model in outcomes.models])
    ranks = costs.argsort().argsort() / max(1, costs.size - 1)
    ends = int(costs.argmin()), int(costs.argmax())
    lengths = np.array([float(len(prompt)) for prompt in outcomes.prompts])
    answers = np.full(costs.size, np.nanmean(answer_lengths(outcomes)))
    return Router(
        models=outcomes.models,
        prices=prices,
        table=Table({"": 0.5 + ranks / 4}, {"": answers}),
        cheapest=ends[0],
        dearest=ends[1],
        best_single=ends[1],
        median_length=float(np.median(lengths)),
        length_deciles=np.quantile(lengths, DECILES),
        trades={"cheap": float(TRADES[-1]), "fast": 0.0, "balanced": 0.01, "best": 0.0},
    )


def _table(outcomes: Outcomes) -> Table:
    lengths = answer_lengths(outcomes)
    overall = outcomes.grades.mean(axis=0)
    grades, characters = {"": overall}, {"": lengths.mean(axis=0)}
    tasks = np.array(outcomes.tasks, dtype=object)
    for task in sorted(set(outcomes.tasks)):
        rows = np.flatnonzero(tasks == task)
        total = outcomes.grades[rows].sum(axis=0) + PRIOR_GRADES * overall
        grades[task] = total / (rows.size + PRIOR_GRADES)
        characters[task] = lengths[rows].mean(axis=0)
    return Table(grades, characters)


def _tuned(router: Router, outcomes: Outcomes, asked: Asked, grades: Floats) -> Router:
    rows = np.arange(outcomes.size)
    goal = float(outcomes.grades[:, router.best_single].mean())

    def grade(choices: Choices) -> float:
        return float(outcomes.grades[rows, choices].mean())

    tolerated = [
        one for one in TOLERANCES if grade(router.by_table(asked, one)) >= goal - TABLE_LOSS
    ]
    costs, tokens = router.expected_costs(asked), router.expected_answers(asked)

    def trade(against: Floats, loss: float) -> float:
        return _largest(lambda one: grade(_best(grades - one * against)) >= goal - loss)

    return replace(
        router,
        tolerance=max(tolerated, default=0.0),
        trades={
            "cheap": trade(costs, CHEAP_LOSS),
            "fast": trade(tokens, FAST_LOSS),
            "balanced": trade(costs, BALANCED_LOSS),
            "best": float(TRADES[1]),
        },
    )


def _largest(is_good: Callable[[float], bool]) -> float:
    return max((float(one) for one in TRADES if is_good(float(one))), default=0.0)
