"""The sentiment model that runs in this function: no network, no price."""

from __future__ import annotations

import json

from functions.invoke_provider.called_model import CalledModel
from functions.invoke_provider.providers.base import Completion, Prompt
from functions.shared.local_models import load_model
from functions.shared.settings import InvokeSettings


class LocalProvider:
    """Judges the last thing that was said. It is quick enough to need no timeout."""

    def complete(self, prompt: Prompt, model: CalledModel, timeout_s: float) -> Completion:
        sentiment = load_model("sentiment")
        scored = sentiment.predict(prompt.request.conversation[-1].text)
        answer = {"sentiment": scored.label, "confidence": round(scored.confidence, 4)}
        unsure = scored.confidence < sentiment.threshold
        return Completion(json.dumps(answer), (), "stop", usage=None, unsure=unsure)


def connect(_settings: InvokeSettings) -> LocalProvider:
    # Loaded while the function starts, where it has a full CPU and a snapshot keeps it.
    load_model("sentiment")
    return LocalProvider()
