"""What a router that is fitted to some prompts chooses for others: by fold, or file against file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.routing.outcomes import Outcomes, Prices, pooled
from training.routing.policies import Router, asked_of, blind_router, fit_router
from training.routing.prompt_predictor import MOST_PROMPTS, Corpus, corpus_of

Floats = NDArray[np.float64]
Positions = NDArray[np.int64]

FOLDS = 5
LEAST_ROWS = 20
"""To fit to; with fewer a policy knows the prices alone."""


@dataclass(frozen=True)
class Routed:
    """What a router, or one per fold, chose for each prompt of `outcomes`.

    `frontier` and `length_frontier` have a row per setting, `scores` says of two models how much
    the prompt wants the strong one.
    """

    outcomes: Outcomes
    choices: dict[str, Positions]
    frontier: Positions
    length_frontier: Positions
    scores: Floats
    lengths: Floats


def routed_by_fold(outcomes: Outcomes, prices: Prices) -> Routed:
    outcomes = _capped(outcomes)
    corpus = corpus_of(outcomes.prompts)
    products = corpus.products()
    folds = folds_of(outcomes.prompts)
    parts, order = [], []
    for fold in range(FOLDS):
        inside, outside = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        if inside.size < LEAST_ROWS or not outside.size:
            continue
        router = fit_router(
            outcomes.of_rows(inside), corpus.rows(inside), products[np.ix_(inside, inside)], prices
        )
        parts.append(_routed(router, outcomes.of_rows(outside), corpus.rows(outside)))
        order.append(outside)
    if not parts:
        return _routed(blind_router(outcomes, prices), outcomes, corpus)
    places = np.sort(np.concatenate(order))
    return _joined(outcomes.of_rows(places), parts, np.concatenate(order))


def folds_of(prompts: Sequence[str]) -> Positions:
    """The fold of each prompt, by its hash: the same prompt is never on both sides."""
    hashes = [hashlib.sha256(prompt.strip().encode("utf-8", "surrogatepass")) for prompt in prompts]
    return np.array([int.from_bytes(one.digest()[:8], "big") % FOLDS for one in hashes])


def fitted_on(parts: Sequence[Outcomes], outcomes: Outcomes, prices: Prices) -> Routed:
    corpus = corpus_of(outcomes.prompts)
    known = [_unseen(part, outcomes) for part in parts]
    if sum(part.size for part in known) < LEAST_ROWS:
        return _routed(blind_router(outcomes, prices), outcomes, corpus)
    rows = _capped(pooled("train", known, outcomes.models))
    fitted = corpus_of(rows.prompts)
    return _routed(fit_router(rows, fitted, fitted.products(), prices), outcomes, corpus)


def _unseen(known: Outcomes, asked: Outcomes) -> Outcomes:
    """Without the prompts that are asked about."""
    prompts = {prompt.strip() for prompt in asked.prompts}
    kept = [row for row, prompt in enumerate(known.prompts) if prompt.strip() not in prompts]
    return known.of_rows(np.array(kept, np.int64))


def _capped(outcomes: Outcomes) -> Outcomes:
    if outcomes.size <= MOST_PROMPTS:
        return outcomes
    return outcomes.of_rows(np.linspace(0, outcomes.size - 1, MOST_PROMPTS).astype(np.int64))


def _routed(router: Router, outcomes: Outcomes, corpus: Corpus) -> Routed:
    asked = asked_of(outcomes, corpus)
    return Routed(
        outcomes=outcomes,
        choices=router.choices(asked),
        frontier=np.array(router.frontier(asked)),
        length_frontier=np.array(router.length_frontier(asked)),
        scores=router.needs_of_strong(asked),
        lengths=asked.lengths,
    )


def _joined(outcomes: Outcomes, parts: Sequence[Routed], order: Positions) -> Routed:
    """The folds' parts in the order of the rows."""
    back = np.argsort(order)

    def rows(values: Sequence[NDArray[Any]]) -> NDArray[Any]:
        return np.concatenate(values, axis=-1)[..., back]

    return Routed(
        outcomes=outcomes,
        choices={name: rows([part.choices[name] for part in parts]) for name in parts[0].choices},
        frontier=rows([part.frontier for part in parts]),
        length_frontier=rows([part.length_frontier for part in parts]),
        scores=rows([part.scores for part in parts]),
        lengths=rows([part.lengths for part in parts]),
    )
