"""Two small models that run in the Lambda itself; numpy and onnxruntime load with the first."""

from functions.shared.local_models.model import LocalModel, load_model
from functions.shared.local_models.scored_label import ScoredLabel
from functions.shared.local_models.tasks import classify_task

__all__ = ["LocalModel", "ScoredLabel", "classify_task", "load_model"]
