"""What becomes of the bodies that OpenAI's clients send."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from functions.openai.translated import Translated
from functions.shared.contracts.request import GenerateRequest
from functions.shared.errors import InvalidRequest


@dataclass(frozen=True)
class Translation:
    """Of bodies that have these `fields`, where they do not have others."""

    translate: Callable[[dict[str, Any]], Translated]
    fields: Mapping[str, Any]

    def translated(self, **body: Any) -> Translated:
        return self.translate({**self.fields, **body})

    def native(self, **body: Any) -> dict[str, Any]:
        told = dict(self.translated(**body).request)
        GenerateRequest.model_validate(told)
        return told

    def problems(self, **body: Any) -> dict[str, str]:
        with pytest.raises(InvalidRequest) as refused:
            self.translated(**body)
        return {one["field"]: one["problem"] for one in refused.value.details}
