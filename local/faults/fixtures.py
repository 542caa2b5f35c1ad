"""What aimock answers in a run: prose of each model's own length, forms that are asked for, and refusals."""

from __future__ import annotations

import json

from functions.shared.catalogue.models import load_catalogue
from local.faults.aimock import Fixture
from local.faults.kinds import FAULTS
from local.load_plan import load_prompts

_SENTIMENT = "Judge the sentiment"
_WORDS = (60, 600)
"""The shortest and the longest prose; in the mean the tokens of an answer that nothing is known of."""


def fixtures() -> list[Fixture]:
    """The first one that matches answers."""
    tools = [
        {
            "match": {"toolName": name, "hasToolResult": False},
            "response": {"toolCalls": [{"name": name, "arguments": {parameter: "the weather"}}]},
        }
        for name, parameter in (("search_web", "query"), ("look_up_account", "subject"))
    ]
    misshapen = {"match": {"context": "misshapen"}, "response": {"content": "Bern, I guess."}}
    judged = json.dumps({"sentiment": "positive", "confidence": 0.9})
    sentiment = {"match": {"systemMessage": _SENTIMENT}, "response": {"content": judged}}
    return [*_refusals(), misshapen, *tools, sentiment, *_prose()]


def _refusals() -> list[Fixture]:
    return [
        {
            "match": {"context": context_of(fault.name, provider)},
            "response": {
                "error": {"message": told.message, "type": told.kind, "code": told.code},
                "status": told.status,
                "retryAfter": told.retry_after_s or 1,
            },
        }
        for fault in FAULTS
        for provider, told in fault.refusals.items()
    ]


def context_of(fault: str, provider: str) -> str:
    """By what the exchange tells aimock which fixture it wants."""
    return f"{fault}-{provider}"


def _prose() -> list[Fixture]:
    """As JSON that also keeps to the schema of the load's requests."""
    words = " ".join(prompt.text for prompt in load_prompts()).split()
    models = sorted({model.provider_model_id for model in load_catalogue().models})
    shortest, longest = _WORDS
    step = (longest - shortest) // len(models)
    lengths = {model: shortest + number * step for number, model in enumerate(models)}
    return [
        {
            "match": {"model": model},
            "response": {
                "content": json.dumps({"answer": " ".join(words[:length]), "topics": ["prose"]})
            },
        }
        for model, length in lengths.items()
    ]
