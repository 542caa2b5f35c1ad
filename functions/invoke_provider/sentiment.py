"""The JSON that the `sentiment` task promises, whichever model answered."""

from __future__ import annotations

import json
import re
from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationError

from functions.shared.errors import ProviderBadResponse

_OBJECT = re.compile(r"\{[^{}]*\}")


class Sentiment(BaseModel):
    sentiment: Literal["positive", "negative", "neutral"]
    confidence: Annotated[float, Field(ge=0, le=1)]


def sentiment_json(text: str) -> str:
    """The first JSON object in the text, which models like to wrap in a code fence.

    Raises `ProviderBadResponse` where it is not the promised one.
    """
    found = _OBJECT.search(text)
    try:
        judged = Sentiment.model_validate_json(found.group() if found else "")
    except ValidationError:
        raise ProviderBadResponse("The model did not answer with a sentiment.") from None
    return json.dumps(judged.model_dump())
