import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, validators

from functions.invoke_provider.response_format import check_form, unwrapped
from functions.invoke_provider.schema_steps import first_breach, read_json
from functions.shared.contracts.response_format import ResponseFormat
from functions.shared.contracts.schema_budget import subschemas_of
from functions.shared.errors import AnswerUnfit

# jsonschema's own, but for the patterns that are never run.
Unread: Any = validators.extend(Draft202012Validator, {"pattern": lambda *_: None})

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string", "pattern": "^(a+)+$"}, "people": {"type": "integer"}},
    "required": ["city"],
    "additionalProperties": False,
}


def schema(of):
    told = {"type": "json_schema", "json_schema": {"name": "answer", "schema": of}}
    return ResponseFormat.model_validate(told)


@pytest.mark.parametrize("form", [None, ResponseFormat(type="text")])
def test_without_a_form_any_text_will_do(form):
    check_form("no JSON {", form)


@pytest.mark.parametrize("text", ["", "{", "[1]", '"x"', "```json\n{}\n```", "[" * 100_000])
def test_anything_but_a_json_object_is_unfit(text):
    with pytest.raises(AnswerUnfit):
        check_form(text, ResponseFormat(type="json_object"))


def test_a_json_object_passes():
    check_form('{"a": 1}', ResponseFormat(type="json_object"))


@pytest.mark.parametrize("answer", [{"city": "Bern"}, {"city": "Bern", "people": 134_000}])
def test_an_answer_that_its_schema_accepts_passes(answer):
    check_form(json.dumps(answer), schema(CITY))


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ({}, "required at the top"),
        ({"city": 1}, "type at city"),
        ({"city": "Bern", "mood": 1}, "additionalProperties"),
        ([], "type at the top"),
    ],
)
def test_an_answer_that_breaks_its_schema_says_where(answer, problem):
    with pytest.raises(AnswerUnfit, match=problem):
        check_form(json.dumps(answer), schema(CITY))


def test_a_callers_pattern_is_never_run():
    check_form(json.dumps({"city": "a" * 64 + "!"}), schema(CITY))


@pytest.mark.parametrize("closing", ["additionalProperties", "unevaluatedProperties"])
@pytest.mark.parametrize("pattern", ["^(a+)+$", "(", "\\p{L}"])
def test_a_callers_pattern_of_names_is_never_run_nor_read(closing, pattern):
    names = {"type": "object", "patternProperties": {pattern: {"type": "string"}}, closing: False}
    check_form(json.dumps({"a" * 64 + "!": "x"}), schema(names))


@pytest.mark.parametrize("closing", ["additionalProperties", "unevaluatedProperties"])
def test_without_patterns_of_names_a_closed_object_is_held_to_its_names(closing):
    closed = {"type": "object", "properties": {"city": {}}, closing: False}
    check_form('{"city": 1}', schema(closed))
    with pytest.raises(AnswerUnfit, match=closing):
        check_form('{"city": 1, "mood": 1}', schema(closed))


def test_a_pattern_that_only_other_languages_know_is_no_broken_schema():
    letters = {"type": "object", "properties": {"city": {"type": "string", "pattern": "\\p{L}+"}}}
    check_form('{"city": "Bern"}', schema(letters))
    with pytest.raises(AnswerUnfit, match="type at city"):
        check_form('{"city": 1}', schema(letters))


def test_a_schema_may_name_itself_and_its_rules_and_nothing_is_looked_up_there():
    named = {
        "$id": "https://json-schema.org/draft/2020-12/schema",
        "$defs": {"a": {"type": "null"}},
    }
    draft = named | {"$schema": "http://json-schema.org/draft-04/schema#", "$ref": "#/$defs/a"}
    check_form("null", schema(draft))
    with pytest.raises(AnswerUnfit, match="type"):
        check_form("{}", schema(draft))


def test_a_recursive_schema_holds_for_every_level_of_the_answer():
    tree = {"type": "object", "properties": {"kids": {"type": "array", "items": {"$ref": "#"}}}}
    answer: Any = {}
    for _ in range(40):
        answer = {"kids": [answer, {}]}
    check_form(json.dumps(answer), schema(tree))
    with pytest.raises(AnswerUnfit, match="type at kids"):
        check_form(json.dumps({"kids": [answer, {"kids": [1]}]}), schema(tree))


@pytest.mark.parametrize(
    ("kind", "answer", "fits"),
    [
        ({"enum": [1, "a", None, [1], {"a": 1, "b": 2}]}, '{"b": 2.0, "a": 1}', True),
        ({"enum": [1]}, "1.0", True),
        ({"enum": [1]}, "true", False),
        ({"enum": [True]}, "1", False),
        ({"const": {"a": [0]}}, '{"a": [false]}', False),
        ({"const": {"a": [0]}}, '{"a": [-0.0]}', True),
        ({"uniqueItems": True}, '[1, true, "1", [1], {"a": 1}, null]', True),
        ({"uniqueItems": True}, '[{"a": 1, "b": 2}, {"b": 2, "a": 1.0}]', False),
        ({"uniqueItems": False}, "[1, 1]", True),
        ({"uniqueItems": True}, '"aa"', True),
        ({"type": "integer"}, "3.0", True),
        ({"type": "integer"}, "3.5", False),
        ({"type": "number"}, "NaN", False),
        ({"type": "number"}, "Infinity", False),
    ],
)
def test_values_are_equal_as_json_has_it(kind, answer, fits):
    if fits:
        check_form(answer, schema(kind))
    else:
        with pytest.raises(AnswerUnfit):
            check_form(answer, schema(kind))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-3, 3) | st.sampled_from("abc"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=6,
)
TYPES = st.sampled_from(["array", "boolean", "integer", "null", "number", "object", "string"])


