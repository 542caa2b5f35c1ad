"""The expected grade of a model at a task, from graded answers and a public ranking.

A public ranking orders models, but is on no scale of one's own grades. So for each task

1. the line `grade = a + b * public` is fitted through the models that have grades, both sides on
   the scale of log-odds (`fit_line`);
2. every model's prior is its place on that line, worth `k` grades (`fit_prior`);
3. its quality is the mean of the Beta posterior, `(k * prior + sum of grades) / (k + n)`.

A line through the figures themselves would leave [0, 1] where only weak models are graded, and
make all strong ones alike at its end; log-odds keep the ranking's order.

This is empirical Bayes for rates as in Efron and Morris, "Stein's Paradox in Statistics" (1977), with
the Beta-binomial model of Griffiths, "Maximum likelihood estimation for the beta-binomial
distribution" (Biometrics 29, 1973), and a regression for the prior mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from training.routing.grades import Grade

INTERCEPT_RIDGE, SLOPE_RIDGE = 0.25, 4.0
"""How strongly a line is drawn to a = 0, b = 1: as by a normal prior with the standard deviations 2
and 0.5. Tasks are far more or less hard than a ranking says, but hardly order models otherwise."""
_PUBLIC_MARGIN = 0.02
"""Kept from 0 and 1, where log-odds have no end."""

PSEUDO_GRADES = 20.0
"""Of a prior, where there are too few models to tell how far they lie from their line."""
LEAST_MODELS, LEAST_GRADES_OF_MODEL = 4, 10
"""So many models with so many grades each are enough to tell."""
PSEUDO_GRADES_SPREAD = 1.0
"""Standard deviation of the logarithm of `k` about that of PSEUDO_GRADES, before the data."""
_TRIED_PSEUDO_GRADES = tuple(2.0 * 10 ** (step / 20) for step in range(61))
"""From 2 to 2000."""
_LEAST_PRIOR = 0.001
"""A Beta distribution needs a mean within (0, 1)."""
DIGITS = 4
"""Of what is kept and reported."""


@dataclass(frozen=True)
class Tally:
    """The grades of one model at one task: how many, as how many equally weighted ones they count,
    and the sum of so many."""

    count: int
    effective: float
    total: float

    @property
    def mean(self) -> float:
        return self.total / self.effective


@dataclass(frozen=True)
class Line:
    """Of the log-odds of grades over those of public figures; (0, 1) is the public scale itself."""

    intercept: float
    slope: float

    def prior(self, public: float) -> float:
        """The expected grade, kept within what a Beta distribution can have as its mean."""
        at = 1 / (1 + math.exp(-self.intercept - self.slope * _public_log_odds(public)))
        return min(1 - _LEAST_PRIOR, max(_LEAST_PRIOR, at))


@dataclass(frozen=True)
class Prior:
    """The line of a task, and how many grades a model's place on it is worth."""

    line: Line
    pseudo_grades: float
    estimated: bool


@dataclass(frozen=True)
class Posterior:
    """Mean and standard deviation of Beta(k * prior + S, k * (1 - prior) + n - S), for `n` grades
    with the sum `S`. A grade between 0 and 1 counts as that part of a success: its spread is less
    than a coin's of the same mean, so that the deviation is rather too large than too small."""

    quality: float
    sd: float

    @classmethod
    def of(cls, prior: float, pseudo_grades: float, tally: Tally) -> Posterior:
        weight = pseudo_grades + tally.effective
        mean = (pseudo_grades * prior + tally.total) / weight
        mean = min(1.0, max(0.0, mean))
        return cls(round(mean, DIGITS), round(math.sqrt(mean * (1 - mean) / (weight + 1)), DIGITS))


NO_GRADES = Tally(0, 0.0, 0.0)


def tally_of(grades: Iterable[Grade]) -> Tally:
    """The mean weighted by inverse propensities (Swaminathan and Joachims, "The self-normalized
    estimator for counterfactual learning", 2015: `sum(w * grade) / sum(w)`), held by as many grades
    as Kish's effective sample size says, `sum(w) ** 2 / sum(w ** 2)`.

    A sum does not depend on the order of the grades.
    """
    known = list(grades)
    if not known:
        return NO_GRADES
    weight = math.fsum(one.weight for one in known)
    effective = weight**2 / math.fsum(one.weight**2 for one in known)
    mean = math.fsum(one.weight * one.score for one in known) / weight
    return Tally(len(known), effective, effective * mean)


