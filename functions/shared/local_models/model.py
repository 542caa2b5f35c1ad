"""A local model: an ONNX graph, and in its metadata everything needed to feed and read it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from functions.shared.local_models.scored_label import ScoredLabel, most_likely

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Name = Literal["classifier", "sentiment"]


@dataclass(frozen=True)
class Reading:
    """What the graph says of a text; `coverage` is the share of its words seen in training."""

    probabilities: Mapping[str, float]
    coverage: float


class LocalModel:
    """`threshold`: a prediction less confident than this is unsure."""

    def __init__(self, session: InferenceSession) -> None:
        # Only who runs a model pays for the import of numpy.
        from functions.shared.local_models import features  # noqa: PLC0415

        self.metadata: Mapping[str, str] = session.get_modelmeta().custom_metadata_map
        self.labels: tuple[str, ...] = tuple(json.loads(self.metadata["labels"]))
        self.threshold = float(self.metadata["threshold"])
        self.version = self.metadata["version"]
        self._unknown_below, self._known_above = json.loads(self.metadata["coverage"])
        settings = features.FeatureSettings(**json.loads(self.metadata["features"]))
        self._extract = partial(features.extract, settings=settings)
        self._session = session

    def predict(self, text: str) -> ScoredLabel:
        reading = self.read(text)
        return self.judge(reading.probabilities, reading.coverage)

    def read(self, text: str) -> Reading:
        features = self._extract(text)
        probabilities, coverage = self._session.run(
            ["probabilities", "coverage"], {"features": features.numbers, "words": features.words}
        )
        named = zip(self.labels, (float(value) for value in probabilities), strict=True)
        return Reading(dict(named), float(coverage[0]))

    def judge(self, probabilities: Mapping[str, float], coverage: float) -> ScoredLabel:
        """The likeliest label, the less confident the fewer of the words were seen in training."""
        softened = self._softened(probabilities, coverage)
        label = most_likely(probabilities).label
        return ScoredLabel(label, softened[label], softened)

    def _softened(self, probabilities: Mapping[str, float], coverage: float) -> dict[str, float]:
        """Moved towards "each label alike"."""
        known = (coverage - self._unknown_below) / (self._known_above - self._unknown_below)
        share = min(1.0, max(0.0, known))
        alike = 1 / len(self.labels)
        return {
            label: share * value + (1 - share) * alike for label, value in probabilities.items()
        }


@lru_cache
def load_model(name: Name) -> LocalModel:
    return open_model(Path(__file__).with_name(f"{name}.onnx"))


def open_model(path: Path) -> LocalModel:
    """One thread and no spinning: a Lambda has a share of a core."""
    import onnxruntime  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return LocalModel(session)