def _schemas(inner):
    named = st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    listed = st.lists(inner, min_size=1, max_size=3)
    sizes, names = st.integers(0, 3), st.lists(st.sampled_from("abc"), unique=True, max_size=2)
    keywords: dict[str, Any] = {
        "type": TYPES, "enum": st.lists(VALUES, max_size=3), "const": VALUES, "minimum": sizes,
        "multipleOf": st.integers(1, 3), "maxLength": sizes, "minItems": sizes, "required": names,
        "uniqueItems": st.booleans(), "maxProperties": sizes, "properties": named, "not": inner,
        "dependentRequired": st.dictionaries(st.sampled_from("abc"), names, max_size=2),
        "additionalProperties": inner, "propertyNames": inner, "dependentSchemas": named,
        "items": inner, "prefixItems": listed, "contains": inner, "maxContains": sizes,
        "allOf": listed, "anyOf": listed, "oneOf": listed, "if": inner, "then": inner, "else": inner,
        "unevaluatedItems": inner, "unevaluatedProperties": inner,
        "$ref": st.just("#/$defs/type"), "pattern": st.just("("), "format": st.just("date"),
    }  # fmt: skip
    return st.booleans() | st.lists(
        st.sampled_from(sorted(keywords)), max_size=4, unique=True
    ).flatmap(lambda chosen: st.fixed_dictionaries({name: keywords[name] for name in chosen}))


@given(st.recursive(st.booleans() | st.just({}), _schemas, max_leaves=8), TYPES, VALUES)
def test_a_counted_check_finds_what_jsonschema_finds(kind, referred, value):
    whole: Any = {"$defs": {"type": {"type": referred}}, "allOf": [kind]}
    subschemas_of(whole)
    expected = Unread(whole).is_valid(value)
    assert (first_breach(read_json(json.dumps(value)), whole) is None) == expected


def test_a_long_answer_of_an_ordinary_kind_is_within_the_steps():
    fields = {"name": {"type": "string", "maxLength": 50}, "age": {"type": "integer", "minimum": 0}}
    labels = [f"label {number}" for number in range(500)]
    fields["label"] = {"enum": labels}
    row = {
        "type": "object", "properties": fields, "required": list(fields),
        "additionalProperties": False,
    }  # fmt: skip
    rows = [{"name": "Anna", "age": 40, "label": label} for label in labels * 5]
    check_form(json.dumps(rows), schema({"type": "array", "items": row}))


def test_a_broken_schema_that_came_past_the_door_breaks_no_function():
    for broken in ({"type": "nonsense"}, {"$ref": "#/nowhere"}, {"minimum": "a"}, {"allOf": 7}):
        with pytest.raises(AnswerUnfit):
            check_form("3", schema(broken))


OBJECT = ResponseFormat(type="json_object")
FENCED = '```json\n{"a": 1}\n```'


@pytest.mark.parametrize("form", [OBJECT, schema({"type": "object"})])
@pytest.mark.parametrize(
    "text",
    [
        FENCED,
        f"\n{FENCED}\n",
        f"Here is the JSON:\n\n{FENCED}\n\nLet me know.",
        'Here: ```{"a": 1}``` it is.',
        '```JSON {"a": 1}```',
        '```\r\n{"a": 1}\r\n```',
        'Sure. ```json\n{"a": 1}',
    ],
)
def test_one_fenced_block_is_unwrapped_whatever_stands_around_it(text, form):
    assert json.loads(unwrapped(text, form)) == {"a": 1}


@pytest.mark.parametrize(
    "text",
    [
        '{"a": "```json\\n{}\\n```"}',
        "no JSON at all",
        "```python\nprint(1)\n```",
        f"{FENCED}\nor\n{FENCED}",
        'Here: {"a": 1}',
        "``````",
        "```",
    ],
)
def test_a_text_that_is_json_or_holds_not_one_block_of_it_stays(text):
    assert unwrapped(text, OBJECT) == text


def test_a_fence_inside_the_json_does_not_end_it():
    told = {"code": "```py\nx\n```", "a": 1}
    assert json.loads(unwrapped(f"So:\n```json\n{json.dumps(told)}\n```\nDone.", OBJECT)) == told


@pytest.mark.parametrize("form", [None, ResponseFormat(type="text")])
def test_a_fence_stays_where_a_text_was_asked_for(form):
    assert unwrapped(FENCED, form) == FENCED


def test_json_that_was_asked_for_holds_no_half_of_a_pair():
    assert unwrapped('{"a": "\\ud83d"}', OBJECT) == '{"a": "\ufffd"}'
    assert unwrapped('"\\ud83d"', None) == '"\\ud83d"'