def fit_line(
    publics: Mapping[str, float], tallies: Mapping[str, Tally], pseudo_grades: float
) -> Line:
    """Minimises `sum(w * (z - a - b * x) ** 2) + r * a ** 2 + s * (b - 1) ** 2` with b >= 0 over the
    models with grades; `x` are the log-odds of the public figure, `z` those of the mean grade
    `p = (S + 1/2) / (n + 1)` (the empirical logit of Cox, "Analysis of Binary Data", 1970).

    `w = p * (1 - p) * n * k / (n + k)`: about the line a model's `z` varies as 1 / n by chance and
    as 1 / k by the model's own nature, both over p * (1 - p), and beyond k grades more of them say
    no more of the line. (Ridge regression of Hoerl and Kennard, 1970, towards a point; weights as
    in a random-effects meta-analysis, DerSimonian and Laird, 1986.)
    """
    known = [
        _point(publics[model], one, pseudo_grades)
        for model, one in sorted(tallies.items())
        if one.count
    ]
    w = INTERCEPT_RIDGE + math.fsum(weight for weight, _, _ in known)
    wx = math.fsum(weight * x for weight, x, _ in known)
    wxx = SLOPE_RIDGE + math.fsum(weight * x**2 for weight, x, _ in known)
    wz = math.fsum(weight * z for weight, _, z in known)
    wxz = SLOPE_RIDGE + math.fsum(weight * x * z for weight, x, z in known)
    slope = (w * wxz - wx * wz) / (w * wxx - wx**2)
    if slope <= 0:
        return Line(wz / w, 0.0)
    return Line((wz - slope * wx) / w, slope)


def _point(public: float, tally: Tally, pseudo_grades: float) -> tuple[float, float, float]:
    """Weight and coordinates of a model with grades."""
    share = (tally.total + 0.5) / (tally.effective + 1)
    worth = tally.effective * pseudo_grades / (tally.effective + pseudo_grades)
    return worth * share * (1 - share), _public_log_odds(public), _log_odds(share)


def _public_log_odds(public: float) -> float:
    """The figures 0 and 1 have places of their own, too, and no others' order is lost."""
    return _log_odds(_PUBLIC_MARGIN + (1 - 2 * _PUBLIC_MARGIN) * public)


def _log_odds(share: float) -> float:
    return math.log(share / (1 - share))


def fit_prior(publics: Mapping[str, float], tallies: Mapping[str, Tally]) -> Prior:
    """The `k` that the grades make likeliest, each with its own line.

    The likelihood is the Beta-binomial's, `B(k*p + S, k*(1-p) + n - S) / B(k*p, k*(1-p))` by model,
    times a log-normal density about PSEUDO_GRADES: a handful of models alone could call for none at
    all or for infinitely many.
    """
    telling = [one for one in tallies.values() if one.count >= LEAST_GRADES_OF_MODEL]
    if len(telling) < LEAST_MODELS:
        return Prior(fit_line(publics, tallies, PSEUDO_GRADES), PSEUDO_GRADES, estimated=False)
    lines = {k: fit_line(publics, tallies, k) for k in _TRIED_PSEUDO_GRADES}
    best = max(lines, key=lambda k: _log_likelihood(k, lines[k], publics, tallies))
    return Prior(lines[best], best, estimated=True)


def _log_likelihood(
    k: float, line: Line, publics: Mapping[str, float], tallies: Mapping[str, Tally]
) -> float:
    terms = [-0.5 * (math.log(k / PSEUDO_GRADES) / PSEUDO_GRADES_SPREAD) ** 2]
    for model, tally in sorted(tallies.items()):
        prior = line.prior(publics[model])
        good, bad = k * prior, k * (1 - prior)
        missed = max(0.0, tally.effective - tally.total)
        terms.append(_log_beta(good + tally.total, bad + missed) - _log_beta(good, bad))
    return math.fsum(terms)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
