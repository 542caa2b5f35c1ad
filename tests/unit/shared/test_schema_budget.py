import json
from typing import Any

import jsonschema_specifications
import pytest
from jsonschema import Draft202012Validator

from functions.classify.parsing import parse_request
from functions.shared.contracts.schema_budget import (
    MAX_SCHEMA_BYTES,
    MAX_SUBSCHEMAS,
    SchemaRefused,
    subschemas_of,
)
from functions.shared.errors import InvalidRequest

DRAFT = "https://json-schema.org/draft/2020-12"
VOCABULARIES = (
    "core", "applicator", "unevaluated", "validation", "meta-data", "format-annotation", "content",
)  # fmt: skip
ELSEWHERE = {"$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveAnchor", "$recursiveRef"}
ELSEWHERE |= {"$vocabulary"}
VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 1.0, 1.5, -1.5, 10**30, "", "a", "object", "a#b", [], ["a"],
    ["a", "a"], ["object"], ["object", "object"], ["object", "string"], [1], [True], [{}], [None],
    [{"type": "null"}], {}, {"a": True}, {"a": {}}, {"a": 1}, {"a": ["b"]}, {"a": ["b", "b"]},
    {"a": [1]}, {"a": []}, {"a": None},
]  # fmt: skip


def _keywords():
    contents = jsonschema_specifications.REGISTRY.contents
    names = set(Draft202012Validator.META_SCHEMA["properties"])
    for vocabulary in VOCABULARIES:
        names |= contents(f"{DRAFT}/meta/{vocabulary}")["properties"].keys()
    return sorted(names - ELSEWHERE - {"$ref"})


def _is_taken(schema):
    try:
        subschemas_of(schema)
    except SchemaRefused:
        return False
    return True


def _refused(schema):
    with pytest.raises(SchemaRefused) as refused:
        subschemas_of(schema)
    return refused.value


@pytest.mark.parametrize("keyword", _keywords())
def test_what_is_a_schema_is_what_the_drafts_own_schema_accepts(keyword):
    rules = Draft202012Validator(Draft202012Validator.META_SCHEMA)
    told = {str(value): _is_taken({keyword: value}) for value in VALUES}
    assert told == {str(value): rules.is_valid({keyword: value}) for value in VALUES}


@pytest.mark.parametrize(
    ("schema", "count"),
    [
        ({}, 1),
        ({"type": "object", "properties": {"a": {}, "b": True}}, 3),
        ({"properties": {"properties": {}, "$ref": {}, "$id": {}, "$anchor": {}}}, 5),
        ({"enum": [{"$ref": "https://example.com"}], "default": {"type": 1}, "x": {"$id": 1}}, 1),
        ({"$defs": {"a": {"items": {}}}, "anyOf": [{"$ref": "#/$defs/a"}] * 3}, 10),
        ({"properties": {"kids": {"type": "array", "items": {"$ref": "#"}}}}, 4),
        ({"$ref": "#/components/a%20b~1c", "components": {"a b/c": {}}}, 2),
        ({"anyOf": [{}, {"$ref": "#/anyOf/0"}]}, 4),
        ({"$id": "https://example.com/a", "$schema": "https://example.com/b"}, 1),
    ],
)
def test_subschemas_are_counted_as_they_would_be_applied(schema, count):
    assert subschemas_of(schema) == count


def _doubling(levels, keyword="allOf"):
    defs: dict[str, Any] = {
        f"a{level}": {keyword: [{"$ref": f"#/$defs/a{level + 1}"}] * 2} for level in range(levels)
    }
    return {"$ref": "#/$defs/a0", "$defs": defs | {f"a{levels}": {}}}


