"""Says of a prompt how likely a cheaper model does as well on it as a dearer one.

A linear model over hashed runs of words and characters and over a few figures of the prompt's
shape. It needs numpy alone, which loads with the first prompt: the class is also read in functions
that are deployed without numpy.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from functions.shared.vocabulary import Frozen, Score

if TYPE_CHECKING:
    from functions.shared.policy.prompt_features import PromptFeatures, Weights


class PromptPredictor(Frozen):
    """Fitted by `training.routing.prompt_predictor.fit_pair`; a policy's file holds it as JSON.

    Arrays are base64: the tables of int8, one per place, `directions` (figures down, waves
    across), `phases` and `wave_weights` of little-endian float16.
    """

    weak: str
    strong: str
    usual: Score
    """The mean prediction over the prompts that it was fitted on."""
    word_table: str
    word_unit: Annotated[float, Field(ge=0)]
    """What 1 in the table stands for."""
    character_table: str
    character_unit: Annotated[float, Field(ge=0)]
    figure_means: tuple[float, ...]
    figure_scales: tuple[Annotated[float, Field(gt=0)], ...]
    directions: str
    phases: str
    wave_weights: str
    slope: Annotated[float, Field(ge=0)]
    intercept: float

    def predict(self, text: str) -> float:
        """The probability that `weak` is no worse than `strong` on this prompt."""
        return self.predict_features(prompt_features(text))

    def predict_features(self, features: PromptFeatures) -> float:
        score = self.intercept - self.slope * self._weights.gain(features)
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, score))))

    @cached_property
    def _weights(self) -> Weights:
        from functions.shared.policy.prompt_features import (  # noqa: PLC0415
            FIGURES,
            Weights,
            decoded,
        )

        return Weights(
            word_table=decoded(self.word_table, "i1"),
            word_unit=self.word_unit,
            character_table=decoded(self.character_table, "i1"),
            character_unit=self.character_unit,
            figure_means=self.figure_means,
            figure_scales=self.figure_scales,
            directions=decoded(self.directions, "<f2").reshape(FIGURES, -1),
            phases=decoded(self.phases, "<f2"),
            wave_weights=decoded(self.wave_weights, "<f2"),
        )


def prompt_features(text: str) -> PromptFeatures:
    from functions.shared.policy.prompt_features import features_of  # noqa: PLC0415

    return features_of(text)
