"""A smallest value that a JSON Schema accepts, for simulated answers.

Knows what tool and answer schemas use in practice; `pattern`, `not` and conditions are beyond it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from functions.shared.contracts.state_size import json_bytes
from functions.shared.errors import InvalidRequest

Schema = dict[str, Any]

MAX_STEPS = 3_000
"""A schema that refers to itself, or asks for a huge array, grows without end."""
_BYTES_PER_STEP = 100
MAX_STRING = 10_000
_FORMATS = {
    "date": "2000-01-01",
    "date-time": "2000-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def sample_of(schema: Schema) -> JsonValue:
    """Raises `InvalidRequest` where the schema makes no sense, or no end."""
    try:
        return _Sampler(schema).sample(schema)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, RecursionError):
        raise InvalidRequest("The simulator finds no value for the JSON schema.") from None


@dataclass
class _Sampler:
    root: Schema
    steps: int = 0

    def sample(self, schema: Any) -> JsonValue:
        self._step(1)
        if schema is True:
            return None
        resolved = self._resolved(schema)
        for key in ("const", "default"):
            if key in resolved:
                return self._given(resolved[key])
        if "enum" in resolved:
            return self._given(resolved["enum"][0])
        for key in ("anyOf", "oneOf"):
            if key in resolved:
                return self.sample(resolved[key][0])
        return self._typed(resolved)

    def _resolved(self, schema: Schema) -> Schema:
        """References followed, `allOf` merged."""
        self._step(1)
        if "$ref" in schema:
            return self._resolved(self._target(schema["$ref"]))
        merged = dict(schema)
        for part in merged.pop("allOf", []):
            other = self._resolved(part)
            properties = merged.get("properties", {}) | other.get("properties", {})
            required = [*merged.get("required", []), *other.get("required", [])]
            self._step(len(properties) + len(required))
            merged |= other | {"properties": properties, "required": required}
        return merged

    def _given(self, value: JsonValue) -> JsonValue:
        self._step(json_bytes(value) // _BYTES_PER_STEP)
        return value

    def _step(self, count: int) -> None:
        self.steps += count
        if self.steps > MAX_STEPS:
            raise ValueError("endless")

    def _target(self, reference: str) -> Schema:
        target = self.root
        for step in filter(None, reference.removeprefix("#").split("/")):
            target = target[step.replace("~1", "/").replace("~0", "~")]
        return target

    def _typed(self, schema: Schema) -> JsonValue:
        kind = schema.get("type", "object" if "properties" in schema else "null")
        match kind if isinstance(kind, str) else kind[0]:
            case "object":
                properties = schema.get("properties", {})
                required = schema.get("required", [])
                return {name: self.sample(properties.get(name, True)) for name in required}
            case "array":
                items = schema.get("items", {})
                return [self.sample(items) for _ in range(schema.get("minItems", 0))]
            case "string":
                text = _FORMATS.get(schema.get("format", ""), "")
                length = min(schema.get("minLength", 0), MAX_STRING)
                return text.ljust(length, ".")[: schema.get("maxLength")]
            case "integer" | "number" as numeric:
                return _number(schema, step=1 if numeric == "integer" else 0.5)
            case "boolean":
                return False
        return None


def _number(schema: Schema, step: float) -> float:
    """The one nearest to zero, on the safe side of an exclusive bound."""
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    high, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    if low is None and above is not None:
        low = above + step
    if high is None and below is not None:
        high = below - step
    value: float = 0 if low is None else max(0, low)
    return value if high is None else min(value, high)
