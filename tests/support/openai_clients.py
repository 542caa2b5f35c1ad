"""What the tests of OpenAI's clients ask."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from local.faults import aimock

MODEL = "gpt-6-luna"
CITIES = [{"city": "Bern"}, {"city": "Basel"}]
WEATHER_PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAA"
    "AABJRU5ErkJggg=="
)


class City(BaseModel):
    name: str
    people: int


def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


def user(content: Any) -> Any:
    """The messages of one who says that."""
    return [{"role": "user", "content": content}]


def asked_last(exchange: Any) -> dict[str, Any]:
    """The body that the provider got at last, as one of Chat Completions."""
    body: dict[str, Any] = aimock.journal(exchange.simulator)[-1]["body"]
    return body


def arguments_of(calls: Any) -> list[Any]:
    return [json.loads(one.function.arguments) for one in calls]
