"""A small value that a JSON Schema accepts, for simulated answers.

Made part by part, and held against the schema where its parts alone do not tell. Regular expressions
are a caller's, and are never run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain, islice, product
from typing import Any

from pydantic import JsonValue

from functions.invoke_provider.providers.patterns import MAX_LENGTH, matching
from functions.invoke_provider.response_format import NOT_CHECKED
from functions.invoke_provider.schema_steps import Check
from functions.shared.contracts.schema_budget import pointed_at
from functions.shared.contracts.state_size import json_bytes
from functions.shared.errors import RequestUnsupported

Schema = dict[str, Any]

MAX_STEPS = 3_000
"""A schema that refers to itself, or asks for a huge array, grows without end."""
_BYTES_PER_STEP = 100
_MOST_TRIED = 64
"""Values of one part, before it is given up."""
_MOST_INSIDE_ITSELF = 2
_TEXT = "simulated"
_FORMATS = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "duration": "P1D",
    "email": "someone@example.com",
    "idn-email": "someone@example.com",
    "hostname": "example.com",
    "idn-hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uri-reference": "/example",
    "iri": "https://example.com/",
    "iri-reference": "/example",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "json-pointer": "/example",
    "relative-json-pointer": "0",
    "regex": "a",
}
_TYPES = ("null", "string", "integer", "boolean", "array", "object", "number")
_SHAPES = {
    "object": ("properties", "required", "minProperties", "additionalProperties", "propertyNames",
               "patternProperties", "dependentRequired"),
    "array": ("items", "prefixItems", "minItems", "contains", "uniqueItems"),
    "string": ("pattern", "format", "minLength", "maxLength"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}  # fmt: skip
"""Where a schema names no type, what it says of a value tells which was meant."""
_LARGER = {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains"}
_SMALLER = {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"}
_BOTH = {"items", "additionalProperties", "propertyNames", "contains"}
_SIMPLE = frozenset(
    (
        "type", "properties", "required", "additionalProperties", "items", "minItems", "maxItems",
        "minLength", "maxLength", "pattern", "format", "title", "description", "$ref", "$defs",
        "definitions", "$comment", "examples", "minimum", "maximum",
    )
)  # fmt: skip
"""A value whose parts fit such a schema's parts fits the schema, as it is made."""


class _Unmet(Exception):
    """Nobody finds a value, within reason."""


def sample_of(schema: Schema) -> JsonValue:
    """Raises `RequestUnsupported` where no value is found, which need not mean that there is none."""
    try:
        check = Check(schema)
        value = next(_Sampler(check).values(check.schema), _Unmet)
        is_met = value is not _Unmet and check.first_breach(value) is None
    except (*NOT_CHECKED, _Unmet):
        is_met = False
    if not is_met:
        raise RequestUnsupported("The simulator finds no value for the JSON schema.")
    return value  # type: ignore[return-value]


