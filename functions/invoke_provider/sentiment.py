"""The JSON that the `sentiment` task promises, whichever model answered."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError

from functions.shared.errors import AnswerUnfit
from functions.shared.vocabulary import Frozen

_OBJECT = re.compile(r"\{[^{}]*\}")
_SYNONYMS = {"pos": "positive", "neg": "negative", "mixed": "neutral"}


def _label(value: Any) -> Any:
    label = str(value).strip().lower()
    return _SYNONYMS.get(label, label)


def _share(value: Any) -> Any:
    """Models also answer "0.9", "90%" and 90."""
    text = str(value).strip()
    number = float(text.removesuffix("%"))
    return number / 100 if text.endswith("%") or number > 1 else number


class Sentiment(Frozen):
    model_config = ConfigDict(extra="ignore")

    sentiment: Annotated[Literal["positive", "negative", "neutral"], BeforeValidator(_label)]
    confidence: Annotated[float, BeforeValidator(_share), Field(ge=0, le=1)]


def sentiment_json(text: str) -> str:
    """The first JSON object in the text, which models like to wrap in a code fence or in prose.

    Raises `AnswerUnfit` where it is not the promised one.
    """
    match = _OBJECT.search(text)
    try:
        sentiment = Sentiment.model_validate_json(match.group() if match else "")
    except ValidationError:
        raise AnswerUnfit("The model did not answer with a sentiment.") from None
    return json.dumps(sentiment.model_dump())
