"""What is to be expected of a model: its prior figures, blended with what was counted of it lately.

docs/routing.md has the formulas. `n` observations weigh against the prior as `n` to a number of
pseudo-observations, so that one odd answer changes little and a hundred decide.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from typing import NamedTuple

from functions.shared.catalogue.models import Model
from functions.shared.contracts.decision import ModelHealth, Profile
from functions.shared.policy.routing_policy import Policy
from functions.shared.vocabulary import Task

EXPECTED_OUTPUT_TOKENS: dict[Task, int] = {
    "summarize": 200,
    "sentiment": 30,
    "rewrite": 400,
    "chat": 350,
    "code": 700,
    "analysis": 500,
    "tools": 120,
    "embedding": 0,
}
"""Until a model's own answers to the task tell."""

PRIOR_ANSWERS = 20
"""Pseudo-observations of a prior length or latency."""
PRIOR_VARIATION = 0.5
"""Standard deviation over mean of a latency, assumed until answers tell; the 95th percentile is
then 1.95 times the mean."""
PRIOR_LENGTH_VARIATION_SQUARED = 0.875
"""The same of an answer's length, squared: `python -m training lengths` has it of 24 models' answers to
three sets of problems. No other task's answers are public with their lengths."""
_Z95, _Z99 = 1.6449, 2.3263

PROBE_SHARE = 0.1
"""Of the requests take a model whose circuit is half open for a healthy one."""


class Latency(NamedTuple):
    """Of the whole answer, in milliseconds."""

    mean_ms: int
    p95_ms: int


def expected_output_tokens(model: Model, task: Task, health: ModelHealth | None) -> int:
    """The mean length of the model's answers to the task, drawn to the task's prior."""
    prior = EXPECTED_OUTPUT_TOKENS[task]
    history = health.tasks.get(task) if health else None
    if history is None:
        return prior
    observed = PRIOR_ANSWERS * prior + history.output_tokens
    return round(observed / (PRIOR_ANSWERS + history.answers))


def usual_output_tokens(model: Model, task: Task, health: ModelHealth | None) -> int:
    """What 99 of 100 of the model's answers to the task stay under, by a log-normal length whose mean is
    the expected one and whose spread is that of its answers, drawn to the prior one."""
    mean = expected_output_tokens(model, task, health)
    variation_squared = PRIOR_LENGTH_VARIATION_SQUARED
    history = health.tasks.get(task) if health else None
    if history and history.output_tokens and history.output_tokens_squared:
        n = history.answers
        observed = max(0.0, n * history.output_tokens_squared / history.output_tokens**2 - 1)
        variation_squared += n / (PRIOR_ANSWERS + n) * (observed - variation_squared)
    return math.ceil(mean * _over_mean(_Z99, variation_squared))


def expected_latency(model: Model, output_tokens: int, health: ModelHealth | None) -> Latency:
    """A log-normal latency whose mean is the catalogue's figure times how the model has done
    against it, and whose spread is that of its answers."""
    mean_ms = _catalogue_ms(model, 1, output_tokens)
    if health is None or not health.latency_ms:
        return Latency(round(mean_ms), round(mean_ms * _PRIOR_P95_OVER_MEAN))
    answers = health.answers
    weight = answers / (PRIOR_ANSWERS + answers)
    ratio = health.latency_ms / _catalogue_ms(model, answers, health.output_tokens)
    mean_ms *= 1 + weight * (ratio - 1)
    observed = max(0.0, answers * health.latency_ms_squared / health.latency_ms**2 - 1)
    variation_squared = PRIOR_VARIATION**2 + weight * (observed - PRIOR_VARIATION**2)
    return Latency(round(mean_ms), round(mean_ms * _over_mean(_Z95, variation_squared)))


def _over_mean(z: float, variation_squared: float) -> float:
    """The percentile at `z` of a log-normal variable. A very wide one has it below its mean, which is
    no figure to hold a limit against: at least 1."""
    sigma_squared = math.log1p(variation_squared)
    return max(1.0, math.exp(z * math.sqrt(sigma_squared) - sigma_squared / 2))


_PRIOR_P95_OVER_MEAN = _over_mean(_Z95, PRIOR_VARIATION**2)


def _catalogue_ms(model: Model, answers: int, output_tokens: int) -> float:
    """Of so many answers with so many tokens together."""
    return (
        answers * model.time_to_first_token_ms
        + 1000 * output_tokens / model.output_tokens_per_second
    )


def is_probe(model: Model, profile: Profile) -> bool:
    """Whether this request is among the few that try a model whose circuit is half open."""
    return draw("probe", model.id, profile.request_id) < PROBE_SHARE


def draw(*salt: str) -> float:
    """A number in [0, 1) that is the same for the same words."""
    return zlib.crc32("\0".join(salt).encode()) / 2**32


def expected_quality(model: Model, profile: Profile, policy: Policy) -> float:
    """In [0, 1]; of a guessed task the worst that the model is at any, since it may be that one.

    Where the policy predicts how likely this model does as well as a dearer one, the prompt's
    likelihood over the usual one is added.
    """
    fitted = policy.quality.get(model.id)
    known: Mapping[str, float] = model.quality
    if fitted:
        known = {
            task: fitted[task].quality if task in fitted else prior for task, prior in known.items()
        }
    quality = min(known.values()) if profile.task_unsure else known[profile.task]
    for prediction in profile.predictions.get(policy.version, ()):
        if prediction.weak == model.id:
            quality += prediction.will_do - prediction.usual
    return min(1.0, max(0.0, quality))