@dataclass
class _Sampler:
    check: Check
    steps: int = 0
    refers: dict[int, bool] = field(default_factory=dict)
    """By a schema's identity, whether it holds a reference."""

    def values(self, schema: Any, path: tuple[int, ...] = ()) -> Iterator[Any]:
        """Those that fit, all different."""
        self._step(1)
        if schema is False or path.count(id(schema)) > _MOST_INSIDE_ITSELF:
            return
        if schema is True:
            schema = {}
        path = (*path, id(schema))
        is_hard = not _SIMPLE.issuperset(schema)
        for flat in self._flat(schema):
            for value in islice(self._made(flat, path), _MOST_TRIED):
                self._step(1)
                if not is_hard or self.check.first_breach(value, schema) is None:
                    yield value

    def _flat(self, schema: Any) -> Iterator[Schema]:
        """The schema as one object or another of keywords that stand beside each other."""
        self._step(1)
        if schema is False:
            return
        if schema is True:
            schema = {}
        groups: list[list[Any]] = [[part] for part in schema.get("allOf", [])]
        groups += [
            sorted(schema[name], key=self._refers) for name in ("anyOf", "oneOf") if name in schema
        ]
        if "$ref" in schema:
            groups.append([pointed_at(self.check.schema, schema["$ref"])[0]])
        if "if" in schema:
            # What breaks the condition, or meets it by what it asks: the check tells.
            meets = {"allOf": [schema["if"], schema.get("then", True)]}
            groups.append([schema.get("else", True), meets])
        if dependent := [
            part
            for name, part in (schema.get("dependentSchemas") or {}).items()
            if name in schema.get("required", [])
        ]:
            groups.append([{"allOf": dependent}])
        own = {name: one for name, one in schema.items() if name not in _APPLIED}
        for parts in product(*(self._of_any(group) for group in groups)):
            merged = own
            for part in parts:
                self._step(1)
                merged = _merged(merged, part)
            yield merged

    def _of_any(self, group: list[Any]) -> Iterator[Schema]:
        return chain.from_iterable(map(self._flat, group))

    def _made(self, schema: Schema, path: tuple[int, ...]) -> Iterator[Any]:
        if "const" in schema or "enum" in schema:
            given = [schema["const"]] if "const" in schema else schema["enum"]
            self._step(json_bytes(given) // _BYTES_PER_STEP)
            yield from given
            return
        if "default" in schema:
            self._step(json_bytes(schema["default"]) // _BYTES_PER_STEP)
            yield schema["default"]
        kinds = [self._of_kind(kind, schema, path) for kind in _types(schema)]
        while kinds:
            for kind in tuple(kinds):
                value = next(kind, _Unmet)
                if value is _Unmet:
                    kinds.remove(kind)
                else:
                    yield value

    def _of_kind(self, kind: str, schema: Schema, path: tuple[int, ...]) -> Iterator[Any]:
        match kind:
            case "boolean":
                return iter((False, True))
            case "string":
                return self._texts(schema)
            case "integer" | "number":
                return _numbers(schema, is_whole=kind == "integer")
            case "array":
                return self._arrays(schema, path)
            case "object":
                return self._objects(schema, path)
        return iter((None,))

    def _texts(self, schema: Schema) -> Iterator[str]:
        least, most = schema.get("minLength", 0), schema.get("maxLength", MAX_LENGTH)
        if least > MAX_LENGTH:
            raise _Unmet
        for number in range(_MOST_TRIED):
            if "pattern" in schema:
                text = matching(schema["pattern"], number if number < 8 else 2 ** (number - 5))
            elif "format" in schema:
                text = _FORMATS.get(schema["format"], _TEXT)
            else:
                text = _numbered(number, int(least), int(most))
            self._step(len(text) // _BYTES_PER_STEP)
            if least <= len(text) <= most:
                yield text
            elif len(text) > most and number:
                return

    def _arrays(self, schema: Schema, path: tuple[int, ...]) -> Iterator[list[Any]]:
        first, items = schema.get("prefixItems", []), schema.get("items", True)
        held = (
            [schema["contains"]] * int(schema.get("minContains", 1)) if "contains" in schema else []
        )
        least = int(schema.get("minItems", 0))
        self._step(least)
        longest = min(max(least, len(first) + len(held) + (items not in (True, False))),
                      schema.get("maxItems", math.inf))  # fmt: skip
        for length in dict.fromkeys((int(longest), least)):
            parts = [*first, *held, *[items] * (length - len(first) - len(held))][:length]
            made = self._distinct(parts, path) if schema.get("uniqueItems") else [
                next(self.values(part, path), _Unmet) for part in parts
            ]  # fmt: skip
            if _Unmet not in made:
                yield made

    def _distinct(self, parts: list[Any], path: tuple[int, ...]) -> list[Any]:
        made: list[Any] = []
        rest = {id(part): self.values(part, path) for part in parts}
        for part in parts:
            made.append(next((one for one in rest[id(part)] if one not in made), _Unmet))
        return made

    def _objects(self, schema: Schema, path: tuple[int, ...]) -> Iterator[dict[str, Any]]:
        properties: dict[str, Any] = schema.get("properties") or {}
        required = _required(schema)
        optional = [name for name, one in properties.items() if not self._refers(one)]
        for chosen in dict.fromkeys((tuple(required or optional), tuple(required))):
            names = list(chosen)
            names += self._more_names(schema, names, path)
            others = schema.get("additionalProperties", True)
            parts = [self.values(properties.get(name, others), path) for name in names]
            last: list[Any] = [_Unmet] * len(parts)
            for _ in range(_MOST_TRIED if parts else 1):
                made = [next(part, one) for part, one in zip(parts, last, strict=True)]
                if _Unmet in made or (parts and made == last):
                    break
                last = made
                yield dict(zip(names, made, strict=True))

    def _more_names(self, schema: Schema, names: list[str], path: tuple[int, ...]) -> list[str]:
        missing = int(schema.get("minProperties", 0)) - len(names)
        self._step(max(0, missing))
        if missing <= 0:
            return []
        of_names = {"allOf": [{"type": "string"}, schema.get("propertyNames", True)]}
        known = schema.get("properties") or {}
        free = chain(known, self.values(of_names, path))
        return list(islice((name for name in free if name not in names), missing))

    def _refers(self, schema: Any) -> bool:
        """What refers to nothing ends sooner."""
        if id(schema) not in self.refers:
            self.refers[id(schema)] = "$ref" in str(schema)
        return self.refers[id(schema)]

    def _step(self, count: int) -> None:
        self.steps += count
        if self.steps > MAX_STEPS:
            raise _Unmet


_APPLIED = frozenset(
    {"allOf", "anyOf", "oneOf", "$ref", "if", "then", "else", "dependentSchemas", "not"}
)


def _merged(one: Schema, other: Schema) -> Schema:
    """What both ask for, as far as one keyword can say it."""
    both = one | other
    for name in one.keys() & other.keys():
        mine, theirs = one[name], other[name]
        if name in _LARGER:
            both[name] = max(mine, theirs)
        elif name in _SMALLER:
            both[name] = min(mine, theirs)
        elif name in _BOTH and mine != theirs:
            both[name] = {"allOf": [mine, theirs]}
        elif name == "required":
            both[name] = [*mine, *theirs]
        elif name == "enum":
            both[name] = [value for value in mine if value in theirs]
        elif name == "type":
            both[name] = _common_types(mine, theirs)
        elif name == "multipleOf":
            both[name] = _common_multiple(mine, theirs)
        elif name == "properties":
            both[name] = _merged_properties(mine, theirs)
    return both


def _merged_properties(one: Mapping[str, Any], other: Mapping[str, Any]) -> Schema:
    shared = {name: {"allOf": [one[name], other[name]]} for name in one.keys() & other.keys()}
    return {**one, **other, **shared}


def _common_types(one: Any, other: Any) -> list[str]:
    mine, theirs = (_with_whole(told) for told in (one, other))
    return [kind for kind in mine if kind in theirs]


def _with_whole(told: Any) -> list[str]:
    kinds = [told] if isinstance(told, str) else list(told)
    return [*kinds, "integer"] if "number" in kinds else kinds


def _common_multiple(one: float, other: float) -> Any:
    mine, theirs = Fraction(str(one)), Fraction(str(other))
    top = math.lcm(mine.numerator * theirs.denominator, theirs.numerator * mine.denominator)
    return _as_json(Fraction(top, mine.denominator * theirs.denominator))


def _types(schema: Schema) -> list[str]:
    if "type" in schema:
        told = schema["type"]
        return [told] if isinstance(told, str) else list(told)
    meant = [kind for kind, names in _SHAPES.items() if not schema.keys().isdisjoint(names)]
    return list(dict.fromkeys((*meant, *_TYPES)))


def _required(schema: Schema) -> list[str]:
    """With what each name asks for beside itself."""
    names = dict.fromkeys(schema.get("required", []))
    dependent = schema.get("dependentRequired") or {}
    todo = list(names)
    while todo:
        for name in dependent.get(todo.pop(), []):
            if name not in names:
                names[name] = None
                todo.append(name)
    return list(names)


def _numbered(number: int, least: int, most: int) -> str:
    mark = f" {number + 1}" if number else ""
    text = (_TEXT + mark).ljust(least, ".")
    return text if len(text) <= most else (mark.strip() or "s").ljust(least, ".")[:most]


def _numbers(schema: Schema, *, is_whole: bool) -> Iterator[float]:
    """From the one that is nearest to zero away from it."""
    step = Fraction(str(schema.get("multipleOf", 1)))
    if is_whole:
        step = Fraction(math.lcm(step.numerator, step.denominator), step.denominator)
    limits = _Limits.of(schema)
    is_above = limits.high >= 0
    count = (max(limits.low, 0) if is_above else limits.high) / step
    nearest = math.ceil(count) if is_above else math.floor(count)
    way = 1 if is_above else -1
    tried = [step * (nearest + way * further) for further in range(_MOST_TRIED)]
    if "multipleOf" not in schema and not is_whole:
        near = (
            Fraction(limits.low) + Fraction(limits.high) if limits.are_near else 2 * nearest + way
        )
        tried.insert(1, Fraction(near) / 2)
    yield from (_as_json(value) for value in tried if limits.hold(value))


@dataclass(frozen=True)
class _Limits:
    low: Fraction | float
    high: Fraction | float
    refused: frozenset[Fraction]

    @classmethod
    def of(cls, schema: Schema) -> _Limits:
        # Before 2019 the exclusive ones were no numbers, and many tools are still described so.
        told = {
            name: Fraction(str(schema[name]))
            for name in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")
            if not isinstance(schema.get(name, True), bool)
        }
        low = max(told.get("minimum", -math.inf), told.get("exclusiveMinimum", -math.inf))
        high = min(told.get("maximum", math.inf), told.get("exclusiveMaximum", math.inf))
        opened = (told.get("exclusiveMinimum"), told.get("exclusiveMaximum"))
        return cls(low, high, frozenset(one for one in opened if one is not None))

    def hold(self, value: Fraction) -> bool:
        return self.low <= value <= self.high and value not in self.refused

    @property
    def are_near(self) -> bool:
        return -math.inf < self.low < self.high < math.inf


def _as_json(value: Fraction) -> Any:
    return value.numerator if value.denominator == 1 else float(value)
