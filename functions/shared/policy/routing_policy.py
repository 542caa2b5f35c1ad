"""The routing policy: weights, fitted qualities and predictors, as one versioned file."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Self, get_args

from pydantic import Field, StringConstraints, model_validator

from functions.shared.contracts.decision import Prediction
from functions.shared.policy.prompt_predictor import PromptPredictor, prompt_features
from functions.shared.vocabulary import Count, Frozen, Preference, Score, Task

_FOLDER = Path(__file__).with_name("policies")

Part = Annotated[float, Field(ge=0, le=1000)]


class Weights(Frozen):
    """How much each score counts; only their proportions matter."""

    cost: Part
    latency: Part
    quality: Part
    availability: Part

    @model_validator(mode="after")
    def _weighs_something(self) -> Self:
        if not self.total:
            raise ValueError("at least one weight must be positive")
        return self

    @property
    def total(self) -> float:
        return self.cost + self.latency + self.quality + self.availability

    def shares(self, least_quality: float = 0) -> dict[str, float]:
        """Shares that sum to 1. Quality gets at least its share, and the others keep proportions."""
        parts = self.model_dump()
        quality = self.quality / self.total
        if quality >= least_quality:
            return {name: part / self.total for name, part in parts.items()}
        scale = (1 - least_quality) / (self.total - self.quality)
        shares = {name: part * scale for name, part in parts.items()}
        return shares | {"quality": least_quality}


class FittedQuality(Frozen):
    """The expected grade of a model's answers to a task, its standard deviation, and how many
    grades of one's own are in it."""

    quality: Score
    sd: Annotated[float, Field(ge=0, le=1)]
    grades: Count


class Policy(Frozen):
    """`quality` by model and task, where it was fitted; elsewhere the catalogue's holds.

    `exploration_share` of the requests go to a candidate drawn at random. `predictors` say of a
    prompt whether a cheaper model will do.
    """

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
    weights: dict[Preference, Weights]
    unsure_quality_share: Score
    """Quality's least share where the task is only guessed: then routing goes up."""
    exploration_share: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    quality: dict[str, dict[Task, FittedQuality]] = Field(default_factory=dict)
    predictors: tuple[PromptPredictor, ...] = ()

    @model_validator(mode="after")
    def _weighs_every_preference(self) -> Self:
        if self.weights.keys() != set(get_args(Preference)):
            raise ValueError(f"weights must name exactly {sorted(get_args(Preference))}")
        return self

    @cached_property
    def version(self) -> str:
        """The name and what the content hashes to: a changed file is another version."""
        content = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return f"{self.name}-{hashlib.sha256(content.encode()).hexdigest()[:8]}"

    def predictions(self, prompt: str) -> list[Prediction]:
        """What each predictor says of the prompt, which is read once for all of them."""
        if not self.predictors:
            return []
        features = prompt_features(prompt)
        return [
            Prediction(
                weak=one.weak,
                strong=one.strong,
                will_do=one.predict_features(features),
                usual=one.usual,
            )
            for one in self.predictors
        ]


def read_policy(path: Path) -> Policy:
    """Raises `OSError`, and `pydantic.ValidationError` for a file that is no policy."""
    return Policy.model_validate_json(path.read_bytes())


@lru_cache
def load_policy(name: str) -> Policy:
    """The policy of a deployed file."""
    return read_policy(_FOLDER / f"{name}.json")