@pytest.mark.parametrize("keyword", ["allOf", "anyOf", "oneOf", "prefixItems"])
def test_a_few_references_that_stand_for_millions_are_too_many(keyword):
    assert subschemas_of(_doubling(7, keyword)) < MAX_SUBSCHEMAS
    assert len(json.dumps(_doubling(28))) < 2_200
    assert "subschemas" in _refused(_doubling(28, keyword)).problem


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({"$ref": "#"}, ()),
        ({"allOf": [{"$ref": "#"}]}, ()),
        ({"$defs": {"a": {"not": {"$ref": "#/$defs/b"}}, "b": {"$ref": "#/$defs/a"}}}, ()),
        ({"dependentSchemas": {"a": {"if": {"$ref": "#"}}}}, ()),
        ({"$ref": "#/nowhere"}, ("$ref",)),
        ({"$ref": "#/required/0", "required": ["a"]}, ("$ref",)),
        ({"$ref": "#/allOf/-1", "allOf": [{}]}, ("$ref",)),
        ({"$ref": "#/allOf/" + "9" * 5_000, "allOf": [{}]}, ("$ref",)),
        ({"$ref": "#name"}, ("$ref",)),
        ({"$ref": "other"}, ("$ref",)),
        ({"items": {"$ref": "https://example.com/schema.json"}}, ("items", "$ref")),
        ({"items": {"$ref": "file:///etc/passwd"}}, ("items", "$ref")),
        ({"items": {"$dynamicRef": "#a"}}, ("items", "$dynamicRef")),
        ({"items": {"$anchor": "a"}}, ("items", "$anchor")),
        ({"items": {"$id": "a"}}, ("items", "$id")),
        ({"items": {"$schema": "http://json-schema.org/draft-07/schema#"}}, ("items", "$schema")),
        ({"$ref": "#/x", "x": {"properties": {"a": {"type": "x"}}}}, ("x", "properties", "a", "type")),
        ({"properties": {"a": {"anyOf": [{}, {"minimum": "1"}]}}},
         ("properties", "a", "anyOf", 1, "minimum")),
    ],
)  # fmt: skip
def test_what_leads_elsewhere_or_nowhere_is_refused_at_its_place(schema, place):
    assert _refused(schema).place == place


def test_size_and_depth_are_bounded():
    assert "bytes" in _refused({"description": "x" * MAX_SCHEMA_BYTES}).problem
    assert "subschemas" in _refused({"anyOf": [{}] * MAX_SUBSCHEMAS}).problem
    assert "subschemas" in _refused({"$defs": {str(n): {} for n in range(3_000)}}).problem
    chain: dict[str, Any] = {f"a{n}": {"items": {"$ref": f"#/$defs/a{n + 1}"}} for n in range(900)}
    assert "levels" in _refused({"$ref": "#/$defs/a0", "$defs": chain | {"a900": {}}}).problem


def _parsed(**fields):
    return parse_request({"text": "a", "task": "chat"} | fields)


def _form(schema):
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    return {"response_format": form}


def _tools(*schemas):
    return {
        "tools": [
            {"type": "function", "function": {"name": "f", "parameters": one}} for one in schemas
        ]
    }


@pytest.mark.parametrize("broken", [{"type": "x"}, {"$ref": "#"}, _doubling(28)])
@pytest.mark.parametrize(
    ("asked", "at"),
    [
        (_form, "response_format.json_schema.schema"),
        (lambda broken: _tools({}, broken), "tools.1.function.parameters"),
    ],
)
def test_a_schema_is_refused_at_the_door_by_its_place_in_the_request(asked, at, broken):
    with pytest.raises(InvalidRequest) as refused:
        _parsed(**asked(broken))
    (problem,) = refused.value.details
    assert problem["field"].startswith(at)


def test_all_schemas_of_a_request_together_are_bounded():
    many = {"anyOf": [{}] * 1_500}
    assert _parsed(**_tools(*[many] * 6))
    with pytest.raises(InvalidRequest, match="together"):
        _parsed(**_tools(*[many] * 7))


def test_the_schemas_of_every_day_pass():
    city = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tree = {"type": "object", "properties": {"kids": {"type": "array", "items": {"$ref": "#"}}}}
    assert _parsed(**_form(tree), **_tools(city, {}, tree, {"$defs": {"a": city}}))


@pytest.mark.parametrize(
    "schema",
    [{"items": [{"type": "string"}, {}]}, {"minimum": 1, "exclusiveMinimum": True}],
    ids=["items of draft 7", "a bound of draft 4"],
)
def test_a_tool_may_be_described_as_older_drafts_do_and_a_form_may_not(schema):
    assert _parsed(**_tools({"properties": {"a": schema}}))
    with pytest.raises(InvalidRequest):
        _parsed(**_form({"properties": {"a": schema}}))


@pytest.mark.parametrize("items", [7, [7], {"items": "x"}])
def test_what_is_no_schema_in_any_draft_is_refused_in_a_tool_too(items):
    with pytest.raises(InvalidRequest):
        _parsed(**_tools({"items": items}))
