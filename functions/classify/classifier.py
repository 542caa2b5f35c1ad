"""Decides the task of a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from functions.shared.contracts.request import GenerateRequest
from functions.shared.local_models import classify_task, load_model
from functions.shared.vocabulary import Task


@dataclass(frozen=True)
class Classification:
    """`confidence` in [0, 1]; `unsure` where it is under the classifier's threshold."""

    task: Task
    confidence: float
    unsure: bool = False


def decide_task(request: GenerateRequest) -> Classification:
    """The task the caller named, at confidence 1; function specs mean `tools`; else the classifier's."""
    if request.task != "auto":
        return Classification(request.task, 1.0)
    if request.tools:
        return Classification("tools", 1.0)
    found = classify_task(request.prompt)
    unsure = found.confidence < load_model("classifier").threshold
    return Classification(cast(Task, found.label), round(found.confidence, 4), unsure)
