"""Two small models that run in the Lambda itself; numpy and onnxruntime load with the first."""

from functions.shared.local_models.model import LocalModel, load_model
from functions.shared.local_models.prediction import Prediction
from functions.shared.local_models.tasks import classify_task

__all__ = ["LocalModel", "Prediction", "classify_task", "load_model"]
