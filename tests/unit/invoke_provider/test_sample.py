import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from functions.invoke_provider.providers.patterns import matching
from functions.invoke_provider.providers.sample import sample_of
from functions.shared.errors import RequestUnsupported

LINE = {
    "type": "object",
    "properties": {"sku": {"type": "string", "pattern": "^[A-Z]{3}-\\d{4}$"}, "n": {"minimum": 1}},
    "required": ["sku", "n"],
    "additionalProperties": False,
}
SCHEMAS = [
    {},
    {"type": "string", "maxLength": 0},
    {"type": "string", "pattern": "^(foo|bar)+x?$", "minLength": 7},
    {"type": "string", "pattern": "^[^a-z ]{2,}$"},
    {"type": ["string", "null"], "minLength": 30},
    {"type": "number", "multipleOf": 0.01, "minimum": 0.1},
    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    {"type": "number", "exclusiveMaximum": -3},
    {"type": "integer", "multipleOf": 7, "minimum": 10},
    {"type": "integer", "multipleOf": 2.5, "minimum": 1},
    {"const": {"a": [1, None]}},
    {"enum": [3, "x"], "type": "string"},
    {"array": 1, "type": "array", "items": LINE, "minItems": 3, "uniqueItems": True},
    {"type": "array", "items": {"enum": ["a", "b", "c"]}, "minItems": 3, "uniqueItems": True},
    {"type": "array", "items": {"type": "integer", "minimum": 3}, "minItems": 4, "uniqueItems": True},
    {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False,
     "minItems": 2},
    {"type": "array", "contains": {"const": 5}, "minContains": 2, "maxItems": 4},
    {"anyOf": [{"type": "integer", "minimum": 5, "maximum": 4}, {"type": "string"}]},
    {"oneOf": [{"type": "integer", "multipleOf": 2}, {"type": "integer", "multipleOf": 3}]},
    {"oneOf": [{"type": "number"}, {"type": "integer"}]},
    {"allOf": [{"type": "integer", "minimum": 3}, {"maximum": 10}, {"multipleOf": 4}]},
    {"allOf": [{"type": ["number", "null"]}, {"type": ["integer", "string"]}, {"not": {"const": 0}}]},
    {"not": {"type": ["null", "string"]}},
    {"not": {"enum": [None, "simulated"]}},
    {
        "type": "object",
        "properties": {"kind": {"enum": ["a"]}, "x": {"type": "integer"}, "y": {"type": "boolean"}},
        "required": ["kind"],
        "if": {"properties": {"kind": {"const": "a"}}, "required": ["kind"]},
        "then": {"required": ["x"]},
        "else": {"required": ["y"]},
    },
    {"required": ["a"], "dependentRequired": {"a": ["b"], "b": ["c"]}, "type": "object"},
    {
        "type": "object",
        "required": ["a"],
        "dependentSchemas": {"a": {"required": ["z"], "properties": {"z": {"const": 5}}}},
    },
    {
        "type": "object",
        "minProperties": 4,
        "maxProperties": 4,
        "propertyNames": {"pattern": "^[a-z]{2,}$"},
        "additionalProperties": {"type": "integer"},
    },
    {
        "type": "object",
        "allOf": [{"properties": {"a": {"type": "string"}}, "required": ["a"]}],
        "unevaluatedProperties": False,
    },
    {
        "type": "object",
        "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
        "required": ["next"],
    },
    {
        "type": "object",
        "properties": {"kids": {"type": "array", "items": {"$ref": "#"}}},
        "required": ["kids"],
    },
    {
        "type": "object",
        "properties": {"lines": {"type": "array", "items": {"$ref": "#/$defs/line"}, "minItems": 2}},
        "required": ["lines"],
        "$defs": {"line": LINE},
    },
]  # fmt: skip


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: json.dumps(schema)[:60])
def test_a_sample_keeps_to_its_schema(schema):
    Draft202012Validator(schema).validate(sample_of(schema))


def test_an_object_that_demands_nothing_has_what_it_describes():
    told = {"city": {"type": "string"}, "days": {"type": "integer"}, "more": {"$ref": "#"}}
    assert sample_of({"type": "object", "properties": told}) == {"city": "simulated", "days": 0}


