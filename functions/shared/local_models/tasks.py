"""Decides the task of a prompt from the learned classifier, cue words and what traffic is like."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from functions.shared.local_models.cue_words import cue_weights
from functions.shared.local_models.model import load_model
from functions.shared.local_models.scored_label import ScoredLabel, normalized


@dataclass(frozen=True)
class TaskDecision:
    """How much the learned log-probabilities and the cue words count; `bias` holds the prior."""

    learned: float
    cues: float
    bias: Mapping[str, float]

    def combine(self, learned: Mapping[str, float], cues: Mapping[str, float]) -> dict[str, float]:
        """The probability of each task, before it is known how familiar the language is."""
        return normalized(
            {
                task: self.learned * math.log(max(probability, 1e-6))
                + self.cues * cues[task]
                + self.bias[task]
                for task, probability in learned.items()
            }
        )


def classify_task(prompt: str) -> ScoredLabel:
    model = load_model("classifier")
    reading = model.read(prompt)
    combined = _decision(model.metadata["decision"]).combine(
        reading.probabilities, cue_weights(prompt)
    )
    return model.judge(combined, reading.coverage)


@lru_cache
def _decision(metadata: str) -> TaskDecision:
    return TaskDecision(**json.loads(metadata))