@pytest.mark.parametrize(
    "schema",
    [
        False,
        {"type": "integer", "minimum": 10, "maximum": 5},
        {"type": "array", "items": {"type": "boolean"}, "minItems": 3, "uniqueItems": True},
        {"allOf": [{"type": "string"}, {"type": "integer"}]},
        {"enum": []},
        {"type": "string", "pattern": "("},
        {"type": "string", "pattern": "a{9999999}"},
        {"type": "object", "required": ["a"], "properties": {"a": False}},
    ],
    ids=str,
)
def test_what_no_value_is_found_for_the_simulator_cannot_take(schema):
    with pytest.raises(RequestUnsupported):
        sample_of({"allOf": [schema]})


PATTERNS = [
    "^a+$", "^(a|b){2,3}$", r"^\d{3}-\d{2}$", r"^\w+@\w+\.com$", "^[^0-9]$", "^.$", "a?b*c",
    r"^(x)\1$", "^(?:ab)?$", r"^[\w.-]+$", r"^\S+\s\S+$", "^$", "^[^a]$", r"^\D\W$",
]  # fmt: skip


@pytest.mark.parametrize("repeats", [0, 1, 5])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_text_is_made_that_a_pattern_matches(pattern, repeats):
    assert re.search(pattern, matching(pattern, repeats))


numbers = st.integers(-1000, 1000)
texts = st.text(max_size=8)
scalars = st.none() | st.booleans() | numbers | texts


@st.composite
def kept_schemas(draw, depth=2):
    """Schemas that some value keeps to, as they are drawn around one."""
    kind = draw(
        st.sampled_from(["enum", "number", "text", "union"] + ["object", "array"] * (depth > 0))
    )
    inner = kept_schemas(depth - 1)
    match kind:
        case "enum":
            return {"enum": draw(st.lists(scalars, min_size=1, max_size=3))}
        case "number":
            low, step = draw(numbers), draw(st.integers(1, 9))
            exclusive = draw(st.booleans())
            name = "exclusiveMinimum" if exclusive else "minimum"
            return {
                "type": draw(st.sampled_from(["integer", "number"])),
                name: low,
                "maximum": low + step,
                "multipleOf": draw(st.sampled_from([1, step])),
            }
        case "text":
            least = draw(st.integers(0, 30))
            return {
                "type": "string",
                "minLength": least,
                "maxLength": least + draw(st.integers(0, 9)),
            }
        case "union":
            return {draw(st.sampled_from(["anyOf", "allOf"])): [draw(kept_schemas(0))]}
        case "array":
            least = draw(st.integers(0, 3))
            return {"type": "array", "items": draw(inner), "minItems": least, "maxItems": least + 1}
    properties = draw(st.dictionaries(texts, inner, max_size=4))
    required = (
        draw(st.lists(st.sampled_from(sorted(properties)), unique=True)) if properties else []
    )
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": draw(st.booleans()),
        "minProperties": len(required),
    }


@given(kept_schemas())
def test_a_schema_that_can_be_kept_to_is_kept_to(schema):
    Draft202012Validator(schema).validate(sample_of(schema))


anything = st.recursive(
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["object", "array", "string", "integer", "number", "null"]),
            "minimum": numbers, "exclusiveMaximum": numbers, "multipleOf": st.sampled_from([0.1, 3]),
            "minLength": st.integers(0, 9), "maxLength": st.integers(0, 9),
            "minItems": st.integers(0, 4), "uniqueItems": st.booleans(),
            "required": st.lists(st.sampled_from("abc"), unique=True),
            "minProperties": st.integers(0, 3), "enum": st.lists(scalars, max_size=3),
        },
    ),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(st.sampled_from("abc"), inner),
            "items": inner, "contains": inner, "not": inner, "if": inner, "then": inner,
            "additionalProperties": inner | st.booleans(),
            "oneOf": st.lists(inner, min_size=1, max_size=3),
            "anyOf": st.lists(inner, min_size=1, max_size=3),
            "allOf": st.lists(inner, min_size=1, max_size=3),
        },
    ),
    max_leaves=6,
)  # fmt: skip


@given(anything)
def test_any_schema_has_a_fitting_sample_or_none_at_all(schema):
    try:
        value = sample_of(schema)
    except RequestUnsupported:
        return
    Draft202012Validator(schema).validate(value)
